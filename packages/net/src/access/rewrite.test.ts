// SPDX-License-Identifier: MIT
// Rewrites that later kernels do differently, as v5.6 emits them; the others are compared with a running kernel in
// rewrite.root.test.ts. Offsets come from the simulated kernel's BTF.
import { describe, expect, it } from 'vitest';
import { BPF_DW, BPF_W } from '@tsbpf/uapi';
import type { ProgTypeDef } from '@tsbpf/core';
import { formatInsn, ldxMem, stxMem, type Insn } from '@tsbpf/insn';
import { createTestKernel, progFacts } from '@tsbpf/testkit';
import { flowDissectorProgType } from '../prog-types/flow-dissector.ts';
import { schedClsProgType } from '../prog-types/sched-cls.ts';
import { skSkbProgType } from '../prog-types/sk-skb.ts';
import { socketFilterProgType } from '../prog-types/socket-filter.ts';
import { xdpProgType } from '../prog-types/xdp.ts';
import { tcpSockPtr } from '../ptr-classes/tcp-sock.ts';

const { types } = createTestKernel();
const at = (path: string): string => {
  const { off } = types.resolve(path);
  return off === 0 ? '+0' : `+${off}`;
};
const text = (insns: readonly Insn[]): string[] => insns.map((_, idx) => formatInsn(insns, idx));
const rewrite = (def: ProgTypeDef, off: number, size: 4 | 8 = 4, write = false): string[] => {
  const code = size === 8 ? BPF_DW : BPF_W;
  const insn = write ? stxMem(code, 1, 2, off) : ldxMem(code, 2, 1, off);
  return text(def.verifier.convertCtxAccess!({ write, insn, off, size, prog: progFacts(), types }).insns);
};
const cb = (path: string): string => `+${types.resolve('sk_buff.cb').off + types.resolve(path).off}`;

describe('v5.6 rewrites', () => {
  it('loads a port in network order, in the upper half', () => {
    expect(rewrite(skSkbProgType, 132)).toEqual([
      `r2 = *(u64 *)(r1 ${at('sk_buff.sk')})`,
      `r2 = *(u16 *)(r2 ${at('sock_common.skc_dport')})`,
      'w2 <<= 16',
    ]);
    expect(rewrite(skSkbProgType, 136)).toEqual([
      `r2 = *(u64 *)(r1 ${at('sk_buff.sk')})`,
      `r2 = *(u16 *)(r2 ${at('sock_common.skc_num')})`,
    ]);
  });

  it('loads and stores the time as it is', () => {
    expect(rewrite(schedClsProgType, 152, 8)).toEqual([`r2 = *(u64 *)(r1 ${at('sk_buff.tstamp')})`]);
    expect(rewrite(schedClsProgType, 152, 8, true)).toEqual([`*(u64 *)(r1 ${at('sk_buff.tstamp')}) = r2`]);
  });

  it('hides NAPI ids that are CPU numbers', () => {
    expect(rewrite(socketFilterProgType, 84)).toEqual([
      `r2 = *(u32 *)(r1 ${at('sk_buff.napi_id')})`,
      'if r2 >= 0x41 goto pc+1',
      'r2 = 0',
    ]);
  });

  it('takes the tag’s flag out of its byte', () => {
    const { off, bitOff } = types.resolve('sk_buff.vlan_present');
    const shift = bitOff === 0 ? [] : [`w2 >>= ${bitOff}`];
    expect(rewrite(socketFilterProgType, 20)).toEqual([
      `r2 = *(u8 *)(r1 +${off})`,
      ...shift,
      ...(bitOff < 7 ? ['w2 &= 1'] : []),
    ]);
  });

  it('asks for a device, except in classifiers', () => {
    const chain = [`r2 = *(u64 *)(r1 ${at('sk_buff.dev')})`, `r2 = *(u32 *)(r2 ${at('net_device.ifindex')})`];
    expect(rewrite(schedClsProgType, 40)).toEqual(chain);
    expect(rewrite(socketFilterProgType, 40)).toEqual([chain[0], 'if r2 == 0x0 goto pc+1', chain[1]]);
  });

  it('finds the end of data where each hook keeps it', () => {
    expect(rewrite(schedClsProgType, 80)).toEqual([`r2 = *(u64 *)(r1 ${cb('bpf_skb_data_end.data_end')})`]);
    expect(rewrite(skSkbProgType, 80)).toEqual([`r2 = *(u64 *)(r1 ${cb('tcp_skb_cb.bpf.data_end')})`]);
    expect(rewrite(xdpProgType, 4)).toEqual([`r2 = *(u64 *)(r1 ${at('xdp_buff.data_end')})`]);
    expect(rewrite(flowDissectorProgType, 80)).toEqual([`r2 = *(u64 *)(r1 ${at('bpf_flow_dissector.data_end')})`]);
  });

  it('has none for what passes by mistake', () => {
    expect(rewrite(schedClsProgType, 172)).toEqual([]);
    expect(rewrite(flowDissectorProgType, 77)).toEqual([]);
    const insn = ldxMem(BPF_W, 2, 1, 84);
    const access = { write: false, insn, off: 84, size: 4, prog: progFacts(), types };
    expect(tcpSockPtr.convertAccess(access).insns).toEqual([]);
  });
});
