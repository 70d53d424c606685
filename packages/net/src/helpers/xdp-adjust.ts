// SPDX-License-Identifier: MIT
// bpf_xdp_adjust_head, _meta and _tail. @see net/core/filter.c
import { EACCES, EINVAL, ENOTSUPP } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { ETH_HLEN, XdpBuff } from '../xdp/xdp-buff.ts';

/** Metadata is at most this long, and a multiple of 4. */
const MAX_META = 32;

/** The helpers that move the ends of an XDP packet. */
export const xdpAdjustHelpers: readonly HelperRow[] = [
  defineHelper('bpf_xdp_adjust_head', {
    retWidth: 'sext',
    call({ kernel }, ctx, offset) {
      const xdp = new XdpBuff(kernel, ctx >>> 0);
      const { metaLen, data: old } = xdp;
      const data = old + offset;
      if (data < xdp.frameEnd + metaLen || data > xdp.dataEnd - ETH_HLEN) return -EINVAL;
      const meta = xdp.dataMeta;
      if (metaLen > 0) kernel.mem.copy(meta + offset, meta, metaLen);
      xdp.dataMeta = meta + offset;
      xdp.data = data;
      return 0;
    },
  }),
  defineHelper('bpf_xdp_adjust_meta', {
    retWidth: 'sext',
    call({ kernel }, ctx, offset) {
      const xdp = new XdpBuff(kernel, ctx >>> 0);
      if (xdp.metaUnsupported) return -ENOTSUPP;
      const meta = xdp.dataMeta + offset;
      const metaLen = xdp.data - meta;
      if (meta < xdp.frameEnd || metaLen < 0) return -EINVAL;
      if (metaLen % 4 !== 0 || metaLen > MAX_META) return -EACCES;
      xdp.dataMeta = meta;
      return 0;
    },
  }),
  defineHelper('bpf_xdp_adjust_tail', {
    retWidth: 'sext',
    call({ kernel }, ctx, offset) {
      const xdp = new XdpBuff(kernel, ctx >>> 0);
      const dataEnd = xdp.dataEnd + offset;
      // Linux v5.6 can only shrink a packet.
      if (offset >= 0 || dataEnd < xdp.data + ETH_HLEN) return -EINVAL;
      xdp.dataEnd = dataEnd;
      return 0;
    },
  }),
];
