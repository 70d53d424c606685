// SPDX-License-Identifier: MIT
import type { KernelServices } from '@tsbpf/core';
import { xdpLayout, type XdpLayout } from '../dev/layout.ts';
import { readPointer, writePointer } from '../dev/pointer.ts';

/** Bytes a driver leaves before a packet. @see include/uapi/linux/bpf.h, XDP_PACKET_HEADROOM */
export const XDP_PACKET_HEADROOM = 256;
/** Bytes of an Ethernet header. */
export const ETH_HLEN = 14;

/** A `struct xdp_buff` in kernel memory: an XDP program's context. All positions are offsets in kernel memory. */
export class XdpBuff {
  readonly kernel: KernelServices;
  readonly off: number;
  readonly #at: XdpLayout;

  constructor(kernel: KernelServices, off: number) {
    this.kernel = kernel;
    this.off = off;
    this.#at = xdpLayout(kernel);
  }

  get data(): number {
    return readPointer(this.kernel.mem, this.off + this.#at.data);
  }
  set data(value: number) {
    writePointer(this.kernel.mem, this.off + this.#at.data, value);
  }
  get dataEnd(): number {
    return readPointer(this.kernel.mem, this.off + this.#at.dataEnd);
  }
  set dataEnd(value: number) {
    writePointer(this.kernel.mem, this.off + this.#at.dataEnd, value);
  }
  get dataMeta(): number {
    return readPointer(this.kernel.mem, this.off + this.#at.dataMeta);
  }
  set dataMeta(value: number) {
    writePointer(this.kernel.mem, this.off + this.#at.dataMeta, value);
  }
  get hardStart(): number {
    return readPointer(this.kernel.mem, this.off + this.#at.hardStart);
  }
  set hardStart(value: number) {
    writePointer(this.kernel.mem, this.off + this.#at.hardStart, value);
  }
  get rxq(): number {
    return readPointer(this.kernel.mem, this.off + this.#at.rxq);
  }
  set rxq(value: number) {
    writePointer(this.kernel.mem, this.off + this.#at.rxq, value);
  }

  /** A driver without room for metadata says so by data_meta behind data. */
  get metaUnsupported(): boolean {
    return this.dataMeta > this.data;
  }
  get metaLen(): number {
    return this.metaUnsupported ? 0 : this.data - this.dataMeta;
  }
  get lenBytes(): number {
    return this.dataEnd - this.data;
  }
  /** The first byte behind `struct xdp_frame`, which takes the beginning of the headroom. */
  get frameEnd(): number {
    return this.hardStart + this.#at.frameSize;
  }

  /** A copy of the packet. */
  bytes(): Uint8Array {
    return this.kernel.mem.readBytes(this.data, this.lenBytes);
  }
  /** A copy of the metadata. */
  metaBytes(): Uint8Array {
    return this.kernel.mem.readBytes(this.dataMeta, this.metaLen);
  }
}

/** A packet in a fresh buffer, and the context that describes it. */
export interface XdpPacket {
  readonly xdp: XdpBuff;
  /** Gives the memory back. */
  free(): void;
}

/** Room behind the packet: what a driver keeps for skb_shared_info. */
const TAILROOM = 320;

/**
 * Puts a packet into a receive buffer with {@link XDP_PACKET_HEADROOM} bytes before it. Undefined when memory is
 * exhausted.
 */
export function createXdpPacket(
  kernel: KernelServices,
  options: { bytes: Uint8Array; rxq: number; headroom?: number; tailroom?: number },
): XdpPacket | undefined {
  const { mem } = kernel;
  const headroom = options.headroom ?? XDP_PACKET_HEADROOM;
  const frame = mem.alloc(headroom + options.bytes.length + (options.tailroom ?? TAILROOM), {
    kind: 'packet',
    align: 64,
  });
  const ctx = frame === 0 ? 0 : mem.alloc(xdpLayout(kernel).buffSize, { kind: 'ctx', name: 'xdp_buff' });
  if (ctx === 0) {
    if (frame !== 0) mem.free(frame);
    return undefined;
  }
  const xdp = new XdpBuff(kernel, ctx);
  xdp.hardStart = frame;
  xdp.data = frame + headroom;
  xdp.dataMeta = xdp.data;
  xdp.dataEnd = xdp.data + options.bytes.length;
  xdp.rxq = options.rxq;
  mem.writeBytes(xdp.data, options.bytes);
  return {
    xdp,
    free() {
      mem.free(ctx);
      mem.free(frame);
    },
  };
}
