// SPDX-License-Identifier: MIT
// What the two kinds of device maps share. @see kernel/bpf/devmap.c
import {
  BPF_F_NUMA_NODE,
  BPF_F_RDONLY,
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY,
  CAP_NET_ADMIN,
  EINVAL,
  ENOENT,
  ENOMEM,
  EPERM,
} from '@tsbpf/uapi';
import type { BpfMap, Errno, KernelServices, MapParams } from '@tsbpf/core';
import type { NetDevice } from '../dev/device.ts';
import { netOf } from '../net-state.ts';
import { okToForward, xmitTo } from '../xdp/redirect.ts';
import type { MapRedirect } from '../xdp/redirect-map.ts';

/** Keys and values are 32 bits. */
export const WORD = 4;

/** @see dev_map_alloc */
export function deviceMapAllocCheck(params: MapParams, kernel: KernelServices): Errno {
  if (!kernel.env.capable(CAP_NET_ADMIN)) return -EPERM;
  const known = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY;
  const bad =
    params.maxEntries === 0 || params.keySize !== WORD || params.valueSize !== WORD || (params.flags & ~known) !== 0;
  return bad ? -EINVAL : 0;
}

/** Programs read the index of the device itself, so they may not write it. */
export function readOnlyForProgs(params: MapParams): MapParams {
  return { ...params, flags: params.flags | BPF_F_RDONLY_PROG };
}

/** v5.6 answers EINVAL where the map cannot be charged for. */
export function chargeError<M>(made: M | Errno): M | Errno {
  return typeof made === 'number' && made !== -ENOMEM ? -EINVAL : made;
}

/** The device of a number, in the namespace of the process; undefined where there is none. */
export function deviceOf(map: BpfMap, ifindex: number): NetDevice | undefined {
  return netOf(map.kernel).findDevice(ifindex);
}

/** Where a program finds the index of the device at `dev`; 0 for none. */
export function ifindexOff(map: BpfMap, dev: number): number {
  return dev === 0 ? 0 : dev + map.kernel.types.resolve('net_device.ifindex').off;
}

/** Copies the index of a device to a system call's buffer. 0 or -ENOENT. */
export function copyIfindex(map: BpfMap, dev: number, valueOff: number): Errno {
  if (dev === 0) return -ENOENT;
  map.kernel.mem.write32(valueOff, map.kernel.mem.read32(ifindexOff(map, dev)));
  return 0;
}

/** Sends a packet to the device a map named. @see dev_map_enqueue, dev_map_generic_redirect */
export function redirectToDevice({ map, from, target, xdp, generic }: MapRedirect): Errno {
  const device = map.kernel.objects.get<NetDevice>(target, 'netdev');
  if (device === undefined) return -EINVAL;
  if (!generic) return xmitTo(from, device, xdp);
  const err = okToForward(device, xdp.lenBytes);
  if (err === 0) device.transmit(xdp.bytes(), 'xdp-redirect');
  return err;
}

/** Redirects that name a map which goes away are forgotten. @see bpf_clear_redirect_map */
export function forgetRedirects(map: BpfMap): void {
  for (const info of netOf(map.kernel).redirects) if (info.map === map) info.map = undefined;
}
