// SPDX-License-Identifier: MIT
// The security associations a packet came through. @see include/net/xfrm.h, struct sec_path
import { ENOMEM, UsageError } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { readPointer, writePointer } from '../dev/pointer.ts';
import type { Skb } from '../skb/skb.ts';
import { parseAddress } from './prefix.ts';

const NAME = 'sec_path';
const MAX_DEPTH = 6;
const STATE_BYTES = 32;

/** An association, as a script says. */
export interface XfrmState {
  readonly reqid: number;
  /** As a number; it is sent in network order. */
  readonly spi: number;
  /** Who sealed the packet. */
  readonly src: string;
}

/** What programs see of an association. */
export interface SeenState {
  readonly reqid: number;
  /** In network order, as it lies in memory. */
  readonly spiBytes: Uint8Array;
  readonly src: Uint8Array;
}

/** Room for a path, outermost last, as packets are opened. @errno ENOMEM UsageError */
export function makeSecPath(kernel: KernelServices, states: readonly XfrmState[]): number {
  if (states.length > MAX_DEPTH) {
    throw new UsageError(`a packet passes up to ${MAX_DEPTH} associations, not ${states.length}`, { errno: ENOMEM });
  }
  const { mem } = kernel;
  const off = mem.alloc(8 + MAX_DEPTH * STATE_BYTES, { kind: 'object', name: NAME });
  if (off === 0) throw new UsageError('kernel memory is exhausted: no room for a sec_path', { errno: ENOMEM });
  mem.write32(off, states.length);
  states.forEach(({ reqid, spi, src }, i) => {
    const at = off + 8 + i * STATE_BYTES;
    const ip = parseAddress(src);
    mem.write32(at, reqid);
    mem.writeBytes(at + 4, Uint8Array.of(spi >>> 24, spi >>> 16, spi >>> 8, spi));
    mem.write32(at + 8, ip.length);
    mem.writeBytes(at + 12, ip);
  });
  return off;
}

const link = (skb: Skb): number | undefined => {
  const field = skb.kernel.types.tryResolve('sk_buff.extensions');
  return field === undefined ? undefined : skb.off + field.off;
};

export function setSecPath(skb: Skb, off: number): void {
  const at = link(skb);
  if (at !== undefined) writePointer(skb.kernel.mem, at, off);
}

/** The associations a packet came through; undefined where it came through none. */
export function secPathOf(skb: Skb): readonly SeenState[] | undefined {
  const { mem } = skb.kernel;
  const at = link(skb);
  const off = at === undefined ? 0 : readPointer(mem, at);
  if (off === 0 || mem.regionOf(off)?.name !== NAME) return undefined;
  return Array.from({ length: mem.read32(off) }, (_, i) => {
    const state = off + 8 + i * STATE_BYTES;
    return {
      reqid: mem.read32(state),
      spiBytes: mem.readBytes(state + 4, 4),
      src: mem.readBytes(state + 12, mem.read32(state + 8)),
    };
  });
}
