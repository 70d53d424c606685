// SPDX-License-Identifier: MIT
import { EINVAL, errnoName, SyscallError, UsageError } from '@tsbpf/uapi';
import type { BpfProg, KernelObject } from '@tsbpf/core';
import type { Net } from '../net-state.ts';
import { attachTcFilter, detachTcFilter, NO_FILTERS, type TcAttachOptions, type TcFilters } from '../tc/filters.ts';
import { openPacketSocket, type PacketSocket } from '../sock/packet-socket.ts';
import { setXdp, type XdpSlots } from '../xdp/attach.ts';
import { receiveFrame, sendFrame, type ReceiveResult } from './receive.ts';
import { createDeviceObject, freeDeviceObject, IFF_UP, type DeviceObject } from './device-object.ts';
import type { NetNamespace } from './namespace.ts';
import { readField, writeField } from './fields.ts';
import type { Skb } from '../skb/skb.ts';
import { xmitSkb } from './xmit.ts';
import type { TunnelKey } from '../world/tunnel.ts';

export interface DeviceOptions {
  /** 1 to 15 bytes. */
  name: string;
  /** The lowest free one of the namespace by default. */
  ifindex?: number;
  /** Bytes, without the link header. Default 1500. */
  mtu?: number;
  /** 6 bytes. Default: locally administered, from the ifindex; zeroes for loopback. */
  mac?: Uint8Array;
  /** Whether it is up; default true. */
  up?: boolean;
  loopback?: boolean;
  /** Default 1. */
  rxQueues?: number;
  /** Whether its driver runs XDP itself; default true, except for loopback. Without it XDP runs on sk_buffs. */
  nativeXdp?: boolean;
  /** Whether other devices may redirect packets to it (ndo_xdp_xmit); default as nativeXdp. */
  xdpXmit?: boolean;
  netns?: NetNamespace;
}

/** A frame that a device sent; a list of them can be written to a capture file as it is. */
export interface TransmittedFrame {
  readonly data: Uint8Array;
  /** Why: a verdict of an XDP program, of a classifier, or an ordinary transmission. */
  readonly by: 'xdp-tx' | 'xdp-redirect' | 'tc-redirect' | 'clone-redirect' | 'xmit' | 'af-xdp';
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly tsNs: bigint;
  /** The header of the tunnel a program said it goes by, where it did. */
  readonly tunnel?: TunnelKey;
}

/**
 * What happened to a frame at a device, with its link header: it arrived; XDP or the ingress classifiers were done with
 * it; it went to the protocols; it was to be sent; it went out.
 */
export interface DeviceEvent {
  readonly what: 'arrived' | 'after-xdp' | 'after-ingress' | 'delivered' | 'to-send' | 'transmitted';
  readonly data: Uint8Array;
  readonly tsNs: bigint;
  /** A verdict, or why it was sent. */
  readonly note?: string;
}

/** What a checkpoint keeps of a device. */
export interface SavedDevice {
  readonly transmitted: number;
  readonly delivered: number;
  readonly xdp: XdpSlots;
  readonly tc: TcFilters;
}

/** A network device of the simulated kernel. */
export class NetDevice implements KernelObject {
  readonly kind = 'netdev';
  readonly off: number;
  readonly net: Net;
  readonly name: string;
  readonly ifindex: number;
  readonly loopback: boolean;
  readonly nativeXdp: boolean;
  readonly xdpXmit: boolean;
  readonly netns: NetNamespace;
  /** Offsets of `struct xdp_rxq_info`, by receive queue. */
  readonly rxqs: readonly number[];
  /** Classifiers, by direction. */
  tc: TcFilters = NO_FILTERS;
  /** Receive packet steering: every packet is hashed as it arrives, which asks the flow dissector. */
  steering = false;
  /** The device at the other end of its cable: what this one sends arrives there. */
  peer: NetDevice | undefined;
  /** That cable is a veth pair: the driver of its ends, with what it does not do. */
  veth = false;
  /** Whether {@link transmitted} and {@link delivered} grow; false for long runs. */
  keepsFrames = true;
  /** Told of everything that happens to frames at the device. */
  readonly watchers = new Set<(event: DeviceEvent) => void>();
  /** Packet sockets that see what it receives and sends. */
  readonly taps = new Set<PacketSocket>();
  /** Attached XDP programs, by mode. */
  xdp: XdpSlots = { native: undefined, generic: undefined };
  readonly #transmitted: TransmittedFrame[] = [];
  readonly #delivered: Uint8Array[] = [];
  readonly #object: DeviceObject;

  constructor(net: Net, options: DeviceOptions & { ifindex: number; netns: NetNamespace }) {
    const { ifindex, netns, name } = options;
    this.net = net;
    this.name = name;
    this.ifindex = ifindex;
    this.netns = netns;
    this.loopback = options.loopback ?? false;
    this.nativeXdp = options.nativeXdp ?? !this.loopback;
    this.xdpXmit = options.xdpXmit ?? this.nativeXdp;
    const own = new Uint8Array([2, 0, 0, (ifindex >> 16) & 255, (ifindex >> 8) & 255, ifindex & 255]);
    const mac = options.mac ?? (this.loopback ? new Uint8Array(6) : own);
    if (mac.length !== 6) throw new UsageError(`a MAC address has 6 bytes, not ${mac.length}`, { errno: EINVAL });
    this.#object = createDeviceObject(net.kernel, {
      name,
      ifindex,
      netns,
      mac,
      mtu: options.mtu ?? 1500,
      up: options.up ?? true,
      loopback: this.loopback,
      rxQueues: options.rxQueues ?? 1,
    });
    this.off = this.#object.off;
    this.rxqs = this.#object.rxqs;
  }

  get mtu(): number {
    return readField(this.net.kernel, this.off, 'net_device.mtu');
  }
  set mtu(bytes: number) {
    writeField(this.net.kernel, this.off, 'net_device.mtu', bytes);
  }
  get hardHeaderLen(): number {
    return readField(this.net.kernel, this.off, 'net_device.hard_header_len');
  }
  get mac(): Uint8Array {
    return this.net.kernel.mem.readBytes(this.#object.macOff, 6);
  }
  get up(): boolean {
    return (readField(this.net.kernel, this.off, 'net_device.flags') & IFF_UP) !== 0;
  }
  set up(up: boolean) {
    const flags = readField(this.net.kernel, this.off, 'net_device.flags');
    writeField(this.net.kernel, this.off, 'net_device.flags', up ? flags | IFF_UP : flags & ~IFF_UP);
  }

  /** Frames it sent, oldest first. */
  get transmitted(): readonly TransmittedFrame[] {
    return this.#transmitted;
  }
  /** Frames that passed every program and went to the protocols, with their link header; oldest first. */
  get delivered(): readonly Uint8Array[] {
    return this.#delivered;
  }

  /** Forgets what it sent and delivered so far, and answers the sent frames. */
  drain(): TransmittedFrame[] {
    this.#delivered.length = 0;
    return this.#transmitted.splice(0);
  }

  /**
   * Attaches an XDP program, or with fd -1 detaches it. `flags` are XDP_FLAGS_*.
   * @errno EBUSY one is attached and XDP_FLAGS_UPDATE_IF_NOEXIST was given
   * @errno EEXIST one is attached in the other mode
   * @see net/core/dev.c, dev_change_xdp_fd
   */
  attachXdp(prog: BpfProg | number, flags = 0): void {
    const err = setXdp(this, prog, flags);
    if (err < 0) {
      throw new SyscallError(`attaching XDP to ${this.name}: ${errnoName(-err)}`, { errno: -err, cmd: 'setLinkXdp' });
    }
  }

  /**
   * Adds a classifier and answers its handle.
   * @errno EEXIST the handle is taken
   * @errno EINVAL not a program of type SCHED_CLS, or no such priority
   */
  attachTc(prog: BpfProg | number, options: TcAttachOptions): number {
    const handle = attachTcFilter(this, prog, options);
    if (handle < 0) {
      throw new SyscallError(`attaching a classifier to ${this.name}: ${errnoName(-handle)}`, {
        errno: -handle,
        cmd: 'attachTc',
      });
    }
    return handle;
  }

  /** Removes a classifier; false where there is none of that handle. */
  detachTc(options: { direction: TcAttachOptions['direction']; handle: number }): boolean {
    return detachTcFilter(this, options) === 0;
  }

  /** Opens a packet socket that sees what the device receives and sends; SO_ATTACH_BPF gives it a filter. */
  openPacketSocket(): { fd: number; socket: PacketSocket } {
    return openPacketSocket(this);
  }

  /** Sends a frame, with its link header, as a protocol would: through the egress classifiers. 0 or -errno. */
  send(frame: Uint8Array): number {
    return sendFrame(this, frame);
  }

  /** A frame arrives, with its link header; on receive queue 0 unless said otherwise. */
  receive(frame: Uint8Array, options: { queue?: number } = {}): ReceiveResult {
    const queue = options.queue ?? 0;
    if (this.rxqs[queue] === undefined) {
      throw new UsageError(`${this.name} has ${this.rxqs.length} receive queue(s): no queue ${queue}`, {
        errno: EINVAL,
      });
    }
    return receiveFrame(this, frame, queue);
  }

  /** Takes an sk_buff, whose data begins at the link header, and sends it. 0, or what went wrong. */
  xmit(skb: Skb, by: TransmittedFrame['by']): number {
    return xmitSkb(this, skb, by);
  }

  /** Puts a frame on the wire. */
  transmit(data: Uint8Array, by: TransmittedFrame['by'], tunnel?: TunnelKey): void {
    const frame = { data, by, tsNs: this.net.kernel.env.ktimeNs() };
    if (this.keepsFrames) this.#transmitted.push(tunnel === undefined ? frame : { ...frame, tunnel });
    this.tell('transmitted', data, by);
    if (this.peer !== undefined) this.net.arriveAt(this.peer, data);
  }

  /** Hands a frame to the protocols. */
  deliver(frame: Uint8Array): void {
    if (this.keepsFrames) this.#delivered.push(frame);
    this.tell('delivered', frame);
  }

  /** Tells those who watch. */
  tell(what: DeviceEvent['what'], data: Uint8Array, note?: string): void {
    if (this.watchers.size === 0) return;
    const event: DeviceEvent = {
      what,
      data,
      tsNs: this.net.kernel.env.ktimeNs(),
      ...(note === undefined ? {} : { note }),
    };
    for (const watcher of this.watchers) watcher(event);
  }

  /** Detaches all programs; the memory stays until no run can hold it. */
  unregister(): void {
    for (const prog of [this.xdp.native, this.xdp.generic]) prog?.put();
    for (const { prog, actions } of [...this.tc.ingress, ...this.tc.egress])
      for (const each of [prog, ...actions]) each.put();
    this.tc = NO_FILTERS;
    this.xdp = { native: undefined, generic: undefined };
    this.net.kernel.rcu.callRcu(() => freeDeviceObject(this.net.kernel, this.#object));
  }

  save(): SavedDevice {
    return { transmitted: this.#transmitted.length, delivered: this.#delivered.length, xdp: this.xdp, tc: this.tc };
  }
  restore(saved: SavedDevice): void {
    this.#transmitted.length = saved.transmitted;
    this.#delivered.length = saved.delivered;
    this.xdp = saved.xdp;
    this.tc = saved.tc;
  }
}
