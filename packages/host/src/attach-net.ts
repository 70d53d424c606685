// SPDX-License-Identifier: MIT
// XDP and tc: programs attached to devices through rtnetlink.
// @see include/uapi/linux/if_link.h (IFLA_XDP), include/uapi/linux/pkt_cls.h (TCA_BPF), tc-bpf(8)
import { EEXIST, EINVAL, ENOSPC } from '@tsbpf/uapi';
import { attrNested, attrString, attrU32 } from './netlink.ts';
import type { NetlinkRequest } from './netlink.ts';
import { LITTLE } from './struct-bytes.ts';

const RTM_SETLINK = 19;
const RTM_NEWQDISC = 36;
const RTM_NEWTFILTER = 44;
const RTM_DELTFILTER = 45;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const IFLA_XDP = 43;
const IFLA_XDP_FD = 1;
const IFLA_XDP_FLAGS = 3;
const TCA_KIND = 1;
const TCA_OPTIONS = 2;
const TCA_BPF_FD = 6;
const TCA_BPF_NAME = 7;
const TCA_BPF_FLAGS = 8;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const TC_H_CLSACT = 0xfffffff1;
const CLSACT_HANDLE = 0xffff0000;
const MIN_INGRESS = 0xfff2;
const MIN_EGRESS = 0xfff3;
const ETH_P_ALL_BE = 0x0300;
const DEFAULT_PRIORITY = 1;
const HANDLES_TO_TRY = 4096;

/** Sends a request; 0 or -errno. */
export type SendRequest = (request: NetlinkRequest) => number;

/** Sets (fd >= 0) or clears (-1) the XDP program of a device. */
export function setLinkXdp(send: SendRequest, ifindex: number, progFd: number, flags: number): number {
  const header = new Uint8Array(16);
  new DataView(header.buffer).setInt32(4, ifindex, LITTLE);
  const xdp = [attrU32(IFLA_XDP_FD, progFd)];
  if (flags !== 0) xdp.push(attrU32(IFLA_XDP_FLAGS, flags));
  return send({ type: RTM_SETLINK, flags: 0, header, attrs: [attrNested(IFLA_XDP, xdp)] });
}

function tcHeader(ifindex: number, handle: number, parent: number, info: number): Uint8Array {
  const header = new Uint8Array(20);
  const view = new DataView(header.buffer);
  view.setInt32(4, ifindex, LITTLE);
  view.setUint32(8, handle >>> 0, LITTLE);
  view.setUint32(12, parent >>> 0, LITTLE);
  view.setUint32(16, info >>> 0, LITTLE);
  return header;
}

/** Options of {@link TcAttacher.attach}. */
export interface TcOptions {
  direction: 'ingress' | 'egress';
  /** 1 to 65535; 1 where left out. */
  priority?: number;
  /** The filter's number; the first free one where left out. */
  handle?: number;
  directAction?: boolean;
}

/** Attaches classifiers, and remembers their priorities, which detaching needs and the handle does not carry. */
export interface TcAttacher {
  /** The handle, or -errno. A handle stands for one filter of a device and direction. */
  attach(ifindex: number, progFd: number, options: TcOptions): number;
  /** A filter that this host did not attach is looked for at priority 1. */
  detach(ifindex: number, options: { direction: 'ingress' | 'egress'; handle: number }): number;
}

/** Creates the clsact side of a host. */
export function createTcAttacher(send: SendRequest): TcAttacher {
  const priorities = new Map<string, number>();
  const keyOf = (ifindex: number, direction: string, handle: number): string => `${ifindex}/${direction}/${handle}`;
  const parentOf = (direction: string): number =>
    (CLSACT_HANDLE | (direction === 'ingress' ? MIN_INGRESS : MIN_EGRESS)) >>> 0;

  const addQdisc = (ifindex: number): number => {
    const header = tcHeader(ifindex, CLSACT_HANDLE, TC_H_CLSACT, 0);
    const attrs = [attrString(TCA_KIND, 'clsact')];
    const result = send({ type: RTM_NEWQDISC, flags: NLM_F_CREATE | NLM_F_EXCL, header, attrs });
    return result === -EEXIST ? 0 : result;
  };

  return {
    attach(ifindex, progFd, options) {
      const priority = options.priority ?? DEFAULT_PRIORITY;
      if (priority < 1 || priority > 0xffff) return -EINVAL;
      const qdisc = addQdisc(ifindex);
      if (qdisc < 0) return qdisc;
      const filter = [attrU32(TCA_BPF_FD, progFd), attrString(TCA_BPF_NAME, 'tsbpf')];
      if (options.directAction === true) filter.push(attrU32(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT));
      const attrs = [attrString(TCA_KIND, 'bpf'), attrNested(TCA_OPTIONS, filter)];
      const first = options.handle ?? 1;
      const last = options.handle ?? HANDLES_TO_TRY;
      for (let handle = first; handle <= last; handle++) {
        const key = keyOf(ifindex, options.direction, handle);
        if (priorities.has(key)) continue;
        const header = tcHeader(ifindex, handle, parentOf(options.direction), (priority << 16) | ETH_P_ALL_BE);
        const result = send({ type: RTM_NEWTFILTER, flags: NLM_F_CREATE | NLM_F_EXCL, header, attrs });
        if (result === -EEXIST) continue;
        if (result < 0) return result;
        priorities.set(key, priority);
        return handle;
      }
      return options.handle === undefined ? -ENOSPC : -EEXIST;
    },
    detach(ifindex, { direction, handle }) {
      const key = keyOf(ifindex, direction, handle);
      const priority = priorities.get(key) ?? DEFAULT_PRIORITY;
      const header = tcHeader(ifindex, handle, parentOf(direction), (priority << 16) | ETH_P_ALL_BE);
      const result = send({ type: RTM_DELTFILTER, flags: 0, header, attrs: [attrString(TCA_KIND, 'bpf')] });
      if (result >= 0) priorities.delete(key);
      return result;
    },
  };
}
