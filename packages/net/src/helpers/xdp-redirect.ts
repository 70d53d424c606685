// SPDX-License-Identifier: MIT
// bpf_redirect and bpf_redirect_map of XDP programs. @see net/core/filter.c
import { XDP_ABORTED, XDP_REDIRECT, XDP_TX } from '@tsbpf/uapi';
import { defineHelper, type BpfMap, type HelperRow } from '@tsbpf/core';
import { netOf } from '../net-state.ts';
import { redirectOps } from '../xdp/redirect-map.ts';

/** The helpers that choose where XDP_REDIRECT goes. */
export const xdpRedirectHelpers: readonly HelperRow[] = [
  defineHelper('bpf_xdp_redirect', {
    retWidth: 'sext',
    wideArgs: [2],
    call({ kernel, argHi }, ifindex, flags) {
      if (flags !== 0 || argHi[2] !== 0) return XDP_ABORTED;
      Object.assign(netOf(kernel).redirect, { flags: 0, tgtIndex: ifindex >>> 0, tgtValue: 0, map: undefined });
      return XDP_REDIRECT;
    },
  }),
  defineHelper('bpf_xdp_redirect_map', {
    retWidth: 'sext',
    wideArgs: [3],
    call({ kernel, argHi }, mapOff, key, flags) {
      // The low bits are what to return where the map has no such entry.
      if (argHi[3] !== 0 || flags >>> 0 > XDP_TX) return XDP_ABORTED;
      const { redirect } = netOf(kernel);
      const map = kernel.objects.get<BpfMap>(mapOff >>> 0, 'map');
      const ops = map === undefined ? undefined : redirectOps(map);
      const target = map === undefined || ops === undefined ? 0 : ops.redirectTarget(map, key >>> 0);
      redirect.tgtValue = target;
      if (target === 0) {
        redirect.map = undefined;
        return flags;
      }
      Object.assign(redirect, { flags, tgtIndex: key >>> 0, map });
      return XDP_REDIRECT;
    },
  }),
];
