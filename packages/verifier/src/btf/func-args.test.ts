// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BTF_KIND_ENUM, createBtfBuilder } from '@tsbpf/btf';
import type { HelperRow, RegType } from '@tsbpf/core';
import { exit } from '@tsbpf/insn';
import { EFAULT, EINVAL } from '@tsbpf/uapi';
import { targetProg } from '../../test/target-prog.ts';
import { fakeProgType, fakeVerification, outcome } from '../../test/verification.ts';
import { matchFuncArgs, prepareFuncArgs } from './func-args.ts';
import { helperArgStruct } from './helper-arg.ts';

const b = createBtfBuilder();
const int = b.int('int', 4);
const u32 = b.typedef('u32', b.const(int));
const color = b.add({ kind: BTF_KIND_ENUM, name: 'color', size: 4, signed: false, values: [] });
const skb = b.ptr(b.const(b.struct('__sk_buff', 4, [])));
const md = b.ptr(b.struct('xdp_md', 4, []));
const intPtr = b.ptr(int);
const array = b.array(int, int, 2);
const func = (ret: number, ...ids: number[]) =>
  b.func(
    'f',
    b.funcProto(
      ret,
      ids.map((typeId, i) => ({ name: `a${i}`, typeId })),
    ),
  );
const funcs = {
  none: func(int),
  scalars: func(color, u32, color),
  ctx: func(int, skb),
  foreignCtx: func(int, md),
  intPtr: func(int, intPtr),
  array: func(int, array),
  six: func(int, int, int, int, int, int, int),
  ptrRet: func(md),
  voidRet: func(0),
};
const btf = b.build();
const rows: Record<number, ReturnType<typeof fakeProgType>> = {
  1: fakeProgType(),
  6: fakeProgType({ type: 6, progCtx: { name: 'xdp_md', kind: 'struct' } }),
  28: fakeProgType({ type: 28, progCtx: undefined }),
};

function withFunc(
  typeId: number,
  options: {
    type?: number;
    linkage?: 'static' | 'global';
    unreliable?: boolean;
    level?: number;
    funcInfo?: boolean;
  } = {},
) {
  const { type = 1, linkage = 'global', unreliable = false, level = 1, funcInfo = true } = options;
  const v = fakeVerification({
    insns: [exit(), exit()],
    subprogs: [0, 1],
    logLevel: level,
    env: { progType: (n) => rows[n] },
    prog: { type, btf, targetProg: type === 28 ? targetProg({ btf, type: 6 }) : undefined },
  });
  Object.assign(v.subprogs[1], { typeId, name: 'f', linkage, unreliable });
  if (funcInfo) v.funcInfo = [0, 1].map((insnIdx) => ({ insnIdx, typeId, rest: new Uint8Array() }));
  return v;
}

const S: RegType = 'SCALAR_VALUE';
const C: RegType = 'PTR_TO_CTX';
const M: RegType = 'PTR_TO_MAP_VALUE';
const N: RegType = 'NOT_INIT';

describe('arguments of a call', () => {
  const cases: [name: string, typeId: number, held: RegType[], log: string, level?: number][] = [
    ['no parameters', funcs.none, [N], ''],
    ['scalars', funcs.scalars, [S, S], ''],
    ['not initialised', funcs.scalars, [S, N], 'R2 is not a scalar\n'],
    ['pointer for an integer', funcs.scalars, [M, S], 'R1 is not a scalar\n'],
    ['context', funcs.ctx, [C], ''],
    ['scalar for a pointer', funcs.ctx, [S], 'R1 is not a pointer\n'],
    ['other pointer for the context', funcs.ctx, [M], 'arg#0 expected pointer to ctx, but got PTR\n'],
    ['context of another type', funcs.foreignCtx, [C], 'Unrecognized arg#0 type PTR\n'],
    ['pointer to int', funcs.intPtr, [M], 'arg#0 type is not a struct\nUnrecognized arg#0 type PTR\n'],
    ['pointer to int at level 4', funcs.intPtr, [M], 'Unrecognized arg#0 type PTR\n', 4],
    ['array', funcs.array, [M], 'Unrecognized arg#0 type ARRAY\n'],
    ['six', funcs.six, [S, S, S, S, S], 'Function f has 6 > 5 args\n'],
  ];
  it.each(cases)('%s', (_, typeId, held, log, level) => {
    const v = withFunc(typeId, { level });
    const regs = [N, ...held, N, N, N, N, N].map((type) => ({ type }));
    expect(matchFuncArgs(v, 1, regs, () => true)).toBe(log === '');
    expect(v.log.text()).toBe(log);
    expect(v.subprogs[1].unreliable).toBe(log !== '');
  });

  it('asks whether the context was modified', () => {
    const v = withFunc(funcs.ctx);
    const asked: number[] = [];
    expect(matchFuncArgs(v, 1, [{ type: N }, { type: C }], (regno) => asked.push(regno) === 0)).toBe(false);
    expect([asked, v.subprogs[1].unreliable]).toEqual([[1], true]);
  });

  it('has nothing to say without func_info, or of what is unreliable', () => {
    for (const v of [withFunc(funcs.scalars, { funcInfo: false }), withFunc(funcs.scalars, { unreliable: true })]) {
      expect(matchFuncArgs(v, 1, [{ type: N }, { type: S }, { type: S }], () => true)).toBe(false);
      expect(v.log.text()).toBe('');
    }
  });
});

describe('registers at the start of a global function', () => {
  const start = 'Validating f() func#1...\n';
  const cases: [string, number, Parameters<typeof withFunc>[1], number, string, unknown?][] = [
    ['none', funcs.none, {}, 0, start, [undefined]],
    ['scalars', funcs.scalars, {}, 0, start, [undefined, S, S]],
    ['context', funcs.ctx, {}, 0, start, [undefined, C]],
    ['quiet at level 4', funcs.ctx, { level: 4 }, 0, '', [undefined, C]],
    ['context of what is extended', funcs.foreignCtx, { type: 28 }, 0, start, [undefined, C]],
    ['context of another type', funcs.foreignCtx, {}, EINVAL, `${start}Arg#0 type PTR in f() is not supported yet.\n`],
    [
      'pointer to int',
      funcs.intPtr,
      {},
      EINVAL,
      `${start}arg#0 type is not a struct\nArg#0 type PTR in f() is not supported yet.\n`,
    ],
    ['array', funcs.array, {}, EINVAL, `${start}Arg#0 type ARRAY in f() is not supported yet.\n`],
    ['six', funcs.six, {}, EINVAL, `${start}Global function f() with 6 > 5 args. Buggy compiler.\n`],
    [
      'returns a pointer',
      funcs.ptrRet,
      {},
      EINVAL,
      `${start}Global function f() doesn't return scalar. Only those are supported.\n`,
    ],
    [
      'returns nothing',
      funcs.voidRet,
      {},
      EINVAL,
      `${start}Global function f() doesn't return scalar. Only those are supported.\n`,
    ],
    ['static', funcs.none, { linkage: 'static' }, EFAULT, 'Verifier bug\n'],
    ['unreliable', funcs.none, { unreliable: true }, EFAULT, `${start}Verifier bug in function f()\n`],
  ];
  it.each(cases)('%s', (_, typeId, options, errno, log, types) => {
    const v = withFunc(typeId, options);
    let got: unknown;
    expect(outcome(v, () => (got = prepareFuncArgs(v, 1)))).toEqual({ errno: errno === 0 ? 0 : -errno, log });
    expect(got).toEqual(types);
  });
});

describe('structure a helper takes', () => {
  const k = createBtfBuilder();
  const num = k.int('int', 4);
  const skBuff = k.struct('sk_buff', 8, []);
  const params = [skBuff, num]
    .map((id, i) => ({ name: `a${i}`, typeId: k.ptr(id) }))
    .concat({ name: 'n', typeId: num });
  const helperType = (name: string) => k.typedef(`btf_${name}`, k.ptr(k.funcProto(num, params)));
  helperType('bpf_skb_event_output');
  helperType('bpf_own');
  k.typedef('btf_bpf_odd', num);
  const vmlinux = k.build();
  const row = (variant: string): HelperRow => ({ variant, proto: { id: 1, name: 'x', ret: 'RET_INTEGER', args: [] } });

  const cases: [string, string, number, number, string][] = [
    [
      'by the name of its function',
      'bpf_skb_output',
      0,
      skBuff,
      `helper bpf_skb_event_output arg0 has btf_id ${skBuff} struct sk_buff\n`,
    ],
    ['by its own name', 'bpf_own', 0, skBuff, `helper bpf_own arg0 has btf_id ${skBuff} struct sk_buff\n`],
    ['unknown helper', 'bpf_none', 0, 0, 'helper btf_bpf_none type is not found\n'],
    ['no function', 'bpf_odd', 0, 0, ''],
    ['no such argument', 'bpf_own', 3, 0, "bpf helper btf_bpf_own doesn't have 3-th argument\n"],
    ['no pointer', 'bpf_own', 2, 0, 'ARG_PTR_TO_BTF is misconfigured\n'],
    ['no structure', 'bpf_own', 1, 0, 'ARG_PTR_TO_BTF is not a struct\n'],
  ];
  it.each(cases)('%s', (_, variant, arg, found, log) => {
    const v = fakeVerification({ insns: [exit()], env: { vmlinux } });
    expect([helperArgStruct(v, row(variant), arg), helperArgStruct(v, row(variant), arg)]).toEqual([found, found]);
    expect(v.log.text()).toBe(log);
  });

  it('needs the kernel BTF', () => {
    const v = fakeVerification({ insns: [exit()] });
    expect(helperArgStruct(v, row('bpf_own'), 0)).toBe(0);
    expect(v.log.text()).toBe('btf_vmlinux is malformed\n');
  });
});
