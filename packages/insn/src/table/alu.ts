// SPDX-License-Identifier: MIT
import { BPF_ALU, BPF_ALU64, BPF_END, BPF_K, BPF_MOV, BPF_NEG, BPF_TO_BE, BPF_TO_LE, BPF_X } from '@tsbpf/uapi';
import { ALU_OPERATORS, SIGNED_ALU_OPERATORS } from './operators.ts';
import type { OpcodeRow } from './row.ts';

const CLASSES = [
  { cls: BPF_ALU64, suffix: '' },
  { cls: BPF_ALU, suffix: '32' },
] as const;

function binaryRows(): OpcodeRow[] {
  const rows: OpcodeRow[] = [];
  for (const { cls, suffix } of CLASSES) {
    for (const { operators, off } of [
      { operators: ALU_OPERATORS, off: 0 },
      { operators: SIGNED_ALU_OPERATORS, off: 1 },
    ]) {
      for (const { op, mnemonic } of operators) {
        const common = {
          mnemonic: mnemonic + suffix,
          isa: off === 1 ? 4 : 1,
          since: off === 1 ? '6.6' : '3.18',
          fixed: off === 1 ? { off } : {},
        } as const;
        const offReserved = off === 1 ? [] : (['off'] as const);
        rows.push(
          {
            ...common,
            name: `${mnemonic}${suffix}_imm`,
            form: 'alu_imm',
            code: cls | op | BPF_K,
            uses: ['dst', 'imm'],
            reserved: ['src', ...offReserved],
          },
          {
            ...common,
            name: `${mnemonic}${suffix}_reg`,
            form: 'alu_reg',
            code: cls | op | BPF_X,
            uses: ['dst', 'src'],
            reserved: ['imm', ...offReserved],
          },
        );
      }
    }
  }
  return rows;
}

const negRows: OpcodeRow[] = CLASSES.map(({ cls, suffix }) => ({
  name: `neg${suffix}`,
  mnemonic: `neg${suffix}`,
  form: 'neg',
  code: cls | BPF_NEG | BPF_K,
  isa: 1,
  since: '3.18',
  fixed: {},
  uses: ['dst'],
  reserved: ['src', 'off', 'imm'],
}));

const endianRows: OpcodeRow[] = [
  { mnemonic: 'le', code: BPF_ALU | BPF_END | BPF_TO_LE, isa: 1, since: '3.18' } as const,
  { mnemonic: 'be', code: BPF_ALU | BPF_END | BPF_TO_BE, isa: 1, since: '3.18' } as const,
  { mnemonic: 'bswap', code: BPF_ALU64 | BPF_END | BPF_TO_LE, isa: 4, since: '6.6' } as const,
].flatMap(({ mnemonic, code, isa, since }) =>
  [16, 32, 64].map((bits) => ({
    name: `${mnemonic}${bits}`,
    mnemonic: `${mnemonic}${bits}`,
    form: 'endian' as const,
    code,
    isa,
    since,
    fixed: { imm: bits },
    uses: ['dst' as const],
    reserved: ['src' as const, 'off' as const],
  })),
);

const movsxRows: OpcodeRow[] = [
  { from: 8, to: 32 },
  { from: 16, to: 32 },
  { from: 8, to: 64 },
  { from: 16, to: 64 },
  { from: 32, to: 64 },
].map(({ from, to }) => ({
  name: `movsx${from}to${to}`,
  mnemonic: `movsx${from}to${to}`,
  form: 'movsx',
  code: (to === 64 ? BPF_ALU64 : BPF_ALU) | BPF_MOV | BPF_X,
  isa: 4,
  since: '6.6',
  fixed: { off: from },
  uses: ['dst', 'src'],
  reserved: ['imm'],
}));

/** ALU and ALU64 classes. */
export const ALU_ROWS: readonly OpcodeRow[] = [
  ...binaryRows(),
  ...negRows,
  ...endianRows,
  ...movsxRows,
  {
    name: 'addr_space_cast',
    mnemonic: 'addr_space_cast',
    form: 'addr_space_cast',
    code: BPF_ALU64 | BPF_MOV | BPF_X,
    isa: 4,
    since: '6.9',
    fixed: { off: 1 },
    uses: ['dst', 'src', 'imm'],
    reserved: [],
  },
];
