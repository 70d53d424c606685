// SPDX-License-Identifier: MIT
// Packet sockets: what tcpdump opens. They see all frames of a device, through a socket filter if they have one.
// @see net/packet/af_packet.c, packet_rcv
import { BPF_PROG_TYPE_SOCKET_FILTER, EBADF, EINVAL, ENOENT, ENOMEM, UsageError } from '@tsbpf/uapi';
import type { BpfProg, KernelFile, KernelServices } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import type { Skb } from '../skb/skb.ts';
import { createSock, freeSock, type Sock } from './sock.ts';

/** Bytes of scratch that programs share through `cb`; a filter that uses it finds zeroes. */
const CB_LEN = 20;

declare module '@tsbpf/core' {
  interface KernelFiles {
    packetSocket: PacketSocket;
  }
}

/** A frame that a packet socket received. */
export interface TappedFrame {
  /** As much of it as the filter wants kept. */
  readonly data: Uint8Array;
  /** Bytes the frame had. */
  readonly lenBytes: number;
  readonly direction: 'received' | 'sent';
}

/** An open packet socket. */
export class PacketSocket implements KernelFile {
  readonly kind = 'packetSocket';
  readonly name = 'socket';
  readonly device: NetDevice;
  readonly sock: Sock;
  readonly #frames: TappedFrame[] = [];
  #filter: BpfProg | undefined;

  /** @errno ENOMEM UsageError: memory is exhausted */
  constructor(device: NetDevice) {
    const { kernel } = device.net;
    const sock = createSock(kernel, { netns: device.netns });
    if (sock === undefined) throw new UsageError('kernel memory is exhausted: no room for a socket', { errno: ENOMEM });
    this.device = device;
    this.sock = sock;
    device.taps.add(this);
  }

  /** Frames received so far, oldest first. */
  get frames(): readonly TappedFrame[] {
    return this.#frames;
  }

  get filter(): BpfProg | undefined {
    return this.#filter;
  }

  /** SO_ATTACH_BPF. 0, -EBADF or -EINVAL. @see net/core/filter.c, sk_attach_bpf */
  attach(kernel: KernelServices, progFd: number): number {
    const file = kernel.fds.get(progFd, 'prog');
    if (typeof file === 'number') return file;
    if (file.prog.type !== BPF_PROG_TYPE_SOCKET_FILTER) return -EINVAL;
    file.prog.get();
    this.#filter?.put();
    this.#filter = file.prog;
    return 0;
  }

  /** SO_DETACH_BPF. 0 or -ENOENT. */
  detach(): number {
    if (this.#filter === undefined) return -ENOENT;
    this.#filter.put();
    this.#filter = undefined;
    return 0;
  }

  /** Looks at a packet whose data begins at the link header, and leaves it as it was. */
  see(skb: Skb, direction: TappedFrame['direction']): void {
    const { kernel } = this.device.net;
    let keep = skb.len;
    if (this.#filter !== undefined) {
      const scratch = skb.off + skb.layout.cb.scratch;
      const saved = kernel.mem.readBytes(scratch, CB_LEN);
      if (this.#filter.verified.cbAccess) kernel.mem.fill(scratch, CB_LEN, 0);
      keep = Math.min(keep, kernel.runProg(this.#filter, skb.off));
      kernel.mem.writeBytes(scratch, saved);
    }
    if (keep > 0) this.#frames.push({ data: kernel.mem.readBytes(skb.data, keep), lenBytes: skb.len, direction });
  }

  release(): void {
    this.device.taps.delete(this);
    if (this.#filter !== undefined) this.detach();
    freeSock(this.device.net.kernel, this.sock);
  }
}

/** Opens a packet socket on a device: its fd, or -errno. */
export function openPacketSocket(device: NetDevice): { fd: number; socket: PacketSocket } {
  const socket = new PacketSocket(device);
  const fd = device.net.kernel.fds.install(socket);
  if (fd < 0) {
    socket.release();
    throw new UsageError('no free file descriptor for a packet socket', { errno: -fd });
  }
  return { fd, socket };
}

const SOL_SOCKET = 1;
const SO_DETACH_BPF = 27;
const SO_ATTACH_BPF = 50;

/** The socket options about filters; undefined for fds and options of others. */
export function setFilterOption(
  kernel: KernelServices,
  fd: number,
  option: { level: number; name: number; value: Uint8Array },
): number | undefined {
  const file = kernel.fds.file(fd);
  if (file === undefined) return -EBADF;
  if (!(file instanceof PacketSocket) || option.level !== SOL_SOCKET) return undefined;
  if (option.name === SO_DETACH_BPF) return file.detach();
  if (option.name !== SO_ATTACH_BPF) return undefined;
  if (option.value.length !== 4) return -EINVAL;
  return file.attach(kernel, new DataView(option.value.buffer, option.value.byteOffset).getInt32(0, true));
}
