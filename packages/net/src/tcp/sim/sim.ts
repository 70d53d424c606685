// SPDX-License-Identifier: MIT
import { BPF_CGROUP_SOCK_OPS, EBUSY, EINVAL, ENOMEM, UsageError } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import type { CongestionControl } from '../ca/congestion-control.ts';
import { writePointerField } from '../../dev/fields.ts';
import {
  initialRto,
  initialRwnd,
  setTcpState,
  SOCK_OPS_ACTIVE_ESTABLISHED_CB,
  SOCK_OPS_NEEDS_ECN,
  SOCK_OPS_PASSIVE_ESTABLISHED_CB,
  SOCK_OPS_TCP_CONNECT_CB,
} from '../../sock/sock-ops.ts';
import { TCP_CLOSE } from '../../sock/sock.ts';
import { Link, type LinkOptions } from '../path/link.ts';
import { Pipe, PKT_HOP_SHIFT, type Packet } from '../path/pipe.ts';
import { ackArrived } from '../sock/input.ts';
import { afterIdle, needsEcn, sendNew } from '../sock/output.ts';
import { dataArrived, OutOfOrder, sendAck as acknowledge } from '../sock/receiver.ts';
import { addRoundTrip } from '../sock/rtt.ts';
import { TCP_ECN_OK, TcpSock } from '../sock/tcp-sock.ts';
import { kernelEvents } from '../sock/kernel-events.ts';
import type { TcpEvents, TcpWorld } from '../sock/world.ts';
import type { Tcp } from '../tcp.ts';
import { TcpClock } from './clock.ts';
import { EventQueue, type EventSource } from './event-queue.ts';
import { ReceiverTimer, SenderTimer, type Flow, type FlowOptions } from './flow.ts';

/** A simulation: its links, in the order in which connections pass them. */
export interface TcpSimOptions {
  readonly links: readonly LinkOptions[];
  /** Bytes of data in a full segment; with headers {@link HEADER_BYTES} more. */
  readonly mss?: number;
  /** Connections use ECN, whatever their congestion control is. */
  readonly ecn?: boolean;
  /** Hears of every segment and acknowledgement that is sent. */
  readonly trace?: (kind: 'data' | 'ack', flow: number, seq: number, flags: number, nowNs: number) => void;
  /** Hears of the connections' events in place of sock_ops programs. */
  readonly events?: TcpEvents;
}

/** Headers of a segment on a link: IP, TCP and timestamps. */
export const HEADER_BYTES = 52;
const DEFAULT_MSS = 1448;
/** What a peer lets be sent: no connection here is limited by it. */
const PEER_WINDOW = 2 ** 30;
const NS_PER_US = 1000;
const NS_PER_S = 1e9;
const TCP_ESTABLISHED = 1;
const TCP_SYN_SENT = 2;

/**
 * Connections over links, in simulated time: the same options give the same packets. Data passes the links; what comes
 * back takes as long as the links' delays, and is never lost.
 */
export class TcpSim implements TcpWorld {
  readonly links: readonly Link[];
  readonly flows: Flow[] = [];
  readonly clock: TcpClock;
  readonly events: TcpEvents;
  readonly #kernel: KernelServices;
  readonly mss: number;
  readonly #tcp: Tcp;
  readonly #closed: () => void;
  readonly #queue = new EventQueue();
  readonly #options: TcpSimOptions;
  readonly #timers = new Map<TcpSock, EventSource>();
  readonly #returns = new Map<number, Pipe>();
  readonly #established = new Set<TcpSock>();
  readonly #byOff = new Map<number, TcpSock>();
  readonly #scratch = { flow: 0, seq: 0, flags: 0, tsNs: 0 };

  constructor(tcp: Tcp, kernel: KernelServices, options: TcpSimOptions, closed: () => void) {
    this.#tcp = tcp;
    this.#closed = closed;
    this.#options = options;
    this.clock = new TcpClock(kernel);
    this.#kernel = kernel;
    this.events = options.events ?? kernelEvents(kernel);
    this.mss = options.mss ?? DEFAULT_MSS;
    if (!Number.isInteger(this.mss) || this.mss < 1 || this.mss > 65_000) {
      throw new UsageError(`segments of ${this.mss} bytes: from 1 to 65000`, { errno: EINVAL });
    }
    if (options.links.length === 0) throw new UsageError('a simulation needs a link', { errno: EINVAL });
    this.links = options.links.map(
      (link, i) => new Link(this.#queue, { ...link, seed: (link.seed ?? 1) + i }, (packet) => this.#passed(packet)),
    );
  }

  get nowNs(): number {
    return this.clock.nowNs;
  }

  /**
   * Adds a connection; it begins when its time comes.
   * @errno ENOENT UsageError: no such congestion control; EBUSY: it is being unregistered; EINVAL: options
   */
  addFlow(options: FlowOptions): Flow {
    const { startNs = 0, writes, path = this.links, extraDelayNs = 0, cgroup } = options;
    const bytes = writes?.reduce((sum, write) => sum + write.bytes, 0) ?? options.bytes ?? Infinity;
    const bad = (what: string): never => {
      throw new UsageError(`connection: ${what}`, { errno: EINVAL });
    };
    if (!(startNs >= this.clock.nowNs)) bad(`it cannot begin at ${startNs} ns, before now`);
    if (!(bytes > 0)) bad(`it cannot send ${bytes} bytes`);
    if (!(extraDelayNs >= 0)) bad(`a delay of ${extraDelayNs} ns`);
    if (path.length === 0 || path.some((link) => !this.links.includes(link))) bad('its path is not over links of here');
    const ca = this.#tcp.congestion.need(options.cc);
    const id = this.flows.length;
    const flow: Flow = {
      id,
      sender: this.#socket(id, true, ca),
      receiver: this.#socket(id, false, ca),
      path,
      startNs,
      extraDelayNs,
      cgroup,
      ooo: new OutOfOrder(),
      acks: this.#returnPipe(path.reduce((sum, link) => sum + link.delayNs, extraDelayNs)),
      started: false,
      doneNs: Infinity,
    };
    if (bytes !== Infinity) {
      for (const sk of [flow.sender, flow.receiver]) {
        sk.totalBytes = bytes;
        sk.totalSegs = Math.ceil(bytes / this.mss);
      }
    }
    if (writes !== undefined) this.#writeInParts(flow, writes);
    else flow.sender.writtenSegs = flow.sender.totalSegs;
    this.flows.push(flow);
    const begin: EventSource = { eventId: -1, scheduledNs: Infinity, fire: () => this.#begin(flow, begin) };
    this.#queue.schedule(this.#queue.add(begin), startNs);
    return flow;
  }

  #writeInParts({ sender, startNs }: Flow, writes: NonNullable<FlowOptions['writes']>): void {
    let written = 0;
    sender.writtenSegs = 0;
    for (const { atNs, bytes } of writes) {
      this.at(startNs + atNs, () => {
        written += bytes;
        sender.writtenSegs = written >= sender.totalBytes ? sender.totalSegs : Math.floor(written / this.mss);
        if (sender.released || !this.#established.has(sender)) return;
        afterIdle(this, sender);
        sendNew(this, sender);
      });
    }
  }

  /** Lets time pass, up to a moment. */
  runUntil(untilNs: number): void {
    const { clock } = this;
    for (;;) {
      const source = this.#queue.next(untilNs);
      if (source === undefined) break;
      clock.nowNs = source.scheduledNs;
      source.scheduledNs = Infinity;
      source.fire(clock.nowNs);
    }
    clock.nowNs = Math.max(clock.nowNs, untilNs);
  }

  /** Makes something of one's own act at a time; it may schedule itself again. */
  schedule(source: EventSource, atNs: number): void {
    if (source.eventId < 0) this.#queue.add(source);
    this.#queue.schedule(source, atNs);
  }

  /** Has something happen at a time. */
  at(atNs: number, action: () => void): void {
    const source: EventSource = { eventId: -1, scheduledNs: Infinity, fire: action };
    this.#queue.schedule(this.#queue.add(source), atNs);
  }

  /** Whether every connection has sent all it had to. */
  get finishedAll(): boolean {
    return this.flows.every((flow) => flow.doneNs !== Infinity);
  }

  /** Ends the simulation: sockets are released, and let go of their congestion controls. */
  close(): void {
    for (const flow of this.flows) this.#release(flow);
    this.#closed();
  }

  // What sockets need.

  sendData(sk: TcpSock, seg: number, flags: number): void {
    const { nowNs } = this.clock;
    const flow = this.flows[sk.flow];
    this.#options.trace?.('data', sk.flow, seg, flags, nowNs);
    const packet = this.#scratch;
    packet.flow = sk.flow;
    packet.seq = seg;
    packet.flags = flags;
    packet.tsNs = nowNs;
    flow.path[0].send(nowNs, packet, sk.segBytes(seg) + HEADER_BYTES);
  }

  sendAck(sk: TcpSock, ackSeg: number, sackSeg: number, flags: number): void {
    const { nowNs } = this.clock;
    const flow = this.flows[sk.flow];
    this.#options.trace?.('ack', sk.flow, ackSeg, flags, nowNs);
    const delayNs = flow.path.reduce((sum, link) => sum + link.delayNs, flow.extraDelayNs);
    flow.acks.send(nowNs + delayNs, sk.flow, ackSeg, sackSeg, flags, sk.tsRecentNs);
  }

  arm(sk: TcpSock): void {
    const dueNs = sk.isSender ? Math.min(sk.rtoDeadlineNs, sk.reoDeadlineNs) : sk.delackDeadlineNs;
    const timer = this.#timers.get(sk);
    if (timer !== undefined && dueNs !== Infinity) this.#queue.schedule(timer, dueNs);
  }

  finished(sk: TcpSock): void {
    const flow = this.flows[sk.flow];
    if (flow.doneNs !== Infinity) return;
    flow.doneNs = this.clock.nowNs;
    this.#release(flow);
  }

  /** The socket at an offset of kernel memory, where it is one of here. */
  socketAt(off: number): TcpSock | undefined {
    return this.#byOff.get(off);
  }

  /** What bpf_tcp_send_ack does: acknowledges up to a sequence number. Undefined where the socket is not of here. */
  sendAckFor(off: number, seq: number): number | undefined {
    const sk = this.#byOff.get(off);
    if (sk === undefined) return undefined;
    sk.pull();
    acknowledge(this, sk, sk.segOfSeq(seq), -1);
    sk.push();
    return 0;
  }

  #socket(flow: number, isSender: boolean, ca: CongestionControl): TcpSock {
    const sk = new TcpSock({ flow, isSender, mss: this.mss, ca, clock: this.clock });
    this.#timers.set(sk, this.#queue.add(isSender ? new SenderTimer(this, sk) : new ReceiverTimer(this, sk)));
    return sk;
  }

  /** A round trip goes by between the first segment and the connection. */
  #begin(flow: Flow, source: EventSource): void {
    if (flow.started) {
      this.#establish(flow);
      return;
    }
    const { sender, receiver } = flow;
    flow.started = true;
    for (const sk of [sender, receiver]) {
      if (!sk.ca.get())
        throw new UsageError(`congestion control ${sk.ca.name} is being unregistered`, { errno: EBUSY });
      this.#putIntoKernel(sk, flow);
    }
    if (sender.off !== 0) {
      setTcpState(this.#kernel, sender.off, TCP_SYN_SENT);
      const rto = initialRto(this.#kernel, sender.off, this.clock.hz);
      sender.rtoNs = (rto / this.clock.hz) * NS_PER_S;
      initialRwnd(this.#kernel, sender.off);
    }
    this.events.call(sender, SOCK_OPS_TCP_CONNECT_CB, []);
    const oneWayNs = flow.path.reduce((sum, link) => sum + link.delayNs, flow.extraDelayNs);
    this.#queue.schedule(source, this.clock.nowNs + 2 * oneWayNs);
  }

  #establish(flow: Flow): void {
    const { sender, receiver } = flow;
    const asked = this.events.call(sender, SOCK_OPS_NEEDS_ECN, []) === 1;
    const ecn = this.#options.ecn === true || asked || needsEcn(sender);
    for (const sk of [receiver, sender]) {
      if (ecn) sk.ecnFlags |= TCP_ECN_OK;
      if (sk.off !== 0) setTcpState(this.#kernel, sk.off, TCP_ESTABLISHED);
      this.events.call(sk, sk.isSender ? SOCK_OPS_ACTIVE_ESTABLISHED_CB : SOCK_OPS_PASSIVE_ESTABLISHED_CB, []);
      sk.ca.init?.(sk);
    }
    addRoundTrip(sender, (this.clock.nowNs - flow.startNs) / NS_PER_US);
    sender.rttSeq = 0;
    this.#established.add(sender);
    sendNew(this, sender);
  }

  /** A socket that programs see gets its tcp_sock. */
  #putIntoKernel(sk: TcpSock, flow: Flow): void {
    if (!sk.ca.inKernelMemory && !this.#watched(flow)) return;
    const sock = this.#tcp.addSocket(flow.id, sk.isSender);
    if (sock === undefined) throw new UsageError('kernel memory is exhausted: no room for a socket', { errno: ENOMEM });
    sk.off = sock.off;
    sk.sock = sock;
    sk.mirror = this.#tcp.mirror;
    this.#byOff.set(sock.off, sk);
    if (flow.cgroup !== undefined) {
      writePointerField(this.#kernel, sock.off, 'sock.sk_cgrp_data', flow.cgroup.off);
    }
    this.#tcp.mirror.begin(sk, PEER_WINDOW);
  }

  /** Whether programs hear of a connection's events, or somebody else does. */
  #watched(flow: Flow): boolean {
    const { cgroups } = this.#kernel;
    const id = flow.cgroup?.id ?? cgroups.ancestorId(cgroups.currentCgroupId(), 0);
    return this.#options.events !== undefined || cgroups.enabled(id, BPF_CGROUP_SOCK_OPS);
  }

  #release(flow: Flow): void {
    for (const sk of [flow.sender, flow.receiver]) {
      if (sk.released || !flow.started) continue;
      sk.released = true;
      sk.rtoDeadlineNs = sk.reoDeadlineNs = sk.delackDeadlineNs = Infinity;
      if (sk.off !== 0) setTcpState(this.#kernel, sk.off, TCP_CLOSE);
      sk.ca.release?.(sk);
      sk.ca.put();
      this.#timers.delete(sk);
      if (sk.sock === undefined) continue;
      this.#byOff.delete(sk.off);
      this.#tcp.removeSocket(sk.sock);
      sk.sock = undefined;
      sk.mirror = undefined;
    }
  }

  #passed(packet: Packet): void {
    const flow = this.flows[packet.flow];
    const hop = (packet.flags >>> PKT_HOP_SHIFT) + 1;
    const { nowNs } = this.clock;
    const next = flow.path[hop] as Link | undefined;
    if (next !== undefined) {
      packet.flags = (packet.flags & ((1 << PKT_HOP_SHIFT) - 1)) | (hop << PKT_HOP_SHIFT);
      next.send(nowNs, packet, flow.sender.segBytes(packet.seq) + HEADER_BYTES);
    } else if (!flow.receiver.released) dataArrived(this, flow.receiver, flow.ooo, packet);
  }

  /** Acknowledgements that take equally long share a way: they arrive in order anyway. */
  #returnPipe(delayNs: number): Pipe {
    let pipe = this.#returns.get(delayNs);
    if (pipe === undefined) {
      pipe = new Pipe(this.#queue, (packet) => {
        const { sender } = this.flows[packet.flow];
        if (!sender.released) ackArrived(this, sender, packet);
      });
      this.#returns.set(delayNs, pipe);
    }
    return pipe;
  }
}
