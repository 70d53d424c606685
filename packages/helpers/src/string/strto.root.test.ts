// SPDX-License-Identifier: MIT
// strtol and strtoul against the running kernel's, which gives them to more program types than v5.6 did. Needs root;
// loads and test-runs programs, attaches none.
import {
  BPF_ADD,
  BPF_B,
  BPF_DW,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_XDP,
  BPF_RSH,
  BPF_W,
} from '@tsbpf/uapi';
import {
  alu64Imm,
  callHelper as call,
  encodeInsns,
  exit,
  ldImm64,
  ldxMem,
  mov64Imm,
  mov64Reg,
  stMem,
  type Insn,
} from '@tsbpf/insn';
import { createHost } from '@tsbpf/host';
import { callHelper, createTestKernel, signed } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { strtoHelpers as rows } from './strto.ts';

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
const host = isRoot ? createHost() : undefined;
if (host === undefined) console.log('skipped: compared as root on Linux');

const texts = [
  '600\n',
  ' \t42 7',
  '0x1F',
  '0X1f',
  '1f',
  '0xg',
  '0777',
  '778',
  '8',
  '12ab',
  '   ',
  '-',
  '-0',
  '+1',
  'abc',
];
texts.push('-17 ', '-9223372036854775808', '-9223372036854775809', '9223372036854775807', '9223372036854775808');
texts.push('18446744073709551615', '18446744073709551616', `${'0'.repeat(62)}12`, '\xa05', '1\x002', '0x', '00x1');
const flags = [0, 8, 10, 16, 2, 32];

const STACK = -96;
const RESULT = -8;

/** Puts the text on the stack, converts it, and answers R0 or a half of the result. */
function program(id: number, text: string, flag: number, answer: 'r0' | 'low' | 'high'): Insn[] {
  const pick = {
    r0: [],
    low: [ldxMem(BPF_W, 0, 10, RESULT)],
    high: [ldxMem(BPF_DW, 0, 10, RESULT), alu64Imm(BPF_RSH, 0, 32)],
  };
  return [
    ...Array.from(text, (c, i) => stMem(BPF_B, 10, STACK + i, c.charCodeAt(0))),
    stMem(BPF_DW, 10, RESULT, 0),
    mov64Reg(1, 10),
    alu64Imm(BPF_ADD, 1, STACK),
    mov64Imm(2, text.length),
    ...ldImm64(3, BigInt(flag)),
    mov64Reg(4, 10),
    alu64Imm(BPF_ADD, 4, RESULT),
    call(id),
    ...pick[answer],
    exit(),
  ];
}

function kernels(id: number, text: string, flag: number, answer: 'r0' | 'low' | 'high'): number {
  const insns = encodeInsns(program(id, text, flag, answer));
  const log_buf = new Uint8Array(65536);
  const fd =
    host?.bpf(BPF_PROG_LOAD, { prog_type: BPF_PROG_TYPE_XDP, insns, license: 'GPL', log_buf, log_level: 1 }) ?? -1;
  expect(fd, new TextDecoder().decode(log_buf)).toBeGreaterThan(0);
  const attr: { prog_fd: number; data_in: Uint8Array; retval?: number } = { prog_fd: fd, data_in: new Uint8Array(64) };
  expect(host?.bpf(BPF_PROG_TEST_RUN, attr)).toBe(0);
  host?.close(fd);
  return (attr.retval ?? 0) | 0;
}

const cases = texts.flatMap((text) => flags.map((flag) => [text, flag] as const));

describe.skipIf(host === undefined)('as the running kernel', () => {
  test.each(cases)('%j, flags %i', (text, flag) => {
    for (const [variant, id] of [
      ['bpf_strtol', 105],
      ['bpf_strtoul', 106],
    ] as const) {
      const kernel = createTestKernel();
      const { mem } = kernel;
      const buf = mem.alloc(128);
      const result = mem.alloc(8);
      mem.writeBytes(
        buf,
        Uint8Array.from(text, (c) => c.charCodeAt(0)),
      );
      const args = [mem.toAddr(buf), text.length, flag, mem.toAddr(result)];
      const r0 = signed(callHelper(kernel, { rows, variant }, { args }));
      expect([r0, mem.readS32(result), mem.readS32(result + 4)], variant).toEqual([
        kernels(id, text, flag, 'r0'),
        kernels(id, text, flag, 'low'),
        kernels(id, text, flag, 'high'),
      ]);
    }
  });
});
