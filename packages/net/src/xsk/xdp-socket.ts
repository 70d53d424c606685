// SPDX-License-Identifier: MIT
// AF_XDP sockets: frames that XDP redirects go straight to a process, in memory that both share.
// @see net/xdp/xsk.c, Documentation/networking/af_xdp.rst
import { EINVAL, EMFILE, ENOBUFS, ENOMEM, ENOSPC, UsageError } from '@tsbpf/uapi';
import type { Checkpointable, Errno, KernelServices, SubsystemKey } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { writeField, writePointerField } from '../dev/fields.ts';
import { createSock, freeSock, type Sock } from '../sock/sock.ts';
import { installSocket } from '../sock/socket-file.ts';
import { XDP_PACKET_HEADROOM, type XdpBuff } from '../xdp/xdp-buff.ts';

export const AF_XDP = 44;

export interface XdpSocketOptions {
  /** The receive queue it is bound to; default 0. */
  readonly queue?: number;
  /** Frames of the shared memory; default 64. */
  readonly frames?: number;
  /** Bytes of each: 2048 (the default) or 4096. */
  readonly frameSize?: number;
  /** Bytes kept free at the beginning of each; default 0. */
  readonly headroom?: number;
  /** Descriptors that the receive ring holds; default 64. */
  readonly rxRing?: number;
  /** Addresses that the fill ring holds; default 64. */
  readonly fillRing?: number;
  /** Whether all frames are in the fill ring to begin with, and go back there when they have been read; default true. */
  readonly refill?: boolean;
}

/** Where a frame lies in the shared memory. */
export interface XdpDescriptor {
  readonly addr: number;
  readonly lenBytes: number;
}

/** A frame as a process reads it. */
export interface XdpFrame extends XdpDescriptor {
  /** A copy. */
  readonly data: Uint8Array;
}

interface Rings {
  fill: number[];
  rx: XdpDescriptor[];
  completed: number[];
  rxDropped: number;
  invalid: number;
}

/** AF_XDP sockets of a kernel, by the offset of their `struct xdp_sock`. */
export class XdpSockets implements Checkpointable {
  readonly checkpointName = 'net-xdp-sockets';
  readonly bySk = new Map<number, XdpSocket>();

  save(): unknown {
    return [...this.bySk.values()].map((socket) => ({ socket, rings: socket.saveRings() }));
  }
  restore(saved: unknown): void {
    this.bySk.clear();
    for (const { socket, rings } of saved as { socket: XdpSocket; rings: Rings }[]) {
      this.bySk.set(socket.sock.off, socket);
      socket.restoreRings(rings);
    }
  }
}

const XDP_SOCKETS: SubsystemKey<XdpSockets> = {
  name: 'net-xdp-sockets',
  create(kernel) {
    const state = new XdpSockets();
    kernel.checkpointables.push(state);
    return state;
  },
};

export function xdpSocketsOf(kernel: Pick<KernelServices, 'subsystem'>): XdpSockets {
  return kernel.subsystem(XDP_SOCKETS);
}

/** An AF_XDP socket bound to a queue of a device, with its rings and the memory it shares. */
export class XdpSocket implements AsyncIterable<XdpFrame> {
  readonly device: NetDevice;
  readonly queue: number;
  readonly sock: Sock;
  /** For maps. */
  readonly fd: number;
  readonly #options: Required<XdpSocketOptions>;
  readonly #umem: number;
  #rings: Rings = { fill: [], rx: [], completed: [], rxDropped: 0, invalid: 0 };
  #waiting: (() => void)[] = [];
  #open = true;

  /**
   * @errno EINVAL UsageError: no such queue, or a size that Linux does not take
   * @errno ENOMEM UsageError @errno EMFILE UsageError
   */
  constructor(device: NetDevice, options: XdpSocketOptions = {}) {
    const {
      queue = 0,
      frames = 64,
      frameSize = 2048,
      headroom = 0,
      rxRing = 64,
      fillRing = 64,
      refill = true,
    } = options;
    this.#options = { queue, frames, frameSize, headroom, rxRing, fillRing, refill };
    const { net } = device;
    const { kernel } = net;
    const refuse = (what: string): never => {
      throw new UsageError(`AF_XDP socket at ${device.name}: ${what}`, { errno: EINVAL });
    };
    if (device.rxqs[queue] === undefined) refuse(`no queue ${queue}; there are ${device.rxqs.length}`);
    if (frameSize !== 2048 && frameSize !== 4096) refuse(`frames of ${frameSize} bytes: they have 2048 or 4096`);
    if (headroom < 0 || headroom >= frameSize - XDP_PACKET_HEADROOM)
      refuse(`a headroom of ${headroom} bytes leaves no room`);
    for (const [name, size] of [
      ['rxRing', rxRing],
      ['fillRing', fillRing],
    ] as const) {
      if (size <= 0 || (size & (size - 1)) !== 0) refuse(`${name} ${size}: a ring's size is a power of two`);
    }
    this.device = device;
    this.queue = queue;
    this.#umem = kernel.mem.alloc(frames * frameSize, { kind: 'object', name: 'umem', align: 4096 });
    const sock = this.#umem === 0 ? undefined : createSock(kernel, { netns: device.netns, struct: 'xdp_sock' });
    if (sock === undefined)
      throw new UsageError('kernel memory is exhausted: no room for an AF_XDP socket', { errno: ENOMEM });
    this.sock = sock;
    writeField(kernel, sock.off, 'sock_common.skc_family', AF_XDP);
    writeField(kernel, sock.off, 'xdp_sock.queue_id', queue);
    writePointerField(kernel, sock.off, 'xdp_sock.dev', device.off);
    xdpSocketsOf(kernel).bySk.set(sock.off, this);
    if (refill) for (let i = 0; i < frames && i < fillRing; i++) this.#rings.fill.push(i * frameSize);
    this.fd = installSocket(kernel, sock, () => this.#end());
    if (this.fd < 0) {
      this.#end();
      throw new UsageError('no free file descriptor for a socket', { errno: EMFILE });
    }
  }

  /** Frames that could not be received: no room in the rings, or too long. @see XDP_STATISTICS, rx_dropped */
  get rxDropped(): number {
    return this.#rings.rxDropped;
  }
  /** Addresses of the fill ring that lie outside the memory. */
  get invalidDescriptors(): number {
    return this.#rings.invalid;
  }
  /** Descriptors that wait to be read. */
  get pending(): number {
    return this.#rings.rx.length;
  }

  /** Gives the kernel a frame to receive into. @errno ENOSPC UsageError: the fill ring is full */
  fill(addr: number): void {
    if (this.#rings.fill.length >= this.#options.fillRing) {
      throw new UsageError(`the fill ring is full (${this.#options.fillRing})`, { errno: ENOSPC });
    }
    this.#rings.fill.push(addr);
  }

  /** The next address of the fill ring that lies in the memory; those that do not are skipped. */
  #peekFill(): number | undefined {
    const { frames, frameSize } = this.#options;
    for (let addr; (addr = this.#rings.fill[0]) !== undefined;) {
      if (addr >= 0 && addr < frames * frameSize) return addr - (addr % frameSize);
      this.#rings.fill.shift();
      this.#rings.invalid++;
    }
    return undefined;
  }

  /** XDP redirected a packet here. 0 or -errno. @see xsk_rcv, xsk_generic_rcv */
  take(from: NetDevice, xdp: XdpBuff): Errno {
    const { frameSize, headroom, rxRing } = this.#options;
    if (!this.#open || from !== this.device || xdp.rxq !== from.rxqs[this.queue]) return -EINVAL;
    const { lenBytes } = xdp;
    const chunk = this.#peekFill();
    const tooLong = lenBytes > frameSize - headroom - XDP_PACKET_HEADROOM;
    if (chunk === undefined || tooLong || this.#rings.rx.length >= rxRing) {
      this.#rings.rxDropped++;
      return -ENOSPC;
    }
    const { mem } = this.device.net.kernel;
    const meta = xdp.metaBytes();
    const at = chunk + headroom;
    mem.writeBytes(this.#umem + at, meta);
    mem.writeBytes(this.#umem + at + meta.length, xdp.bytes());
    this.#rings.fill.shift();
    this.#rings.rx.push({ addr: at + meta.length, lenBytes });
    for (const wake of this.#waiting.splice(0)) wake();
    return 0;
  }

  /** Bytes of the shared memory: a copy. */
  bytes({ addr, lenBytes }: XdpDescriptor): Uint8Array {
    return this.device.net.kernel.mem.readBytes(this.#umem + addr, lenBytes);
  }

  /** The next frame; undefined where none is there. With `refill` its memory goes back to the fill ring. */
  receive(): XdpFrame | undefined {
    const next = this.#rings.rx.shift();
    if (next === undefined) return undefined;
    const frame = { ...next, data: this.bytes(next) };
    if (this.#options.refill) this.fill(next.addr - (next.addr % this.#options.frameSize));
    return frame;
  }

  /** Frames as they come, until the socket is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<XdpFrame> {
    for (;;) {
      const frame = this.receive();
      if (frame !== undefined) yield frame;
      else if (!this.#open) return;
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /**
   * Sends bytes of the shared memory past queueing and classifiers; the address then is in the completion ring.
   * @errno EINVAL outside the memory, or across frames @errno ENOBUFS the device is down
   */
  send(addr: number, bytes: Uint8Array): Errno {
    const { frames, frameSize } = this.#options;
    const within = addr >= 0 && addr + bytes.length <= frames * frameSize;
    const { kernel } = this.device.net;
    if (!within || Math.floor(addr / frameSize) !== Math.floor((addr + Math.max(1, bytes.length) - 1) / frameSize))
      return -EINVAL;
    if (!this.device.up) return -ENOBUFS;
    kernel.mem.writeBytes(this.#umem + addr, bytes);
    this.device.transmit(bytes.slice(), 'af-xdp');
    this.#rings.completed.push(addr);
    this.device.net.drainBacklog();
    return 0;
  }

  /** Addresses whose bytes have been sent: taken out of the completion ring. */
  completed(): number[] {
    return this.#rings.completed.splice(0);
  }

  close(): void {
    if (this.#open) this.device.net.kernel.fds.close(this.fd);
  }

  saveRings(): Rings {
    const { fill, rx, completed, ...counts } = this.#rings;
    return { fill: [...fill], rx: [...rx], completed: [...completed], ...counts };
  }
  restoreRings({ fill, rx, completed, ...counts }: Rings): void {
    this.#rings = { fill: [...fill], rx: [...rx], completed: [...completed], ...counts };
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    const { kernel } = this.device.net;
    xdpSocketsOf(kernel).bySk.delete(this.sock.off);
    for (const wake of this.#waiting.splice(0)) wake();
    kernel.rcu.callRcu(() => {
      freeSock(kernel, this.sock);
      kernel.mem.free(this.#umem);
    });
  }
}
