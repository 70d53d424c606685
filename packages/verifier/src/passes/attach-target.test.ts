// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BTF_FUNC_GLOBAL, BTF_FUNC_STATIC, createBtfBuilder } from '@tsbpf/btf';
import { exit } from '@tsbpf/insn';
import { BPF_TRACE_FENTRY, BPF_TRACE_FEXIT, BPF_TRACE_RAW_TP, EINVAL, ENOENT, ENOTSUPP } from '@tsbpf/uapi';
import { targetProg } from '../../test/target-prog.ts';
import { type FakeOptions, fakeVerification, outcome } from '../../test/verification.ts';
import { resolveAttachTarget } from './attach-target.ts';

const TRACING = 26;
const STRUCT_OPS = 27;
const EXT = 28;

const k = createBtfBuilder();
const int = k.int('int', 4);
const voidPtr = k.ptr(0);
const sk = k.struct('sock', 8, []);
const skPtr = k.ptr(sk);
const proto = k.funcProto(int, [{ name: 'sk', typeId: skPtr }]);
const func = k.func('tcp_connect', proto);
const gone = k.func('inlined_away', proto);
const many = k.func(
  'many',
  k.funcProto(
    int,
    Array.from({ length: 12 }, (_, i) => ({ name: `a${i}`, typeId: int })),
  ),
);
const byValue = k.func(
  'by_value',
  k.funcProto(int, [
    { name: 'x', typeId: int },
    { name: 's', typeId: sk },
  ]),
);
const structRet = k.func('struct_ret', k.funcProto(sk, []));
const voidRet = k.func('void_ret', k.funcProto(0, [{ name: 'p', typeId: voidPtr }]));
const trace = k.typedef('btf_trace_sched_switch', k.ptr(k.funcProto(0, [{ name: '__data', typeId: voidPtr }])));
const plainTypedef = k.typedef('u32_t', int);
const brokenTrace = k.typedef('btf_trace_broken', int);
const ops = k.struct('tcp_congestion_ops', 24, [
  { name: 'flags', typeId: int, bitOffset: 0 },
  { name: 'init', typeId: k.ptr(proto), bitOffset: 64 },
  { name: 'get_info', typeId: k.ptr(proto), bitOffset: 128 },
]);
const vmlinux = k.build();

const t = createBtfBuilder();
const tInt = t.int('int', 4);
const tLong = t.int('long', 8);
const md = t.ptr(t.struct('xdp_md', 4, []));
const buff = t.ptr(t.struct('__sk_buff', 4, []));
const args = (...ids: number[]) => ids.map((typeId, i) => ({ name: `a${i}`, typeId }));
const takes = (name: string, ret: number, ids: number[], linkage: number = BTF_FUNC_GLOBAL) =>
  t.func(name, t.funcProto(ret, args(...ids)), { linkage });
const tMain = takes('prog', tInt, [md]);
const tStatic = takes('helper', tInt, [md], BTF_FUNC_STATIC);
const tUnreliable = takes('odd', tInt, [md]);
const tTwo = takes('two', tInt, [md, tInt]);
const tLongArg = takes('wide', tInt, [tLong]);
const tIntArg = takes('narrow', tInt, [tInt]);
const tIntPtr = takes('ptr', tInt, [t.ptr(tInt)]);
const tSkb = takes('skb', tInt, [buff]);
const tRetPtr = takes('ret', md, [md]);
const tVal = takes('val', tInt, [t.struct('by_value', 4, [])]);
const target = t.build();
const typeIds = [tMain, tStatic, tUnreliable, tTwo, tLongArg, tIntArg, tIntPtr, tSkb, tRetPtr, tVal];
const prog = (options: Partial<Parameters<typeof targetProg>[0]> = {}) =>
  targetProg({
    btf: target,
    subprogs: typeIds.map((typeId) => ({ typeId, unreliable: typeId === tUnreliable })),
    ...options,
  });

const symbols: FakeOptions['env'] = {
  vmlinux,
  kernelSymbol: (name) => (['tcp_connect', 'void_ret'].includes(name) ? 0xffffffff81001000n : 0n),
  structOps: (name) => (name === 'tcp_congestion_ops' ? { unsupported: ['get_info'] } : undefined),
};
/** The extension's own main function. */
const own = (funcId: number) => ({ btf: target, funcId });

interface Case {
  name: string;
  type: number;
  id: number;
  attach?: number;
  targetProg?: ReturnType<typeof prog>;
  own?: { btf: typeof target; funcId: number };
  jit?: boolean;
  env?: FakeOptions['env'];
  errno: number;
  log: string;
}
const fentry = { type: TRACING, attach: BPF_TRACE_FENTRY };
const cases: Case[] = [
  { ...fentry, name: 'no id', id: 0, errno: EINVAL, log: 'Tracing programs must provide btf_id\n' },
  {
    ...fentry,
    name: 'no kernel BTF',
    id: 1,
    env: { vmlinux: undefined },
    errno: EINVAL,
    log: 'FENTRY/FEXIT program can only be attached to another program annotated with BTF\n',
  },
  {
    ...fentry,
    name: 'target without BTF',
    id: 1,
    targetProg: prog({ btf: undefined }),
    errno: EINVAL,
    log: 'FENTRY/FEXIT program can only be attached to another program annotated with BTF\n',
  },
  { ...fentry, name: 'no such type', id: 9999, errno: EINVAL, log: 'attach_btf_id 9999 is invalid\n' },
  {
    ...fentry,
    name: 'not a function',
    id: plainTypedef,
    errno: EINVAL,
    log: `attach_btf_id ${plainTypedef} is not a function\n`,
  },
  {
    ...fentry,
    name: 'twelve arguments',
    id: many,
    errno: EINVAL,
    log: 'The function many has 12 arguments. Too many.\n',
  },
  {
    ...fentry,
    name: 'structure by value',
    id: byValue,
    errno: EINVAL,
    log: 'The function by_value arg1 type STRUCT is unsupported.\n',
  },
  {
    ...fentry,
    name: 'structure returned',
    id: structRet,
    errno: EINVAL,
    log: 'The function struct_ret return type STRUCT is unsupported.\n',
  },
  {
    ...fentry,
    name: 'no symbol',
    id: gone,
    errno: ENOENT,
    log: 'The address of function inlined_away cannot be found\n',
  },
  { ...fentry, name: 'other attach type', attach: 0, id: func, errno: EINVAL, log: '' },
  { ...fentry, name: 'kernel function', id: func, errno: 0, log: '' },
  { ...fentry, name: 'void function', attach: BPF_TRACE_FEXIT, id: voidRet, errno: 0, log: '' },
  { ...fentry, name: 'program function', id: tMain, targetProg: prog(), errno: 0, log: '' },
  {
    ...fentry,
    name: 'not of the target',
    id: tInt,
    targetProg: prog(),
    errno: EINVAL,
    log: "Subprog int doesn't exist\n",
  },
  {
    ...fentry,
    name: 'interpreted target',
    id: tMain,
    targetProg: prog({ jited: false }),
    errno: EINVAL,
    log: 'Can attach to only JITed progs\n',
  },
  {
    ...fentry,
    name: 'tracing a tracer',
    id: tMain,
    targetProg: prog({ type: TRACING }),
    errno: EINVAL,
    log: 'Cannot recursively attach\n',
  },
  {
    type: TRACING,
    attach: BPF_TRACE_RAW_TP,
    name: 'raw tp of a program',
    id: tMain,
    targetProg: prog(),
    errno: EINVAL,
    log: 'Only FENTRY/FEXIT progs are attachable to another BPF prog\n',
  },
  {
    type: TRACING,
    attach: BPF_TRACE_RAW_TP,
    name: 'raw tp, no typedef',
    id: func,
    errno: EINVAL,
    log: `attach_btf_id ${func} is not a typedef\n`,
  },
  {
    type: TRACING,
    attach: BPF_TRACE_RAW_TP,
    name: 'raw tp, other typedef',
    id: plainTypedef,
    errno: EINVAL,
    log: `attach_btf_id ${plainTypedef} points to wrong type name u32_t\n`,
  },
  { type: TRACING, attach: BPF_TRACE_RAW_TP, name: 'raw tp, no pointer', id: brokenTrace, errno: EINVAL, log: '' },
  { type: TRACING, attach: BPF_TRACE_RAW_TP, name: 'raw tp', id: trace, errno: 0, log: '' },
  { type: EXT, name: 'kernel function', id: func, errno: EINVAL, log: 'Cannot replace kernel functions\n' },
  {
    type: EXT,
    name: 'unreliable',
    id: tUnreliable,
    targetProg: prog(),
    errno: EINVAL,
    log: 'Cannot replace static functions\n',
  },
  {
    type: EXT,
    name: 'without JIT',
    id: tMain,
    jit: false,
    targetProg: prog(),
    errno: EINVAL,
    log: 'Extension programs should be JITed\n',
  },
  {
    type: EXT,
    name: 'extension of one',
    id: tMain,
    targetProg: prog({ type: EXT }),
    errno: EINVAL,
    log: 'Cannot recursively attach\n',
  },
  {
    type: EXT,
    name: 'extension of a tracer',
    id: tMain,
    targetProg: prog({ type: TRACING, expectedAttachType: BPF_TRACE_FEXIT }),
    errno: EINVAL,
    log: 'Cannot extend fentry/fexit\n',
  },
  {
    type: EXT,
    name: 'without BTF',
    id: tMain,
    targetProg: prog(),
    errno: EINVAL,
    log: 'Program extension requires BTF\n',
  },
  {
    type: EXT,
    name: 'static itself',
    id: tMain,
    targetProg: prog(),
    own: own(tStatic),
    errno: EINVAL,
    log: 'helper() is not a global function\n',
  },
  {
    type: EXT,
    name: 'static target',
    id: tStatic,
    targetProg: prog(),
    own: own(tMain),
    errno: EINVAL,
    log: 'helper() is not a global function\n',
  },
  {
    type: EXT,
    name: 'argument count',
    id: tTwo,
    targetProg: prog(),
    own: own(tMain),
    errno: EINVAL,
    log: 'prog() has 1 args while two() has 2 args\n',
  },
  {
    type: EXT,
    name: 'return type',
    id: tMain,
    targetProg: prog(),
    own: own(tRetPtr),
    errno: EINVAL,
    log: "Return type PTR of ret() doesn't match type INT of prog()\n",
  },
  {
    type: EXT,
    name: 'argument kind',
    id: tMain,
    targetProg: prog(),
    own: own(tIntArg),
    errno: EINVAL,
    log: 'arg0 in narrow() is INT while prog() has PTR\n',
  },
  {
    type: EXT,
    name: 'argument size',
    id: tLongArg,
    targetProg: prog(),
    own: own(tIntArg),
    errno: EINVAL,
    log: 'arg0 in narrow() has size 4 while wide() has 8\n',
  },
  {
    type: EXT,
    name: 'structure by value',
    id: tVal,
    targetProg: prog(),
    own: own(tVal),
    errno: EINVAL,
    log: 'arg0 in val() has unrecognized type\n',
  },
  {
    type: EXT,
    name: 'own pointer to int',
    id: tMain,
    targetProg: prog(),
    own: own(tIntPtr),
    errno: EINVAL,
    log: 'arg0 in ptr() is not a pointer to context\n',
  },
  {
    type: EXT,
    name: 'target pointer to int',
    id: tIntPtr,
    targetProg: prog(),
    own: own(tMain),
    errno: EINVAL,
    log: 'arg0 in ptr() is not a pointer to context\n',
  },
  {
    type: EXT,
    name: 'other context',
    id: tSkb,
    targetProg: prog(),
    own: own(tMain),
    errno: EINVAL,
    log: "arg0 prog(struct xdp_md *) doesn't match skb(struct __sk_buff *)\n",
  },
  { type: EXT, name: 'same', id: tMain, targetProg: prog(), own: own(tMain), errno: 0, log: '' },
  {
    type: STRUCT_OPS,
    name: 'no structure',
    id: int,
    errno: ENOTSUPP,
    log: `attach_btf_id ${int} is not a supported struct\n`,
  },
  {
    type: STRUCT_OPS,
    name: 'another structure',
    id: sk,
    errno: ENOTSUPP,
    log: `attach_btf_id ${sk} is not a supported struct\n`,
  },
  {
    type: STRUCT_OPS,
    name: 'no such member',
    id: ops,
    attach: 3,
    errno: EINVAL,
    log: 'attach to invalid member idx 3 of struct tcp_congestion_ops\n',
  },
  {
    type: STRUCT_OPS,
    name: 'data member',
    id: ops,
    attach: 0,
    errno: EINVAL,
    log: 'attach to invalid member flags(@idx 0) of struct tcp_congestion_ops\n',
  },
  {
    type: STRUCT_OPS,
    name: 'unsupported',
    id: ops,
    attach: 2,
    errno: ENOTSUPP,
    log: 'attach to unsupported member get_info of struct tcp_congestion_ops\n',
  },
  { type: STRUCT_OPS, name: 'member', id: ops, attach: 1, errno: 0, log: '' },
  { type: 6, name: 'other types', id: 0, errno: 0, log: '' },
];

function attempt({ type, id, attach = 0, targetProg, own, jit = true, env }: Omit<Case, 'name' | 'errno' | 'log'>) {
  const v = fakeVerification({
    insns: [exit()],
    env: { ...symbols, jit, ...env },
    def: { type },
    prog: { type, attachBtfId: id, expectedAttachType: attach, targetProg, btf: own?.btf },
  });
  if (own !== undefined) v.funcInfo = [{ insnIdx: 0, typeId: own.funcId, rest: new Uint8Array() }];
  return v;
}

describe('attach target', () => {
  it.each(cases)('type $type, $name', ({ errno, log, ...options }) => {
    expect(outcome(attempt(options), resolveAttachTarget)).toEqual({ errno: errno === 0 ? 0 : -errno, log });
  });

  it('knows a kernel function', () => {
    const v = attempt({ ...fentry, id: func });
    resolveAttachTarget(v);
    expect(v.attach).toMatchObject({ name: 'tcp_connect', protoId: proto, subprog: -1, addr: 0xffffffff81001000n });
    expect(v.ctxEnv.attachFuncProto).toMatchObject({ typeId: proto, name: 'tcp_connect' });
  });

  it('drops the prefix of a raw tracepoint', () => {
    const v = attempt({ type: TRACING, attach: BPF_TRACE_RAW_TP, id: trace });
    resolveAttachTarget(v);
    expect(v.attach).toMatchObject({ name: 'sched_switch', btfId: trace });
  });

  it('types nothing where the target does not keep to its BTF', () => {
    const v = attempt({ ...fentry, id: tUnreliable, targetProg: prog() });
    resolveAttachTarget(v);
    expect([v.attach?.subprog, v.ctxEnv.attachFuncProto]).toEqual([2, undefined]);
  });

  it('takes over the rules of what is extended', () => {
    const extended = prog();
    const v = attempt({ type: EXT, id: tMain, targetProg: extended, own: own(tMain) });
    resolveAttachTarget(v);
    expect(v.def).toBe(extended.def);
    const ofStructOps = attempt({ type: EXT, id: tMain, targetProg: prog({ type: STRUCT_OPS }), own: own(tMain) });
    resolveAttachTarget(ofStructOps);
    expect(ofStructOps.def.verifier.getFuncProto(1, ofStructOps.facts)).toBeUndefined();
  });

  it('knows a struct_ops member', () => {
    const v = attempt({ type: STRUCT_OPS, id: ops, attach: 1 });
    resolveAttachTarget(v);
    expect(v.attach).toMatchObject({ name: 'init', btfId: ops, protoId: 0 });
    expect(v.ctxEnv.attachFuncProto?.typeId).toBe(proto);
  });
});
