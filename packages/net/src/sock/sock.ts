// SPDX-License-Identifier: MIT
import type { KernelObject, KernelServices } from '@tsbpf/core';
import { readField, writeField, writePointerField } from '../dev/fields.ts';
import type { NetNamespace } from '../dev/namespace.ts';
import { freeSkStorage } from '../sk-storage/sock-life.ts';
import { leaveSockMaps } from '../sockmap/psock.ts';

/** States of a socket that have meaning for every protocol. @see include/net/tcp_states.h */
export const TCP_TIME_WAIT = 6;
export const TCP_CLOSE = 7;
export const TCP_LISTEN = 10;
export const TCP_NEW_SYN_RECV = 12;

/** A `struct sock` in kernel memory. */
export interface Sock extends KernelObject {
  readonly kind: 'sock';
  readonly netns: NetNamespace;
}

/**
 * A socket of a structure such as `sock` or `tcp_sock`: closed, with one reference, owned by the current user. Undefined
 * when memory is exhausted.
 */
export function createSock(
  kernel: KernelServices,
  options: { netns: NetNamespace; struct?: string; uid?: number },
): Sock | undefined {
  const struct = options.struct ?? 'sock';
  const off = kernel.mem.alloc(kernel.types.sizeOf(struct), { kind: 'object', name: struct, align: 64 });
  if (off === 0) return undefined;
  writeField(kernel, off, 'sock_common.skc_state', TCP_CLOSE);
  writeField(kernel, off, 'sock_common.skc_refcnt', 1);
  writePointerField(kernel, off, 'sock_common.skc_net.net', options.netns.off);
  writeField(kernel, off, 'sock.sk_uid', options.uid ?? kernel.env.current.uid);
  const sock: Sock = { kind: 'sock', off, netns: options.netns };
  kernel.objects.add(sock);
  return sock;
}

/** Frees a socket: what is stored with it goes too. */
export function freeSock(kernel: KernelServices, sock: Sock): void {
  leaveSockMaps(kernel, sock.off);
  freeSkStorage(kernel, sock.off);
  kernel.objects.gone(sock);
  kernel.mem.free(sock.off);
}

/** Neither a request's socket nor one in time-wait: every member of `struct sock` is there. */
export function isFullSock(kernel: KernelServices, off: number): boolean {
  const state = readField(kernel, off, 'sock_common.skc_state');
  return state !== TCP_TIME_WAIT && state !== TCP_NEW_SYN_RECV;
}
