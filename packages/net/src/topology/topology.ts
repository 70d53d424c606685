// SPDX-License-Identifier: MIT
// Hosts, and cables between them: "two hosts, one cable, this program here, this packet: what arrives where".
//
//   const net = new Topology(kernel.net);
//   const [a, b] = net.cable('a.eth0', 'b.eth0');
//   b.attachXdp(prog.fd);
//   const server = net.host('b').receiver({ protocol: 'udp', local: { port: 53 } });
//   a.send(frame);
//   b.delivered; server.received; net.events
import { EEXIST, EINVAL, UsageError } from '@tsbpf/uapi';
import type { DeviceEvent, DeviceOptions, NetDevice } from '../dev/device.ts';
import type { NetNamespace } from '../dev/namespace.ts';
import type { Net } from '../net-state.ts';
import type { ReceivingSocket, ReceivingSocketOptions } from '../sock/receiving-socket.ts';

/** Something that happened at a device of a topology. */
export interface TopologyEvent extends DeviceEvent {
  /** `host.device`. */
  readonly device: string;
}

/** A host: a network namespace, with names for its devices. */
export class TopologyHost {
  readonly name: string;
  readonly netns: NetNamespace;
  readonly #net: Net;

  constructor(net: Net, name: string, netns: NetNamespace) {
    this.#net = net;
    this.name = name;
    this.netns = netns;
  }

  /** A device by name. @errno EINVAL UsageError: there is none */
  device(name: string): NetDevice {
    const device = this.#net.findDevice(name, this.netns);
    if (device !== undefined) return device;
    const have = this.#net.devices.filter(({ netns }) => netns === this.netns).map((dev) => dev.name);
    throw new UsageError(`host ${this.name} has no device ${name}; it has ${have.join(', ')}`, { errno: EINVAL });
  }

  /** Opens a socket of the host that keeps what packets bring. */
  receiver(options: Omit<ReceivingSocketOptions, 'netns'>): ReceivingSocket {
    return this.#net.openReceiver({ ...options, netns: this.netns });
  }

  /** Runs `body` as a process of the host: devices that it names, in maps too, are the host's. */
  run<T>(body: () => T): T {
    return this.#net.inNamespace(this.netns, body);
  }
}

/** Hosts of one simulated kernel, each in a namespace of its own, and the cables between their devices. */
export class Topology {
  readonly net: Net;
  readonly #hosts = new Map<string, TopologyHost>();
  readonly #events: TopologyEvent[] = [];
  /** Whether {@link events} grows; false for long runs. */
  keepsEvents = true;

  constructor(net: Net) {
    this.net = net;
  }

  get hosts(): readonly TopologyHost[] {
    return [...this.#hosts.values()];
  }
  /** All that happened to frames, in order. */
  get events(): readonly TopologyEvent[] {
    return this.#events;
  }

  /** A host by name, made when first asked for. */
  host(name: string): TopologyHost {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = new TopologyHost(this.net, name, this.net.createNamespace());
      this.#hosts.set(name, host);
    }
    return host;
  }

  /** A device as `host.device`. @errno EINVAL UsageError: no such host or device, or another form of name */
  device(path: string): NetDevice {
    const [host, name] = this.#split(path);
    const found = this.#hosts.get(host);
    if (found === undefined) {
      const have = [...this.#hosts.keys()].join(', ');
      throw new UsageError(`${path}: there is no host ${host}; there are: ${have}`, { errno: EINVAL });
    }
    return found.device(name);
  }

  /** Adds a device to a host, which is made where there is none. @errno EEXIST UsageError: it has one of that name */
  addDevice(path: string, options: Omit<DeviceOptions, 'name' | 'netns'> = {}): NetDevice {
    const [hostName, name] = this.#split(path);
    const { netns } = this.host(hostName);
    if (this.net.findDevice(name, netns) !== undefined) {
      throw new UsageError(`host ${hostName} has a device ${name}`, { errno: EEXIST });
    }
    // Link addresses differ from host to host, too.
    const at = this.net.devices.length;
    const mac = options.mac ?? new Uint8Array([2, 0, 0, 0, at >>> 8, at & 255]);
    const device = this.net.createDevice({ ...options, mac, name, netns });
    device.watchers.add((event) => {
      if (this.keepsEvents) this.#events.push({ device: path, ...event });
    });
    return device;
  }

  /** A cable between two devices, made where there are none: what one sends arrives at the other. */
  cable(a: string, b: string, options: { veth?: boolean } = {}): [NetDevice, NetDevice] {
    const ends: [NetDevice, NetDevice] = [this.#deviceOrNew(a), this.#deviceOrNew(b)];
    this.net.connect(...ends, options);
    return ends;
  }

  #deviceOrNew(path: string): NetDevice {
    const [host, name] = this.#split(path);
    return this.net.findDevice(name, this.host(host).netns) ?? this.addDevice(path);
  }

  #split(path: string): [host: string, device: string] {
    const [host = '', device = '', ...more] = path.split('.');
    if (host !== '' && device !== '' && more.length === 0) return [host, device];
    throw new UsageError(`"${path}" names no device: a name looks like host.device`, { errno: EINVAL });
  }
}
