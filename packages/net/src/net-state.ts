// SPDX-License-Identifier: MIT
import { EBUSY, EEXIST, EINVAL, ELOOP, UsageError } from '@tsbpf/uapi';
import type { Checkpointable, KernelServices, SubsystemKey } from '@tsbpf/core';
import { NetDevice, type DeviceOptions, type SavedDevice } from './dev/device.ts';
import { createNamespace, type NetNamespace } from './dev/namespace.ts';
import { receiveSkb } from './dev/receive-skb.ts';
import { skStoragesOf } from './sk-storage/state.ts';
import { connectStreams, type StreamPairOptions, type StreamSocket } from './stream/stream-socket.ts';
import { streamsOf } from './stream/state.ts';
import { attachFlowDissector, flowDissectorsOf, openNamespace } from './flow/attached.ts';
import { XdpSocket, xdpSocketsOf, type XdpSocketOptions } from './xsk/xdp-socket.ts';
import { reuseportsOf } from './reuseport/group.ts';
import type { Skb } from './skb/skb.ts';
import { addInetSocket, removeInetSocket, type InetSocketOptions } from './sock/inet-sock.ts';
import { ReceivingSocket, type ReceivingSocketOptions } from './sock/receiving-socket.ts';
import { SockTable } from './sock/sock-table.ts';
import type { Sock } from './sock/sock.ts';
import { NET_TRACEPOINTS } from './tracepoints.ts';
import { defineFentryTargets } from './test-run/fentry-targets.ts';
import { createRedirectInfo, type RedirectInfo } from './xdp/redirect-info.ts';

/** Arrivals that one frame may cause: Linux would go on for ever. */
const BACKLOG_BUDGET = 10_000;

/** What waits to arrive at a device: an sk_buff on a CPU, or a frame that came over the cable. */
type Arrival =
  | { readonly device: NetDevice; readonly skb: Skb; readonly cpu: number }
  | { readonly device: NetDevice; readonly frame: Uint8Array };

interface SavedNet {
  readonly devices: readonly { readonly device: NetDevice; readonly state: SavedDevice }[];
  readonly redirects: readonly RedirectInfo[];
  readonly warned: readonly string[];
  readonly lastCookie: bigint;
  readonly sockets: readonly Sock[];
}

/** Networking of one simulated kernel: namespaces, devices, and what the CPUs remember between helper and verdict. */
export class Net implements Checkpointable {
  readonly checkpointName = 'net';
  readonly kernel: KernelServices;
  /** The namespace of the simulated process. */
  readonly initNs: NetNamespace;
  /** The namespace in which the process looks devices up, and makes them. */
  processNs: NetNamespace;
  /** Sockets that packets find. */
  readonly sockets: SockTable;
  /** One for each CPU. @see include/linux/filter.h, bpf_redirect_info */
  readonly redirects: RedirectInfo[];
  #devices: NetDevice[] = [];
  /** How many transmissions are in progress, one within the other. */
  xmitDepth = 0;
  #backlog: Arrival[] = [];
  #draining = false;
  #warned = new Set<string>();
  #lastCookie = 0n;

  constructor(kernel: KernelServices) {
    this.kernel = kernel;
    for (const tracepoint of NET_TRACEPOINTS) kernel.tracepoints.declare(tracepoint);
    defineFentryTargets(kernel.text);
    this.redirects = Array.from({ length: kernel.env.cpus }, createRedirectInfo);
    this.initNs = createNamespace(kernel);
    this.processNs = this.initNs;
    this.sockets = new SockTable(kernel);
    this.createDevice({ name: 'lo', loopback: true, mtu: 65536 });
    kernel.checkpointables.push(this);
    // Made now, so that every checkpoint has it.
    skStoragesOf(kernel);
    streamsOf(kernel);
    reuseportsOf(kernel);
    xdpSocketsOf(kernel);
    Object.assign(flowDissectorsOf(kernel), { initNs: this.initNs, processNs: () => this.processNs });
  }

  /**
   * Adds a device, up and with XDP in its driver unless said otherwise.
   * @errno EEXIST UsageError: the name or ifindex is taken in the namespace.
   * @errno EINVAL UsageError: a name of no or of more than 15 bytes.
   */
  createDevice(options: DeviceOptions): NetDevice {
    const netns = options.netns ?? this.processNs;
    const ifindex = options.ifindex ?? this.#freeIfindex(netns);
    if (options.name === '' || options.name.length > 15) {
      throw new UsageError(`device name "${options.name}" must have 1 to 15 bytes`, { errno: EINVAL });
    }
    const taken = this.#devices.find(
      (dev) => dev.netns === netns && (dev.ifindex === ifindex || dev.name === options.name),
    );
    if (taken !== undefined) {
      throw new UsageError(`device ${options.name} (ifindex ${ifindex}): ${taken.name} (${taken.ifindex}) exists`, {
        errno: EEXIST,
      });
    }
    const device = new NetDevice(this, { ...options, ifindex, netns });
    this.#devices.push(device);
    this.kernel.objects.add(device);
    return device;
  }

  /** A new namespace with its own loopback device. */
  createNamespace(): NetNamespace {
    const netns = createNamespace(this.kernel);
    this.createDevice({ name: 'lo', loopback: true, mtu: 65536, netns });
    return netns;
  }

  /**
   * Puts a TCP or UDP socket into the kernel, where socket lookups find it; it carries no data.
   * @errno ENOMEM UsageError: memory is exhausted
   */
  addSocket(options: InetSocketOptions): Sock {
    return addInetSocket(this, options);
  }

  /** Takes a socket out again. */
  removeSocket(sock: Sock): void {
    removeInetSocket(this, sock);
  }

  /**
   * Opens a bound UDP socket, or a TCP socket that listens: it keeps the datagrams, or the requests for connections, that
   * packets bring.
   * @errno EADDRINUSE UsageError: the port is taken
   */
  openReceiver(options: ReceivingSocketOptions): ReceivingSocket {
    return new ReceivingSocket(this, options);
  }

  /** Runs `body` as a process of a namespace would. */
  inNamespace<T>(netns: NetNamespace, body: () => T): T {
    const { processNs } = this;
    this.processNs = netns;
    try {
      return body();
    } finally {
      this.processNs = processNs;
    }
  }

  /**
   * Plugs a cable into two devices; `veth`: they are the ends of a virtual one, whose driver takes redirected frames only
   * for an end with an XDP program.
   * @errno EBUSY UsageError: one has a cable
   */
  connect(a: NetDevice, b: NetDevice, { veth = false }: { veth?: boolean } = {}): void {
    const busy = [a, b].find(({ peer }) => peer !== undefined);
    if (busy !== undefined || a === b) {
      throw new UsageError(`${(busy ?? a).name} cannot be connected: it has a cable, or is the other end itself`, {
        errno: EBUSY,
      });
    }
    Object.assign(a, { peer: b, veth });
    Object.assign(b, { peer: a, veth });
  }

  /** Opens a namespace, as a process opens /proc/PID/ns/net: its fd. */
  openNamespace(netns: NetNamespace = this.processNs): number {
    return openNamespace(this.kernel, netns);
  }

  /** Attaches a flow dissector as a process in the namespace would: 0, or -errno of BPF_PROG_ATTACH. */
  attachFlowDissector(progFd: number, netns: NetNamespace = this.processNs): number {
    return attachFlowDissector(this.kernel, progFd, netns);
  }

  /** Opens an AF_XDP socket at a queue of a device. */
  openXdpSocket(device: NetDevice, options: XdpSocketOptions = {}): XdpSocket {
    return new XdpSocket(device, options);
  }

  /** Connects two new TCP sockets with one another; they carry bytes, and have fds for maps of sockets. */
  connectStreams(options: StreamPairOptions = {}): [client: StreamSocket, server: StreamSocket] {
    return connectStreams(this, options);
  }

  /** Removes a device: programs are detached, maps forget it. */
  removeDevice(device: NetDevice): void {
    device.unregister();
    if (device.peer !== undefined) device.peer.peer = undefined;
    this.#devices = this.#devices.filter((dev) => dev !== device);
    this.kernel.objects.gone(device);
  }

  /** Devices of a namespace by name or ifindex; of the process's own unless said otherwise. */
  findDevice(key: string | number, netns: NetNamespace = this.processNs): NetDevice | undefined {
    return this.#devices.find((dev) => dev.netns === netns && (dev.name === key || dev.ifindex === key));
  }

  /** As {@link findDevice}. @errno EINVAL UsageError: there is none. */
  device(key: string | number): NetDevice {
    const device = this.findDevice(key);
    if (device === undefined) {
      const have = this.#devices.map((dev) => dev.name).join(', ');
      throw new UsageError(`no device ${key}; there are: ${have}`, { errno: EINVAL });
    }
    return device;
  }

  get devices(): readonly NetDevice[] {
    return this.#devices;
  }

  /** What the current CPU's last redirect helper said. */
  get redirect(): RedirectInfo {
    return this.redirects[this.kernel.env.cpu] as RedirectInfo;
  }

  /** An sk_buff, its data behind the link header, arrives at a device, on a CPU, once what goes on now is over. */
  netifRx(device: NetDevice, skb: Skb, cpu = this.kernel.env.cpu): void {
    this.#backlog.push({ device, skb, cpu });
  }

  /** A frame goes over a cable; it is lost where the device is down. */
  arriveAt(device: NetDevice, frame: Uint8Array): void {
    if (device.up) this.#backlog.push({ device, frame });
  }

  /**
   * Lets what waits arrive.
   * @errno ELOOP UsageError: programs send a packet in circles
   */
  drainBacklog(): void {
    if (this.#draining) return;
    this.#draining = true;
    const { env } = this.kernel;
    const { cpu } = env;
    try {
      for (let budget = BACKLOG_BUDGET; ; budget--) {
        const next = this.#backlog.shift();
        if (next === undefined) return;
        if (budget === 0) {
          for (const arrival of [next, ...this.#backlog.splice(0)]) if ('skb' in arrival) arrival.skb.free();
          throw new UsageError(`after ${BACKLOG_BUDGET} arrivals packets still go in circles`, { errno: ELOOP });
        }
        if ('frame' in next) {
          env.cpu = cpu;
          next.device.receive(next.frame);
          continue;
        }
        env.cpu = next.cpu;
        receiveSkb(next.device, next.skb);
      }
    } finally {
      this.#draining = false;
      env.cpu = cpu;
    }
  }

  /** A socket's cookie, which stays its own as long as it lives. @see net/core/sock_diag.c, sock_gen_cookie */
  socketCookie(sk: number): bigint {
    const at = sk + this.kernel.types.resolve('sock_common.skc_cookie').off;
    if (this.kernel.mem.read64(at) === 0n) this.kernel.mem.write64(at, ++this.#lastCookie);
    return this.kernel.mem.read64(at);
  }

  /** A warning the kernel prints once in its life. */
  warnOnce(text: string, site: string): void {
    if (this.#warned.has(site)) return;
    this.#warned.add(site);
    this.kernel.env.printk(text);
  }

  save(): SavedNet {
    return {
      devices: this.#devices.map((device) => ({ device, state: device.save() })),
      redirects: this.redirects.map((info) => ({ ...info })),
      warned: [...this.#warned],
      lastCookie: this.#lastCookie,
      sockets: this.sockets.socks,
    };
  }

  restore(saved: unknown): void {
    const { devices, redirects, warned, lastCookie, sockets } = saved as SavedNet;
    this.#devices = devices.map(({ device }) => device);
    for (const { device, state } of devices) device.restore(state);
    redirects.forEach((info, cpu) => (this.redirects[cpu] = { ...info }));
    this.#warned = new Set(warned);
    this.#lastCookie = lastCookie;
    this.sockets.socks = sockets;
  }

  #freeIfindex(netns: NetNamespace): number {
    let ifindex = 1;
    while (this.findDevice(ifindex, netns) !== undefined) ifindex++;
    return ifindex;
  }
}

const NET: SubsystemKey<Net> = { name: 'net', create: (kernel) => new Net(kernel) };

/**
 * The networking of a kernel, made when first asked for. Whoever builds a kernel asks at once, so that its tracepoints
 * and functions exist before programs attach to them.
 */
export function netOf(kernel: Pick<KernelServices, 'subsystem'>): Net {
  return kernel.subsystem(NET);
}
