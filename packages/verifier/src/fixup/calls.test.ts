// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  alu32Imm,
  alu32Reg,
  alu64Imm,
  alu64Reg,
  callHelper,
  callPseudo,
  exit,
  type Insn,
  ja,
  jmpImm,
  mov32Imm,
  mov32Reg,
} from '@tsbpf/insn';
import type { HelperRow, HelperSpecial, KernelTypes } from '@tsbpf/core';
import {
  BPF_ADD,
  BPF_AND,
  BPF_ARSH,
  BPF_DIV,
  BPF_JEQ,
  BPF_JGE,
  BPF_JNE,
  BPF_MOD,
  BPF_MUL,
  BPF_NEG,
  BPF_OR,
  BPF_REG_AX,
  BPF_SUB,
  BPF_XOR,
  EINVAL,
} from '@tsbpf/uapi';
import { type Case, check } from '../../test/rewrite-case.ts';
import { fakeMap, type FakeOptions, fakeVerification, outcome } from '../../test/verification.ts';
import type { InsnFacts } from '../verification.ts';
import { rewriteCalls } from './calls.ts';

const AX = BPF_REG_AX;
const jeq = (off: number) => jmpImm(BPF_JEQ, 0, 0, off);
const call = (imm: number): Insn => ({ ...callHelper(1), imm });

const TYPES = {} as KernelTypes;
describe('divisions', () => {
  const div = alu64Reg(BPF_DIV, 1, 2);
  const mod = alu64Reg(BPF_MOD, 1, 2);
  const div32 = alu32Reg(BPF_DIV, 1, 2);
  const mod32 = alu32Reg(BPF_MOD, 1, 2);
  const cases: Case[] = [
    {
      name: 'div',
      insns: [div, exit()],
      out: [jmpImm(BPF_JNE, 2, 0, 2), alu32Reg(BPF_XOR, 1, 1), ja(1), div, exit()],
      from: [0, 0, 0, 0, 1],
    },
    { name: 'mod', insns: [mod, exit()], out: [jmpImm(BPF_JEQ, 2, 0, 1), mod, exit()] },
    {
      name: 'div32',
      insns: [div32, exit()],
      out: [mov32Reg(2, 2), jmpImm(BPF_JNE, 2, 0, 2), alu32Reg(BPF_XOR, 1, 1), ja(1), div32, exit()],
    },
    { name: 'mod32', insns: [mod32, exit()], out: [mov32Reg(2, 2), jmpImm(BPF_JEQ, 2, 0, 1), mod32, exit()] },
    { name: 'by a constant', insns: [alu64Imm(BPF_DIV, 1, 3), exit()], out: [alu64Imm(BPF_DIV, 1, 3), exit()] },
    { name: 'in a loop', insns: [mod, jeq(-2), exit()], out: [jmpImm(BPF_JEQ, 2, 0, 1), mod, jeq(-3), exit()] },
  ];
  it.each(cases)('$name', check(rewriteCalls));
});

describe('unprivileged pointer arithmetic', () => {
  const add = alu64Reg(BPF_ADD, 1, 2);
  const sub = alu64Reg(BPF_SUB, 1, 2);
  const mask = (off: number) => [
    mov32Imm(AX, 63),
    alu64Reg(BPF_SUB, AX, off),
    alu64Reg(BPF_OR, AX, off),
    { code: 0x87, dst: AX, src: 0, off: 0, imm: 0 },
    alu64Imm(BPF_ARSH, AX, 63),
  ];
  const state = (aluState: number) => ({ 0: { aluState, aluLimit: 64 } });
  const cases: Case[] = [
    {
      name: 'offset in src',
      facts: state(1),
      insns: [add, exit()],
      out: [...mask(2), alu64Reg(BPF_AND, AX, 2), alu64Reg(BPF_ADD, 1, AX), exit()],
    },
    {
      name: 'offset in dst',
      facts: state(2),
      insns: [add, exit()],
      out: [...mask(1), alu64Reg(BPF_AND, 1, AX), add, exit()],
    },
    {
      name: 'negative offset in src',
      facts: state(5),
      insns: [add, exit()],
      out: [
        alu64Imm(BPF_MUL, 2, -1),
        ...mask(2),
        alu64Reg(BPF_AND, AX, 2),
        alu64Reg(BPF_SUB, 1, AX),
        alu64Imm(BPF_MUL, 2, -1),
        exit(),
      ],
    },
    {
      name: 'negative offset in dst',
      facts: state(6),
      insns: [add, exit()],
      out: [alu64Imm(BPF_MUL, 1, -1), ...mask(1), alu64Reg(BPF_AND, 1, AX), sub, exit()],
    },
    { name: 'scalars', facts: state(8), insns: [add, exit()], out: [add, exit()] },
    {
      name: 'subtraction',
      facts: state(1),
      insns: [sub, exit()],
      out: [...mask(2), alu64Reg(BPF_AND, AX, 2), alu64Reg(BPF_SUB, 1, AX), exit()],
    },
  ];
  it.each(cases)('$name', check(rewriteCalls));
  it('is a negation', () => expect(0x87 & 0xf0).toBe(BPF_NEG));
});

describe('calls', () => {
  const row = (variant: string, special?: HelperSpecial): HelperRow => ({
    variant,
    proto: { id: 1, name: variant.slice(4), ret: 'RET_INTEGER', args: [], special },
  });
  const helpers: HelperRow[] = [
    row('bpf_ktime_get_ns'),
    row('bpf_map_lookup_elem', 'mapLookup'),
    row('bpf_map_update_elem', 'mapUpdate'),
    row('bpf_tail_call', 'tailCall'),
    row('bpf_get_prandom_u32', 'prandom'),
    row('bpf_get_stackid_proto_raw_tp'),
  ];
  const [plain, lookup, update, tail] = helpers;
  const symbols = [
    'bpf_ktime_get_ns',
    'bpf_map_lookup_elem',
    'bpf_map_update_elem',
    'bpf_user_rnd_u32',
    'bpf_get_stackid_raw_tp',
    'htab_lookup',
    '__htab_lookup',
  ];
  const imm = (symbol: string) => (symbols.indexOf(symbol) + 1) * 64;
  const env: FakeOptions['env'] = {
    callBase: 0xffffffff81000000n,
    kernelSymbol: (name) => (symbols.includes(name) ? 0xffffffff81000000n + BigInt(imm(name)) : 0n),
    helper: (variant) => helpers.find((h) => h.variant === variant),
    types: TYPES,
  };
  const ops: FakeOptions['ops'] = { getFuncProto: (id) => helpers[id]?.variant };
  const hash = fakeMap({ maxEntries: 100 }, { opSymbols: { lookup: 'htab_lookup' } });
  const inlined = fakeMap(
    {},
    {
      opSymbols: { lookupRaw: '__htab_lookup' },
      genLookup: () => ({
        insns: [call(0), jmpImm(BPF_JEQ, 0, 0, 1), alu64Imm(BPF_ADD, 0, 56)],
        callees: new Map([[0, 'lookupRaw']]),
      }),
    },
  );
  const tailInsn = (n: number): Insn => ({ code: 0xf5, dst: 0, src: 0, off: 0, imm: n });
  const at0 = (facts: Partial<InsnFacts>) => ({ 0: facts });
  const base = { env, ops };
  const cases: Case[] = [
    { ...base, name: 'a helper', insns: [call(0), exit()], out: [call(imm('bpf_ktime_get_ns')), exit()] },
    {
      ...base,
      name: 'a helper whose function is called otherwise',
      insns: [call(4), exit()],
      out: [call(imm('bpf_user_rnd_u32')), exit()],
    },
    {
      ...base,
      name: 'a tracing variant',
      insns: [call(5), exit()],
      out: [call(imm('bpf_get_stackid_raw_tp')), exit()],
    },
    {
      ...base,
      name: 'functions of the program stay',
      insns: [callPseudo(1), exit(), exit()],
      subprogs: [0, 2],
      out: [callPseudo(1), exit(), exit()],
    },
    {
      ...base,
      name: 'lookup, two maps',
      facts: at0({ helper: lookup, callMap: 'poison' }),
      insns: [call(1), exit()],
      out: [call(imm('bpf_map_lookup_elem')), exit()],
    },
    {
      ...base,
      name: 'lookup, one map',
      facts: at0({ helper: lookup, callMap: hash }),
      insns: [call(1), exit()],
      out: [call(imm('htab_lookup')), exit()],
    },
    {
      ...base,
      name: 'update the type names no symbol for',
      facts: at0({ helper: update, callMap: hash }),
      insns: [call(2), exit()],
      out: [call(imm('bpf_map_update_elem')), exit()],
    },
    {
      ...base,
      name: 'inlined lookup',
      facts: at0({ helper: lookup, callMap: inlined }),
      insns: [call(1), jeq(-2), exit()],
      out: [call(imm('__htab_lookup')), jmpImm(BPF_JEQ, 0, 0, 1), alu64Imm(BPF_ADD, 0, 56), jeq(-4), exit()],
    },
    {
      ...base,
      env: { ...env, jit: false },
      name: 'not compiled',
      facts: at0({ helper: lookup, callMap: inlined }),
      insns: [call(1), exit()],
      out: [call(imm('bpf_map_lookup_elem')), exit()],
    },
    {
      ...base,
      name: 'tail call',
      facts: at0({ helper: tail, callMap: 'poison', callKey: 'poison' }),
      insns: [call(3), exit()],
      out: [tailInsn(0), exit()],
    },
    {
      ...base,
      name: 'tail calls of known programs',
      facts: { 0: { helper: tail, callMap: hash, callKey: 3n }, 1: { helper: tail, callMap: hash, callKey: 4n } },
      insns: [call(3), call(3), exit()],
      out: [tailInsn(1), tailInsn(2), exit()],
    },
    {
      ...base,
      name: 'unprivileged',
      unprivileged: true,
      facts: at0({ helper: tail, callMap: hash, callKey: 3n }),
      insns: [call(3), exit()],
      out: [tailInsn(0), exit()],
    },
    {
      ...base,
      name: 'array of an unprivileged user',
      facts: at0({ helper: tail, callMap: hash, callKey: 3n, maskIndex: true }),
      insns: [call(3), exit()],
      out: [jmpImm(BPF_JGE, 3, 100, 2), alu32Imm(BPF_AND, 3, 127), tailInsn(0), exit()],
    },
  ];
  it.each(cases)('$name', check(rewriteCalls));

  it('refuses two arrays of unprivileged users at one tail call', () => {
    const facts = at0({ helper: tail, callMap: 'poison', maskIndex: true });
    expect(outcome(fakeVerification({ ...base, facts, insns: [call(3), exit()] }), rewriteCalls)).toEqual({
      errno: -EINVAL,
      log: 'tail_call abusing map_ptr\n',
    });
  });

  it('notes what a call stands for', () => {
    const facts = { 0: { helper: lookup, callMap: inlined }, 1: { helper: lookup, callMap: hash } };
    const v = fakeVerification({ ...base, facts, insns: [call(1), call(1), call(3), exit()] });
    rewriteCalls(v);
    expect(v.insnFacts.map((f) => f.mapOp)).toEqual([
      { op: 'lookupRaw', map: inlined },
      undefined,
      undefined,
      { op: 'lookup', map: hash },
      undefined,
      undefined,
    ]);
    expect([v.insnFacts[4].helper, v.cbAccess, v.maxPktOffset]).toEqual([tail, true, 0xffff]);
    expect(plain.proto.special).toBeUndefined();
  });
});
