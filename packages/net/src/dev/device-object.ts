// SPDX-License-Identifier: MIT
// `struct net_device` in kernel memory.
import { ENOMEM, UsageError } from '@tsbpf/uapi';
import type { KernelServices } from '@tsbpf/core';
import { xdpLayout } from './layout.ts';
import { writeField, writePointerField } from './fields.ts';
import { writePointer } from './pointer.ts';
import type { NetNamespace } from './namespace.ts';

export const IFF_UP = 0x1;
const IFF_BROADCAST = 0x2;
const IFF_LOOPBACK = 0x8;
const IFF_RUNNING = 0x40;
const IFF_MULTICAST = 0x1000;
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
const ADDR_LEN = 6;
const HARD_HEADER_LEN = 14;
const MAX_ADDR_LEN = 32;

/** What a device's structures say. */
export interface DeviceFacts {
  readonly name: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly mac: Uint8Array;
  readonly up: boolean;
  readonly loopback: boolean;
  readonly rxQueues: number;
  readonly netns: NetNamespace;
}

/** Offsets of a device's structures. */
export interface DeviceObject {
  readonly off: number;
  readonly macOff: number;
  /** `struct xdp_rxq_info` of each receive queue. */
  readonly rxqs: readonly number[];
}

function room(kernel: KernelServices, lenBytes: number, name: string): number {
  const off = kernel.mem.alloc(lenBytes, { kind: 'object', name, align: 64 });
  if (off === 0) throw new UsageError(`kernel memory is exhausted: no room for ${name}`, { errno: ENOMEM });
  return off;
}

/** Lays a device out by this kernel's BTF. */
export function createDeviceObject(kernel: KernelServices, facts: DeviceFacts): DeviceObject {
  const off = room(kernel, kernel.types.sizeOf('net_device'), 'net_device');
  const macOff = room(kernel, MAX_ADDR_LEN, 'dev_addr');
  kernel.mem.writeBytes(macOff, facts.mac);
  kernel.mem.writeBytes(off + kernel.types.resolve('net_device.name').off, new TextEncoder().encode(facts.name));
  const permanent = kernel.types.tryResolve('net_device.perm_addr');
  if (permanent !== undefined) kernel.mem.writeBytes(off + permanent.off, facts.mac);
  const kind = facts.loopback ? IFF_LOOPBACK : IFF_BROADCAST | IFF_MULTICAST;
  const set = (member: string, value: number): void => writeField(kernel, off, `net_device.${member}`, value);
  set('ifindex', facts.ifindex);
  set('mtu', facts.mtu);
  set('flags', (facts.up ? IFF_UP | IFF_RUNNING : 0) | kind);
  set('type', facts.loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER);
  set('hard_header_len', HARD_HEADER_LEN);
  set('min_header_len', HARD_HEADER_LEN);
  set('addr_len', ADDR_LEN);
  set('num_rx_queues', facts.rxQueues);
  set('num_tx_queues', 1);
  writePointerField(kernel, off, 'net_device.dev_addr', macOff);
  writePointerField(kernel, off, 'net_device.nd_net.net', facts.netns.off);

  const layout = xdpLayout(kernel);
  const rxqs = Array.from({ length: facts.rxQueues }, (_, index) => {
    const rxq = room(kernel, layout.rxqSize, 'xdp_rxq_info');
    writePointer(kernel.mem, rxq + layout.rxqDev, off);
    kernel.mem.write32(rxq + layout.rxqIndex, index);
    return rxq;
  });
  return { off, macOff, rxqs };
}

/** Gives a device's memory back. */
export function freeDeviceObject(kernel: KernelServices, object: DeviceObject): void {
  for (const rxq of object.rxqs) kernel.mem.free(rxq);
  kernel.mem.free(object.macOff);
  kernel.mem.free(object.off);
}
