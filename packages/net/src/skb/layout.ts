// SPDX-License-Identifier: MIT
import type { KernelServices, SubsystemKey } from '@tsbpf/core';

/** Where members of `struct sk_buff` lie in this kernel: byte offsets, resolved once. */
export interface SkbLayout {
  readonly size: number;
  readonly infoSize: number;
  readonly at: Readonly<Record<(typeof MEMBERS)[number], number>>;
  /** Offsets in the structure, with that of `cb` added. */
  readonly cb: {
    readonly off: number;
    readonly pktLen: number;
    readonly tcClassid: number;
    readonly scratch: number;
    readonly dataMeta: number;
    readonly dataEnd: number;
  };
  readonly info: {
    readonly metaLen: number;
    readonly gsoSize: number;
    readonly gsoSegs: number;
    readonly dataref: number;
  };
}

const MEMBERS = [
  'dev',
  'sk',
  'tstamp',
  'len',
  'data_len',
  'mac_len',
  'queue_mapping',
  'tc_index',
  'csum',
  'csum_start',
  'csum_offset',
  'priority',
  'skb_iif',
  'hash',
  'vlan_proto',
  'vlan_tci',
  'mark',
  'inner_protocol',
  'inner_transport_header',
  'inner_network_header',
  'inner_mac_header',
  'protocol',
  'transport_header',
  'network_header',
  'mac_header',
  'tail',
  'end',
  'head',
  'data',
  'truesize',
] as const;

/** Bytes a processor's cache line has: what skb_shared_info is aligned to. */
const CACHE_LINE = 64;

const SKB_LAYOUT: SubsystemKey<SkbLayout> = {
  name: 'sk_buff layout',
  create({ types }) {
    const off = (path: string): number => types.resolve(path).off;
    const cb = off('sk_buff.cb');
    return {
      size: types.sizeOf('sk_buff'),
      infoSize: Math.ceil(types.sizeOf('skb_shared_info') / CACHE_LINE) * CACHE_LINE,
      at: Object.fromEntries(MEMBERS.map((member) => [member, off(`sk_buff.${member}`)])) as SkbLayout['at'],
      cb: {
        off: cb,
        pktLen: cb + off('qdisc_skb_cb.pkt_len'),
        tcClassid: cb + off('qdisc_skb_cb.tc_classid'),
        scratch: cb + off('qdisc_skb_cb.data'),
        dataMeta: cb + off('bpf_skb_data_end.data_meta'),
        dataEnd: cb + off('bpf_skb_data_end.data_end'),
      },
      info: {
        metaLen: off('skb_shared_info.meta_len'),
        gsoSize: off('skb_shared_info.gso_size'),
        gsoSegs: off('skb_shared_info.gso_segs'),
        dataref: off('skb_shared_info.dataref'),
      },
    };
  },
};

/** The layout of this kernel's sk_buff. */
export function skbLayout(kernel: KernelServices): SkbLayout {
  return kernel.subsystem(SKB_LAYOUT);
}
