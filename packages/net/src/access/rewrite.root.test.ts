// SPDX-License-Identifier: MIT
// Context rewrites against those of the running kernel, given its BTF: instruction by instruction, where v5.6 and later
// kernels emit the same. Needs root.
import { describe, expect, it } from 'vitest';
import {
  BPF_DW,
  BPF_JEQ,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_XDP,
  BPF_W,
} from '@tsbpf/uapi';
import { Btf } from '@tsbpf/btf';
import { createKernelTypes, type ProgFacts, type ProgTypeDef } from '@tsbpf/core';
import { createHost } from '@tsbpf/host';
import { callHelper, exit, formatInsn, jmpImm, ldxMem, mov64Imm, mov64Reg, stxMem, type Insn } from '@tsbpf/insn';
import { progFacts, translatedProgram } from '@tsbpf/testkit';
import { skMsgProgType } from '../prog-types/sk-msg.ts';
import { skReuseportProgType } from '../prog-types/sk-reuseport.ts';
import { schedClsProgType } from '../prog-types/sched-cls.ts';
import { socketFilterProgType } from '../prog-types/socket-filter.ts';
import { xdpProgType } from '../prog-types/xdp.ts';
import {
  SCHED_CLS_FIELDS,
  SK_MSG_FIELDS,
  SK_REUSEPORT_FIELDS,
  SOCKET_FIELDS,
  SOCKET_FILTER_FIELDS,
  TCP_SOCK_FIELDS,
  XDP_FIELDS,
} from '../generated/ctx-fields.ts';
import { netPtrClasses } from '../rows.ts';
import type { CtxField } from './ctx-field.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const host = isRoot ? createHost() : undefined;
const blob = host?.readFile('/sys/kernel/btf/vmlinux');
const usable = blob instanceof Uint8Array;
if (!usable) console.log('skipped: rewrites are compared as root on a Linux with BTF');
const types = usable ? createKernelTypes(new Btf(blob)) : undefined;

/** Fields that kernels later than v5.6 rewrite differently, and since when. */
const LATER: Readonly<Record<string, string>> = {
  tstamp: 'since 5.18 tells mono from wall clocks',
  napi_id: 'compares with a limit that depends on the configuration',
  remote_port: 'since 5.17 narrow loads of ports were mended',
};

const prog = (type: number): ProgFacts => progFacts({ type });
const kernelsOwn = (type: number, insns: Insn[]): Insn[] => translatedProgram(host!, { prog_type: type }, insns);

const cases = (
  [
    [socketFilterProgType, SOCKET_FILTER_FIELDS],
    [schedClsProgType, SCHED_CLS_FIELDS],
    [xdpProgType, XDP_FIELDS],
    [skMsgProgType, SK_MSG_FIELDS],
    [skReuseportProgType, SK_REUSEPORT_FIELDS],
  ] as [ProgTypeDef, readonly CtxField[]][]
).flatMap(([def, fields]) =>
  fields
    .filter((field) => !(field.name in LATER))
    .flatMap((field) => {
      const size = field.size === 8 ? 8 : 4;
      const out: [string, ProgTypeDef, CtxField, number, boolean][] = [];
      if (field.read !== undefined) out.push([`${def.name}: load of ${field.name}`, def, field, size, false]);
      if (field.write !== undefined && field.writeWhen === undefined) {
        out.push([`${def.name}: store to ${field.name}`, def, field, size, true]);
      }
      return out;
    }),
);

describe.skipIf(!usable)('rewrites equal the running kernel’s', () => {
  it('is about the types it names', () => {
    expect([socketFilterProgType, schedClsProgType, xdpProgType].map(({ type }) => type)).toEqual([
      BPF_PROG_TYPE_SOCKET_FILTER,
      BPF_PROG_TYPE_SCHED_CLS,
      BPF_PROG_TYPE_XDP,
    ]);
  });

  it.each(cases)('%s', (_name, def, field, size, write) => {
    const code = size === 8 ? BPF_DW : BPF_W;
    const insn = write ? stxMem(code, 1, 2, field.off) : ldxMem(code, 2, 1, field.off);
    const before = write ? [mov64Imm(2, 7)] : [];
    const theirs = kernelsOwn(def.type, [...before, insn, mov64Imm(0, 0), exit()]);
    const ours = def.verifier.convertCtxAccess!({
      write,
      insn,
      off: field.off,
      size,
      prog: prog(def.type),
      types: types!,
    });
    const text = (insns: readonly Insn[]): string[] => insns.map((_, at) => formatInsn(insns, at));
    expect(text([...before, ...ours.insns])).toEqual(text(theirs.slice(0, -2)));
  });

  it.each([
    // bpf_sk_fullsock and bpf_tcp_sock; the ports' narrow loads were mended later.
    ...SOCKET_FIELDS.filter(({ name }) => !name.endsWith('_port')).map(
      (field) => ['PTR_TO_SOCKET', 95, field] as const,
    ),
    ...TCP_SOCK_FIELDS.map((field) => ['PTR_TO_TCP_SOCK', 96, field] as const),
  ])('%s: %i %o', (regType, helper, field) => {
    const code = field.size === 8 ? BPF_DW : BPF_W;
    const insn = ldxMem(code, 2, 7, field.off);
    const start = [
      ldxMem(BPF_DW, 1, 1, 168),
      jmpImm(BPF_JEQ, 1, 0, 4),
      callHelper(helper),
      jmpImm(BPF_JEQ, 0, 0, 2),
      mov64Reg(7, 0),
      insn,
    ];
    const theirs = kernelsOwn(BPF_PROG_TYPE_SCHED_CLS, [...start, mov64Imm(0, 0), exit()]).slice(5, -2);
    const size = field.size === 8 ? 8 : 4;
    const row = netPtrClasses.find((one) => one.regType === regType)!;
    const facts = prog(BPF_PROG_TYPE_SCHED_CLS);
    const ours = row.convertAccess({ write: false, insn, off: field.off, size, prog: facts, types: types! }).insns;
    const text = (insns: readonly Insn[]): string[] => insns.map((_, at) => formatInsn(insns, at));
    expect(text(ours)).toEqual(text(theirs));
  });

  it('unclones before a direct write', () => {
    // if (data + 1 <= data_end) data[0] = 0
    const insns = [
      ldxMem(BPF_W, 2, 1, 76),
      ldxMem(BPF_W, 3, 1, 80),
      { code: 0xbf, dst: 4, src: 2, off: 0, imm: 0 },
      { code: 0x07, dst: 4, src: 0, off: 0, imm: 1 },
      { code: 0x2d, dst: 4, src: 3, off: 1, imm: 0 },
      { code: 0x72, dst: 2, src: 0, off: 0, imm: 0 },
      mov64Imm(0, 0),
      exit(),
    ];
    const theirs = kernelsOwn(BPF_PROG_TYPE_SCHED_CLS, insns);
    const ours = schedClsProgType.verifier.genPrologue!(true, prog(BPF_PROG_TYPE_SCHED_CLS), types!) ?? [];
    // The call's target is an address there and a number here.
    const shape = (list: readonly Insn[]): unknown[] => list.map((one) => (one.code === 0x85 ? 'call' : one));
    expect(shape(ours)).toEqual(shape(theirs.slice(0, ours.length)));
  });
});
