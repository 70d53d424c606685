// SPDX-License-Identifier: MIT
// Neighbours of bpf(2) that networking answers.
import { CAP_NET_ADMIN, ENODEV, EPERM } from '@tsbpf/uapi';
import type { HostVerbRow } from '@tsbpf/core';
import { netOf } from './net-state.ts';
import { setFilterOption } from './sock/packet-socket.ts';
import { setReuseportOption } from './reuseport/options.ts';
import { attachTcFilter, detachTcFilter } from './tc/filters.ts';
import { setXdp } from './xdp/attach.ts';

export const netVerbs: HostVerbRow = {
  ifNameToIndex: (kernel, name) => netOf(kernel).findDevice(name)?.ifindex ?? -ENODEV,
  setLinkXdp(kernel, ifindex, progFd, flags) {
    if (!kernel.env.capable(CAP_NET_ADMIN)) return -EPERM;
    const device = netOf(kernel).findDevice(ifindex);
    return device === undefined ? -ENODEV : setXdp(device, progFd, flags);
  },
  setsockopt: (kernel, fd, level, name, value) =>
    setFilterOption(kernel, fd, { level, name, value }) ?? setReuseportOption(kernel, fd, { level, name, value }),
  attachTc(kernel, ifindex, progFd, options) {
    if (!kernel.env.capable(CAP_NET_ADMIN)) return -EPERM;
    const device = netOf(kernel).findDevice(ifindex);
    return device === undefined ? -ENODEV : attachTcFilter(device, progFd, options);
  },
  detachTc(kernel, ifindex, options) {
    if (!kernel.env.capable(CAP_NET_ADMIN)) return -EPERM;
    const device = netOf(kernel).findDevice(ifindex);
    return device === undefined ? -ENODEV : detachTcFilter(device, options);
  },
};
