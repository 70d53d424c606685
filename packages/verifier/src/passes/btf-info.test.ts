// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { BTF_FUNC_STATIC, createBtfBuilder } from '@tsbpf/btf';
import { callPseudo, exit, type Insn, ldImm64, mov64Imm } from '@tsbpf/insn';
import { E2BIG, EBADF, EINVAL } from '@tsbpf/uapi';
import { type FakeOptions, fakeVerification, outcome } from '../../test/verification.ts';
import { checkBtfInfo } from './btf-info.ts';

const b = createBtfBuilder();
const int = b.int('int', 4);
const proto = b.funcProto(int, []);
const main = b.func('main', proto);
const sub = b.func('sub', proto, { linkage: BTF_FUNC_STATIC });
const file = b.addString('a.c');
const line = b.addString('\t  return 0;');
const btf = b.build();

/** Records of 32-bit words. */
const records = (recSize: number, ...rows: number[][]) => {
  const bytes = new Uint8Array(recSize * rows.length);
  const view = new DataView(bytes.buffer);
  rows.forEach((row, i) => row.forEach((word, j) => view.setUint32(i * recSize + j * 4, word, true)));
  return { recSize, bytes };
};
const funcs = (...rows: number[][]) => records(8, ...rows);
const lines = (...rows: number[][]) => records(16, ...rows);

const one: Insn[] = [mov64Imm(0, 0), exit()];
const two: Insn[] = [callPseudo(1), exit(), mov64Imm(0, 0), exit()];
const wide: Insn[] = [...ldImm64(0, 1n), exit()];
const at = (insnIdx: number) => [insnIdx, file, line, (7 << 10) | 3];

interface Case {
  name: string;
  insns: Insn[];
  subprogs?: number[];
  prog: NonNullable<FakeOptions['prog']>;
  errno: number;
  log: string;
}
const refused: Case[] = [
  { name: 'no BTF', insns: one, prog: { btf: undefined, funcInfo: funcs([0, main]) }, errno: EBADF, log: '' },
  {
    name: 'not BTF',
    insns: one,
    prog: { btf: undefined, btfErrno: -EINVAL, lineInfo: lines(at(0)) },
    errno: EINVAL,
    log: '',
  },
  {
    name: 'too few funcs',
    insns: two,
    subprogs: [0, 2],
    prog: { funcInfo: funcs([0, main]) },
    errno: EINVAL,
    log: "number of funcs in func_info doesn't match number of subprogs\n",
  },
  {
    name: 'short func record',
    insns: one,
    prog: { funcInfo: records(4, [0]) },
    errno: EINVAL,
    log: 'invalid func info rec size 4\n',
  },
  {
    name: 'odd func record',
    insns: one,
    prog: { funcInfo: records(10, [0]) },
    errno: EINVAL,
    log: 'invalid func info rec size 10\n',
  },
  {
    name: 'long func record',
    insns: one,
    prog: { funcInfo: records(256, [0]) },
    errno: EINVAL,
    log: 'invalid func info rec size 256\n',
  },
  {
    name: 'tail of func record',
    insns: one,
    prog: { funcInfo: records(12, [0, main, 1]) },
    errno: E2BIG,
    log: 'nonzero tailing record in func info',
  },
  {
    name: 'first func not at 0',
    insns: one,
    prog: { funcInfo: funcs([1, main]) },
    errno: EINVAL,
    log: 'nonzero insn_off 1 for the first func info record',
  },
  {
    name: 'funcs not ascending',
    insns: two,
    subprogs: [0, 2],
    prog: { funcInfo: funcs([0, main], [0, sub]) },
    errno: EINVAL,
    log: 'same or smaller insn offset (0) than previous func info record (0)',
  },
  {
    name: 'func elsewhere',
    insns: two,
    subprogs: [0, 2],
    prog: { funcInfo: funcs([0, main], [3, sub]) },
    errno: EINVAL,
    log: "func_info BTF section doesn't match subprog layout in BPF program\n",
  },
  {
    name: 'not a FUNC',
    insns: one,
    prog: { funcInfo: funcs([0, proto]) },
    errno: EINVAL,
    log: `invalid type id ${proto} in func info`,
  },
  {
    name: 'no type',
    insns: one,
    prog: { funcInfo: funcs([0, 99]) },
    errno: EINVAL,
    log: 'invalid type id 99 in func info',
  },
  {
    name: 'huge type',
    insns: one,
    prog: { funcInfo: funcs([0, 0xffffffff]) },
    errno: EINVAL,
    log: 'invalid type id -1 in func info',
  },
  { name: 'short line record', insns: one, prog: { lineInfo: records(12, [0, 0, 0]) }, errno: EINVAL, log: '' },
  { name: 'long line record', insns: one, prog: { lineInfo: records(256, [0]) }, errno: EINVAL, log: '' },
  {
    name: 'tail of line record',
    insns: one,
    prog: { lineInfo: records(20, [...at(0), 1]) },
    errno: E2BIG,
    log: 'nonzero tailing record in line_info',
  },
  {
    name: 'line past the end',
    insns: one,
    prog: { lineInfo: lines(at(0), at(2)) },
    errno: EINVAL,
    log: 'Invalid line_info[1].insn_off:2 (prev_offset:0 prog->len:2)\n',
  },
  {
    name: 'lines not ascending',
    insns: one,
    prog: { lineInfo: lines(at(0), at(1), at(1)) },
    errno: EINVAL,
    log: 'Invalid line_info[2].insn_off:1 (prev_offset:1 prog->len:2)\n',
  },
  {
    name: 'line in an immediate',
    insns: wide,
    prog: { lineInfo: lines(at(0), at(1)) },
    errno: EINVAL,
    log: 'Invalid insn code at line_info[1].insn_off\n',
  },
  {
    name: 'no such string',
    insns: one,
    prog: { lineInfo: lines([0, file, 9999, 0]) },
    errno: EINVAL,
    log: 'Invalid line_info[0].line_off or .file_name_off\n',
  },
  {
    name: 'no such file',
    insns: one,
    prog: { lineInfo: lines([0, 9999, line, 0]) },
    errno: EINVAL,
    log: 'Invalid line_info[0].line_off or .file_name_off\n',
  },
  {
    name: 'main without line',
    insns: one,
    prog: { lineInfo: lines(at(1)) },
    errno: EINVAL,
    log: 'missing bpf_line_info for func#0\n',
  },
  {
    name: 'function without line',
    insns: two,
    subprogs: [0, 2],
    prog: { lineInfo: lines(at(0), at(3)) },
    errno: EINVAL,
    log: 'missing bpf_line_info for func#1\n',
  },
  {
    name: 'last function without line',
    insns: two,
    subprogs: [0, 2],
    prog: { lineInfo: lines(at(0), at(1)) },
    errno: EINVAL,
    log: 'missing bpf_line_info for 1 funcs starting from func#1\n',
  },
];

describe('func_info and line_info', () => {
  it.each(refused)('$name', ({ insns, subprogs, prog, errno, log }) => {
    const v = fakeVerification({ insns, subprogs, prog: { btf, ...prog } });
    expect(outcome(v, checkBtfInfo)).toEqual({ errno: -errno, log });
  });

  it('keeps what functions and lines are', () => {
    const prog = { btf, funcInfo: records(12, [0, main, 0], [2, sub, 0]), lineInfo: lines(at(0), at(1), at(2)) };
    const v = fakeVerification({ insns: two, subprogs: [0, 2], prog });
    expect(outcome(v, checkBtfInfo)).toEqual({ errno: 0, log: '' });
    expect(v.subprogs.map(({ name, typeId, linkage, lineInfoIdx }) => [name, typeId, linkage, lineInfoIdx])).toEqual([
      ['main', main, 'global', 0],
      ['sub', sub, 'static', 2],
    ]);
    expect(v.funcInfo.map(({ insnIdx, typeId }) => [insnIdx, typeId])).toEqual([
      [0, main],
      [2, sub],
    ]);
    expect(v.lineInfo[1]).toEqual({ insnIdx: 1, fileNameOff: file, lineOff: line, lineCol: (7 << 10) | 3 });
  });

  it('looks at no BTF where there are no records', () => {
    const prog = { btf: undefined, btfErrno: -EINVAL, funcInfo: funcs() };
    expect(outcome(fakeVerification({ insns: one, prog }), checkBtfInfo)).toEqual({ errno: 0, log: '' });
  });
});
