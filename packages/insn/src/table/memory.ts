// SPDX-License-Identifier: MIT
import {
  BPF_ABS,
  BPF_ATOMIC,
  BPF_DW,
  BPF_IMM,
  BPF_IND,
  BPF_LD,
  BPF_LDX,
  BPF_LOAD_ACQ,
  BPF_MEM,
  BPF_MEMSX,
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_IDX,
  BPF_PSEUDO_MAP_IDX_VALUE,
  BPF_PSEUDO_MAP_VALUE,
  BPF_ST,
  BPF_STORE_REL,
  BPF_STX,
} from '@tsbpf/uapi';
import { ATOMIC_OPERATORS, WIDTHS } from './operators.ts';
import type { LinuxVersion, OpcodeRow } from './row.ts';

const LDIMM64_SOURCES: readonly { src: number; suffix: string; since: LinuxVersion }[] = [
  { src: 0, suffix: '', since: '3.18' },
  { src: BPF_PSEUDO_MAP_FD, suffix: '_map_fd', since: '3.18' },
  { src: BPF_PSEUDO_MAP_VALUE, suffix: '_map_value', since: '5.2' },
  { src: BPF_PSEUDO_BTF_ID, suffix: '_btf_id', since: '5.10' },
  { src: BPF_PSEUDO_FUNC, suffix: '_func', since: '5.13' },
  { src: BPF_PSEUDO_MAP_IDX, suffix: '_map_idx', since: '5.14' },
  { src: BPF_PSEUDO_MAP_IDX_VALUE, suffix: '_map_idx_value', since: '5.14' },
];

const ldImm64Rows: OpcodeRow[] = LDIMM64_SOURCES.map(({ src, suffix, since }) => ({
  name: `lddw${suffix}`,
  mnemonic: 'lddw',
  form: 'ldimm64',
  code: BPF_LD | BPF_IMM | BPF_DW,
  isa: 1,
  since,
  fixed: { src },
  uses: ['dst', 'imm'],
  reserved: ['off'],
}));

const packetRows: OpcodeRow[] = WIDTHS.filter((width) => width.bytes < 8).flatMap(({ size, suffix }) => [
  {
    name: `ldabs${suffix}`,
    mnemonic: `ldabs${suffix}`,
    form: 'ld_abs',
    code: BPF_LD | BPF_ABS | size,
    isa: 1,
    since: '3.18',
    fixed: {},
    uses: ['imm'],
    reserved: ['dst', 'src', 'off'],
  },
  {
    name: `ldind${suffix}`,
    mnemonic: `ldind${suffix}`,
    form: 'ld_ind',
    code: BPF_LD | BPF_IND | size,
    isa: 1,
    since: '3.18',
    fixed: {},
    uses: ['src', 'imm'],
    reserved: ['dst', 'off'],
  },
]);

const plainRows: OpcodeRow[] = WIDTHS.flatMap(({ size, suffix }): OpcodeRow[] => {
  const common = { isa: 1, since: '3.18', fixed: {} } as const;
  return [
    {
      ...common,
      name: `ldx${suffix}`,
      mnemonic: `ldx${suffix}`,
      form: 'ldx',
      code: BPF_LDX | BPF_MEM | size,
      uses: ['dst', 'src', 'off'],
      reserved: ['imm'],
    },
    {
      ...common,
      name: `st${suffix}`,
      mnemonic: `st${suffix}`,
      form: 'st',
      code: BPF_ST | BPF_MEM | size,
      uses: ['dst', 'off', 'imm'],
      reserved: ['src'],
    },
    {
      ...common,
      name: `stx${suffix}`,
      mnemonic: `stx${suffix}`,
      form: 'stx',
      code: BPF_STX | BPF_MEM | size,
      uses: ['dst', 'src', 'off'],
      reserved: ['imm'],
    },
  ];
});

const signedLoadRows: OpcodeRow[] = WIDTHS.filter((width) => width.signedType !== undefined).map(
  ({ size, suffix }) => ({
    name: `ldxs${suffix}`,
    mnemonic: `ldxs${suffix}`,
    form: 'ldxs',
    code: BPF_LDX | BPF_MEMSX | size,
    isa: 4,
    since: '6.6',
    fixed: {},
    uses: ['dst', 'src', 'off'],
    reserved: ['imm'],
  }),
);

const atomicRows: OpcodeRow[] = WIDTHS.filter((width) => width.bytes >= 4).flatMap(({ size, bytes }) =>
  ATOMIC_OPERATORS.map(({ imm, mnemonic }) => {
    const suffix = bytes === 4 ? '32' : '';
    const plainAdd = imm === 0;
    return {
      name: `atomic_${mnemonic.replace(' ', '_')}${suffix}`,
      mnemonic: `lock ${mnemonic}${suffix}`,
      form: 'atomic' as const,
      code: BPF_STX | BPF_ATOMIC | size,
      isa: plainAdd ? (1 as const) : (3 as const),
      since: plainAdd ? ('3.18' as const) : ('5.12' as const),
      fixed: { imm },
      uses: ['dst' as const, 'src' as const, 'off' as const],
      reserved: [],
    };
  }),
);

const orderedRows: OpcodeRow[] = WIDTHS.flatMap(({ size, suffix }): OpcodeRow[] => {
  const common = {
    code: BPF_STX | BPF_ATOMIC | size,
    isa: 4,
    since: '6.15',
    uses: ['dst', 'src', 'off'],
    reserved: [],
  } as const;
  return [
    {
      ...common,
      name: `load_acquire_${suffix}`,
      mnemonic: `ldacq${suffix}`,
      form: 'load_acquire',
      fixed: { imm: BPF_LOAD_ACQ },
    },
    {
      ...common,
      name: `store_release_${suffix}`,
      mnemonic: `strel${suffix}`,
      form: 'store_release',
      fixed: { imm: BPF_STORE_REL },
    },
  ];
});

/** LD, LDX, ST and STX classes. */
export const MEMORY_ROWS: readonly OpcodeRow[] = [
  ...ldImm64Rows,
  ...packetRows,
  ...plainRows,
  ...signedLoadRows,
  ...atomicRows,
  ...orderedRows,
];
