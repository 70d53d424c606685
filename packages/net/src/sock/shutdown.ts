// SPDX-License-Identifier: MIT
// Which directions of a socket are closed. @see include/net/sock.h, SHUTDOWN_MASK
import type { KernelServices } from '@tsbpf/core';
import { readField, writeField } from '../dev/fields.ts';

export const RCV_SHUTDOWN = 1;
export const SEND_SHUTDOWN = 2;
const MEMBER = 'sock.sk_shutdown';

/** The closed directions, as bits; none where the kernel's BTF has no such member. */
export function shutdownOf(kernel: KernelServices, sk: number): number {
  return kernel.types.tryResolve(MEMBER) === undefined ? 0 : readField(kernel, sk, MEMBER);
}

/** Closes directions. */
export function shutDirections(kernel: KernelServices, sk: number, bits: number): void {
  if (kernel.types.tryResolve(MEMBER) !== undefined) writeField(kernel, sk, MEMBER, shutdownOf(kernel, sk) | bits);
}
