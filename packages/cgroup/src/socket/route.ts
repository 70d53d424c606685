// SPDX-License-Identifier: MIT
import { isV4Mapped, v4Mapped } from './address.ts';

/** The address this machine speaks from when it speaks to one of its own. @see net/ipv4/route.c */
export function sourceFor(destination: Uint8Array): Uint8Array {
  const v4 = destination.length === 4 ? destination : isV4Mapped(destination) ? destination.subarray(12) : undefined;
  if (v4 === undefined) return destination;
  const source = v4[0] === 127 ? Uint8Array.of(127, 0, 0, 1) : v4;
  return destination.length === 4 ? source : v4Mapped(source);
}
