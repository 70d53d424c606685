// SPDX-License-Identifier: MIT
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_K,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_X,
} from '@tsbpf/uapi';
import { JMP_OPERATORS } from './operators.ts';
import type { OpcodeRow } from './row.ts';

const conditionalRows: OpcodeRow[] = JMP_OPERATORS.flatMap(({ op, mnemonic, isa, since }) =>
  [BPF_JMP, BPF_JMP32].flatMap((cls): OpcodeRow[] => {
    const suffix = cls === BPF_JMP32 ? '32' : '';
    const common = {
      mnemonic: mnemonic + suffix,
      isa: cls === BPF_JMP32 ? 3 : isa,
      since: cls === BPF_JMP32 ? '5.1' : since,
      fixed: {},
    } as const;
    return [
      {
        ...common,
        name: `${mnemonic}${suffix}_imm`,
        form: 'jmp_imm',
        code: cls | op | BPF_K,
        uses: ['dst', 'off', 'imm'],
        reserved: ['src'],
      },
      {
        ...common,
        name: `${mnemonic}${suffix}_reg`,
        form: 'jmp_reg',
        code: cls | op | BPF_X,
        uses: ['dst', 'src', 'off'],
        reserved: ['imm'],
      },
    ];
  }),
);

/** JMP and JMP32 classes. */
export const JUMP_ROWS: readonly OpcodeRow[] = [
  {
    name: 'ja',
    mnemonic: 'ja',
    form: 'ja',
    code: BPF_JMP | BPF_JA,
    isa: 1,
    since: '3.18',
    fixed: {},
    uses: ['off'],
    reserved: ['dst', 'src', 'imm'],
  },
  {
    name: 'ja32',
    mnemonic: 'ja32',
    form: 'gotol',
    code: BPF_JMP32 | BPF_JA,
    isa: 4,
    since: '6.6',
    fixed: {},
    uses: ['imm'],
    reserved: ['dst', 'src', 'off'],
  },
  {
    name: 'may_goto',
    mnemonic: 'may_goto',
    form: 'may_goto',
    code: BPF_JMP | BPF_JCOND,
    isa: 4,
    since: '6.9',
    fixed: { src: 0 },
    uses: ['off'],
    reserved: ['dst', 'imm'],
  },
  ...conditionalRows,
  {
    name: 'call_helper',
    mnemonic: 'call',
    form: 'call',
    code: BPF_JMP | BPF_CALL,
    isa: 1,
    since: '3.18',
    fixed: { src: 0 },
    uses: ['imm'],
    reserved: ['dst', 'off'],
  },
  {
    name: 'call_local',
    mnemonic: 'call local',
    form: 'call',
    code: BPF_JMP | BPF_CALL,
    isa: 1,
    since: '4.16',
    fixed: { src: BPF_PSEUDO_CALL },
    uses: ['imm'],
    reserved: ['dst', 'off'],
  },
  {
    name: 'call_kfunc',
    mnemonic: 'call kfunc',
    form: 'call',
    code: BPF_JMP | BPF_CALL,
    isa: 1,
    since: '5.13',
    fixed: { src: BPF_PSEUDO_KFUNC_CALL },
    uses: ['imm', 'off'],
    reserved: ['dst'],
  },
  {
    name: 'exit',
    mnemonic: 'exit',
    form: 'exit',
    code: BPF_JMP | BPF_EXIT,
    isa: 1,
    since: '3.18',
    fixed: {},
    uses: [],
    reserved: ['dst', 'src', 'imm'],
  },
];
