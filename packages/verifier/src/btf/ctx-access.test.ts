// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { createBtfBuilder } from '@tsbpf/btf';
import { exit } from '@tsbpf/insn';
import { BPF_TRACE_FENTRY, BPF_TRACE_FEXIT, BPF_TRACE_RAW_TP } from '@tsbpf/uapi';
import { targetProg } from '../../test/target-prog.ts';
import { fakeProgType, fakeVerification } from '../../test/verification.ts';
import { btfCtxAccess, hasBtfContext } from './ctx-access.ts';

const TRACING = 26;
const STRUCT_OPS = 27;

const k = createBtfBuilder();
const int = k.int('int', 4);
const char = k.int('char', 1);
const sock = k.struct('sock', 8, []);
const tcpSock = k.struct('tcp_sock', 16, []);
const xdpBuff = k.struct('xdp_buff', 8, []);
const anonymous = k.struct('', 8, []);
const types = {
  int: k.typedef('u32', int),
  void: k.ptr(0),
  string: k.ptr(k.const(char)),
  sock: k.ptr(k.const(k.typedef('sock_t', sock))),
  intPtr: k.ptr(int),
  value: sock,
  anon: k.ptr(anonymous),
  anonValue: anonymous,
};
const ids = Object.values(types);
const proto = k.funcProto(
  types.sock,
  ids.map((typeId, i) => ({ name: `a${i}`, typeId })),
);
const voidProto = k.funcProto(0, []);
const ops = k.struct('tcp_congestion_ops', 8, []);
const vmlinux = k.build();

const t = createBtfBuilder();
const ownInt = t.int('int', 4);
const mainProto = t.funcProto(ownInt, [
  { name: 'ctx', typeId: t.ptr(t.struct('xdp_md', 4, [])) },
  { name: 'other', typeId: t.ptr(t.struct('other', 4, [])) },
  { name: 'num', typeId: t.ptr(ownInt) },
]);
const target = t.build();

interface Case {
  name: string;
  off: number;
  size?: number;
  write?: boolean;
  attach?: number;
  typeId?: number;
  found?: number | 'scalar';
  log?: string;
}
const cases: Case[] = [
  { name: 'integer', off: 0, found: 'scalar' },
  { name: 'lower half of an integer', off: 0, size: 4, found: 'scalar' },
  { name: 'void pointer', off: 8, found: 'scalar' },
  { name: 'string', off: 16, found: 'scalar' },
  { name: 'structure', off: 24, found: sock, log: `func 'f' arg3 has btf_id ${sock} type STRUCT 'sock'\n` },
  {
    name: 'anonymous structure',
    off: 48,
    found: anonymous,
    log: `func 'f' arg6 has btf_id ${anonymous} type STRUCT '(anon)'\n`,
  },
  { name: 'pointer to int', off: 32, log: "func 'f' arg4 type INT is not a struct\n" },
  {
    name: 'structure by value',
    off: 40,
    log: "func 'f' arg5 'sock' has type STRUCT. Only pointer access is allowed\n",
  },
  {
    name: 'anonymous by value',
    off: 56,
    log: "func 'f' arg7 '(anon)' has type STRUCT. Only pointer access is allowed\n",
  },
  { name: 'between words', off: 4, size: 4, log: "func 'f' offset 4 is not multiple of 8\n" },
  { name: 'too many', off: 64, log: "func 'f' doesn't have 9-th argument\n" },
  { name: 'result on entry', off: 64, attach: BPF_TRACE_FENTRY, log: "func 'f' doesn't have 9-th argument\n" },
  {
    name: 'result on exit',
    off: 64,
    attach: BPF_TRACE_FEXIT,
    found: sock,
    log: `func 'f' arg8 has btf_id ${sock} type STRUCT 'sock'\n`,
  },
  { name: 'behind the result', off: 72, attach: BPF_TRACE_FEXIT, log: "func 'f' doesn't have 10-th argument\n" },
  {
    name: 'void result',
    off: 0,
    attach: BPF_TRACE_FEXIT,
    typeId: voidProto,
    log: "func 'f' arg0 '(anon)' has type UNKNOWN. Only pointer access is allowed\n",
  },
  { name: 'raw tracepoint: without the first', off: 0, attach: BPF_TRACE_RAW_TP, found: 'scalar' },
  {
    name: 'raw tracepoint: shifted',
    off: 16,
    attach: BPF_TRACE_RAW_TP,
    found: sock,
    log: `func 'f' arg2 has btf_id ${sock} type STRUCT 'sock'\n`,
  },
  { name: 'raw tracepoint: last', off: 56, attach: BPF_TRACE_RAW_TP, log: "func 'f' doesn't have 8-th argument\n" },
  { name: 'store', off: 0, write: true },
  { name: 'negative', off: -8 },
  { name: 'beyond all', off: 96 },
  { name: 'not aligned to its size', off: 2, size: 4 },
  { name: 'default prototype', off: 32, typeId: 0, found: 'scalar' },
  { name: 'default prototype, too many', off: 40, typeId: 0, log: "func 'f' doesn't have 6-th argument\n" },
  { name: 'default prototype, result', off: 40, typeId: 0, attach: BPF_TRACE_FEXIT, found: 'scalar' },
];

function answer(v: ReturnType<typeof fakeVerification>, off: number, size = 8, write = false) {
  const info = btfCtxAccess(v, { off, size, write });
  if (info === undefined) return undefined;
  return info.regType === 'SCALAR_VALUE' ? 'scalar' : info.btfId;
}

describe('context typed by BTF', () => {
  it.each(cases)('$name', ({ off, size, write, attach = BPF_TRACE_FENTRY, typeId = proto, found, log = '' }) => {
    const v = fakeVerification({
      insns: [exit()],
      env: { vmlinux },
      prog: { type: TRACING, expectedAttachType: attach },
    });
    v.attach = { prog: undefined, btfId: 1, name: 'f', protoId: 0, btf: vmlinux, subprog: -1, addr: 0n };
    v.ctxEnv = { ...v.ctxEnv, attachFuncProto: typeId === 0 ? undefined : { btf: vmlinux, typeId, name: 'f' } };
    expect(answer(v, off, size, write)).toBe(found);
    expect(v.log.text()).toBe(log);
  });

  const traced: [string, number, number | undefined, string][] = [
    ['the context is the kernel structure', 0, xdpBuff, ''],
    ['no other structure', 8, undefined, ''],
    ['no pointer to int', 16, undefined, 'arg#2 type is not a struct\n'],
  ];
  it.each(traced)('of a traced program: %s', (_, off, found, log) => {
    const row = fakeProgType({ type: 6, progCtx: { name: 'xdp_md', kind: 'struct' }, kernelCtx: 'xdp_buff' });
    const v = fakeVerification({
      insns: [exit()],
      env: { vmlinux, progType: () => row },
      prog: { type: TRACING, expectedAttachType: BPF_TRACE_FENTRY, targetProg: targetProg({ btf: target }) },
    });
    v.ctxEnv = { ...v.ctxEnv, attachFuncProto: { btf: target, typeId: mainProto, name: 'prog' } };
    expect(answer(v, off)).toBe(found);
    expect(v.log.text()).toBe(log);
  });

  it('of a traced raw tracepoint: a word', () => {
    const own = createBtfBuilder();
    const args = own.ptr(own.struct('bpf_raw_tracepoint_args', 0, []));
    const typeId = own.funcProto(own.int('int', 4), [{ name: 'ctx', typeId: args }]);
    const btf = own.build();
    const progCtx = { name: 'bpf_raw_tracepoint_args', kind: 'struct' } as const;
    const v = fakeVerification({
      insns: [exit()],
      env: { vmlinux, progType: () => fakeProgType({ type: 17, progCtx, kernelCtx: 'u32' }) },
      prog: { type: TRACING, expectedAttachType: BPF_TRACE_FENTRY, targetProg: targetProg({ btf }) },
    });
    v.ctxEnv = { ...v.ctxEnv, attachFuncProto: { btf, typeId, name: 'prog' } };
    expect(answer(v, 0)).toBe(types.int);
  });

  it('promotes what struct_ops say', () => {
    const promote = (name: string) => (name === 'sock' ? 'tcp_sock' : undefined);
    const v = fakeVerification({
      insns: [exit()],
      env: { vmlinux, structOps: () => ({ unsupported: [], promote }) },
      prog: { type: STRUCT_OPS, attachBtfId: ops },
    });
    v.ctxEnv = { ...v.ctxEnv, attachFuncProto: { btf: vmlinux, typeId: proto, name: 'init' } };
    expect([answer(v, 24), answer(v, 48), answer(v, 0)]).toEqual([tcpSock, anonymous, 'scalar']);
  });

  it('is for tracing and struct_ops', () => {
    const of = (type: number, target = type) =>
      hasBtfContext(fakeVerification({ insns: [exit()], def: { type: target }, prog: { type } }));
    expect([of(TRACING), of(STRUCT_OPS), of(28, TRACING), of(28, STRUCT_OPS), of(6)]).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
