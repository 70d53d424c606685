// SPDX-License-Identifier: MIT
// `__sk_buff` → `struct sk_buff`. @see net/core/filter.c, bpf_convert_ctx_access
import { BPF_ADD, BPF_AND, BPF_JEQ, BPF_JGE, BPF_LSH, BPF_RSH, BPF_W } from '@tsbpf/uapi';
import { alu32Imm, alu64Reg, jmpImm, ldxMem, mov32Imm, mov64Imm, type Insn } from '@tsbpf/insn';
import type { CtxAccess, CtxRewrite } from '@tsbpf/core';
import { SCHED_CLS_FIELDS } from '../generated/ctx-fields.ts';
import { fieldAt } from './ctx-field.ts';
import { inside, load, loadChain, loadOrStore, NO_REWRITE, REG_AX, store } from './emit.ts';

/** A queue mapping from here on means "none", and is not stored. */
const NO_QUEUE_MAPPING = 0xffff;
/** NAPI ids below are CPU numbers of senders: one more than the possible CPUs of the simulated configuration. */
const MIN_NAPI_ID = 65;
/** The three bits of pkt_type. */
const PKT_TYPE_MAX = 7;

/** Loads the socket of the packet, then what lies behind it. */
function loadSock(access: CtxAccess, path: string, delta = 0): CtxRewrite {
  const { off, size } = access.types.resolve(path);
  return loadChain(access, 'sk_buff.sk', { off: off + delta, size });
}

function loadWordOfSock(access: CtxAccess, path: string, delta: number): CtxRewrite {
  return loadChain(access, 'sk_buff.sk', { off: access.types.resolve(path).off + delta, size: 4 });
}

function pktType({ types, insn }: CtxAccess): CtxRewrite {
  const { off } = types.tryResolve('sk_buff.__pkt_type_offset') ?? types.resolve('sk_buff.pkt_type');
  const insns = [load(types, { off, size: 1 }, insn.dst, insn.src), alu32Imm(BPF_AND, insn.dst, PKT_TYPE_MAX)];
  return { insns, targetSize: 1 };
}

function vlanPresent({ types, insn }: CtxAccess): CtxRewrite {
  const bit = types.tryResolve('sk_buff.vlan_present');
  if (bit === undefined) {
    // Later kernels have no flag: a tag is there when protocol and tag, taken together, are not zero.
    const insns = [load(types, 'sk_buff.vlan_all', insn.dst, insn.src), jmpImm(BPF_JEQ, insn.dst, 0, 1)];
    return { insns: [...insns, mov32Imm(insn.dst, 1)], targetSize: 4 };
  }
  const insns = [load(types, { off: bit.off, size: 1 }, insn.dst, insn.src)];
  if (bit.bitOff > 0) insns.push(alu32Imm(BPF_RSH, insn.dst, bit.bitOff));
  if (bit.bitOff < 7) insns.push(alu32Imm(BPF_AND, insn.dst, 1));
  return { insns, targetSize: 1 };
}

function queueMapping(access: CtxAccess): CtxRewrite {
  const { types, insn } = access;
  if (!access.write) return loadChain(access, 'sk_buff.queue_mapping');
  const guard = jmpImm(BPF_JGE, insn.src, NO_QUEUE_MAPPING, 1);
  return { insns: [guard, store(types, 'sk_buff.queue_mapping', insn.dst, insn.src)], targetSize: 0 };
}

function ifindex(access: CtxAccess): CtxRewrite {
  const { insns, targetSize } = loadChain(access, 'sk_buff.dev', 'net_device.ifindex');
  const [dev, index] = insns as [Insn, Insn];
  return { insns: [dev, jmpImm(BPF_JEQ, access.insn.dst, 0, 1), index], targetSize };
}

function napiId(access: CtxAccess): CtxRewrite {
  const { insns, targetSize } = loadChain(access, 'sk_buff.napi_id');
  const { dst } = access.insn;
  return { insns: [...insns, jmpImm(BPF_JGE, dst, MIN_NAPI_ID, 1), mov64Imm(dst, 0)], targetSize };
}

/** Through skb_shared_info, which lies at `head + end`. */
function gsoSegs({ types, insn }: CtxAccess): CtxRewrite {
  const segs = types.resolve('skb_shared_info.gso_segs');
  const insns = [
    load(types, 'sk_buff.end', REG_AX, insn.src),
    load(types, 'sk_buff.head', insn.dst, insn.src),
    alu64Reg(BPF_ADD, insn.dst, REG_AX),
    load(types, segs, insn.dst, insn.dst),
  ];
  return { insns, targetSize: segs.size };
}

/** The twenty bytes of scratch lie in the queueing discipline's part of the control block; sizes stay as they are. */
function scratch(access: CtxAccess, start: number): CtxRewrite {
  const { off } = inside(access.types, 'sk_buff.cb', 'qdisc_skb_cb.data');
  return loadOrStore(access, { off: off + access.off - start, size: access.size });
}

/** The rewrite of an access to `__sk_buff`, as most program types have it. */
export function rewriteSkb(access: CtxAccess): CtxRewrite {
  const { types, off, insn } = access;
  const field = fieldAt(SCHED_CLS_FIELDS, off);
  if (field === undefined) return NO_REWRITE;
  const delta = off - field.off;
  if (field.name === 'cb') return scratch(access, field.off);
  if (field.name === 'remote_ip6' && delta % 4 === 0) return loadWordOfSock(access, 'sock_common.skc_v6_daddr', delta);
  if (field.name === 'local_ip6' && delta % 4 === 0) {
    return loadWordOfSock(access, 'sock_common.skc_v6_rcv_saddr', delta);
  }
  if (delta !== 0) return NO_REWRITE;
  switch (field.name) {
    case 'len':
    case 'protocol':
    case 'vlan_proto':
    case 'vlan_tci':
    case 'hash':
    case 'priority':
    case 'mark':
    case 'tc_index':
    case 'tstamp':
    case 'data':
    case 'sk':
      return loadOrStore(access, `sk_buff.${field.name}`);
    case 'ingress_ifindex':
      return loadOrStore(access, 'sk_buff.skb_iif');
    case 'ifindex':
      return ifindex(access);
    case 'pkt_type':
      return pktType(access);
    case 'queue_mapping':
      return queueMapping(access);
    case 'vlan_present':
      return vlanPresent(access);
    case 'tc_classid':
      return loadOrStore(access, inside(types, 'sk_buff.cb', 'qdisc_skb_cb.tc_classid'));
    case 'data_meta':
      return loadOrStore(access, inside(types, 'sk_buff.cb', 'bpf_skb_data_end.data_meta'));
    case 'data_end':
      return loadOrStore(access, inside(types, 'sk_buff.cb', 'bpf_skb_data_end.data_end'));
    case 'wire_len':
      return loadOrStore(access, inside(types, 'sk_buff.cb', 'qdisc_skb_cb.pkt_len'));
    case 'napi_id':
      return napiId(access);
    case 'gso_segs':
      return gsoSegs(access);
    case 'family':
      return loadSock(access, 'sock_common.skc_family');
    case 'remote_ip4':
      return loadSock(access, 'sock_common.skc_daddr');
    case 'local_ip4':
      return loadSock(access, 'sock_common.skc_rcv_saddr');
    case 'local_port':
      return loadSock(access, 'sock_common.skc_num');
    case 'remote_port': {
      const { insns, targetSize } = loadSock(access, 'sock_common.skc_dport');
      return { insns: [...insns, alu32Imm(BPF_LSH, insn.dst, 16)], targetSize };
    }
    default:
      return NO_REWRITE;
  }
}

/** Classifiers and actions know that there is a device. @see net/core/filter.c, tc_cls_act_convert_ctx_access */
export function rewriteTcSkb(access: CtxAccess): CtxRewrite {
  const field = fieldAt(SCHED_CLS_FIELDS, access.off);
  if (field?.name !== 'ifindex' || field.off !== access.off) return rewriteSkb(access);
  const { types, insn } = access;
  const { off } = types.resolve('net_device.ifindex');
  return {
    insns: [load(types, 'sk_buff.dev', insn.dst, insn.src), ldxMem(BPF_W, insn.dst, insn.dst, off)],
    targetSize: 4,
  };
}

/** Stream parsers and verdicts keep the end of data in TCP's control block. @see net/core/filter.c */
export function rewriteSkSkb(access: CtxAccess): CtxRewrite {
  const field = fieldAt(SCHED_CLS_FIELDS, access.off);
  if (field?.name !== 'data_end' || field.off !== access.off) return rewriteSkb(access);
  return loadOrStore(access, inside(access.types, 'sk_buff.cb', 'tcp_skb_cb.bpf.data_end'));
}
