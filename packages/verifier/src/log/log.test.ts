// SPDX-License-Identifier: MIT
// What few programs make the log say.
import { createBtfBuilder } from '@tsbpf/btf';
import type { ProgTypeDef } from '@tsbpf/core';
import { callHelper, exit, type Insn, ldxMem, mov64Imm } from '@tsbpf/insn';
import { BPF_TRACE_FENTRY } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { verifyText } from '../../test/rig.ts';

const words = (...row: number[]): Uint8Array => new Uint8Array(new Uint32Array(row).buffer);

describe('functions in the last lines', () => {
  const depths = (text: string, unprivileged = false): string | undefined =>
    /stack depth (.*)/.exec(verifyText(text, { level: 4, unprivileged }).log)?.[1];

  it('are those found until the search ended', () => {
    expect(depths('call +9\nexit')).toBe('0');
    expect(depths('call f\ncall +9\nexit\nf:\nr0 = 0\nexit')).toBe('0+0');
    expect(depths('call f\nexit\nf:\nr0 = 0\nexit', true)).toBe('0');
    expect(depths('r0 = 0\nif r0 == 0 goto +9\nexit')).toBe('0');
  });

  it('are none where the search did not begin', () => {
    expect(depths('r0 = 0 ll')).toBe('0');
    expect(
      /stack depth (.*)/.exec(verifyText([mov64Imm(0, 0), { ...exit(), code: 0xff }], { level: 4 }).log)?.[1],
    ).toBe('');
  });
});

describe('source lines', () => {
  it('keep their bytes, and count by them', () => {
    const b = createBtfBuilder();
    const main = b.func('main', b.funcProto(b.int('int', 4), []));
    const file = b.addString('a.c');
    const source = 'x = "é→"; // ж';
    const line = b.addString(`\t ${source}`);
    const prog = {
      btf: b.build(),
      funcInfo: { recSize: 8, bytes: words(0, main) },
      lineInfo: { recSize: 16, bytes: words(0, file, line, 1 << 10) },
    };
    const { log } = verifyText('r0 = 0\nexit', { prog });
    const bytes = Uint8Array.from(log, (char) => char.charCodeAt(0));
    expect(new TextDecoder().decode(bytes)).toContain(`; ${source}\n0: (b7) r0 = 0\n`);
    expect(log.length).toBe(new TextEncoder().encode(new TextDecoder().decode(bytes)).length);
  });
});

const k = createBtfBuilder();
const long = k.int('long', 8);
const task = k.struct('task', 16, []);
const outer = k.struct('outer', 16, [
  { name: 'n', typeId: long, bitOffset: 0 },
  { name: 'p', typeId: k.ptr(task), bitOffset: 64 },
]);
const func = k.func('f', k.funcProto(long, [{ name: 'o', typeId: k.ptr(outer) }]));
const vmlinux = k.build();
const TRACING = 26;
const tracing: ProgTypeDef = {
  type: TRACING,
  name: 'tracing',
  since: '5.5',
  progCtx: undefined,
  kernelCtx: undefined,
  verifier: { getFuncProto: () => 'bpf_skb_output', isValidAccess: () => undefined },
  ops: {},
};

/** The messages of a program that is attached to `f`, which takes a pointer to a structure. */
function refusal(...insns: readonly Insn[]): readonly string[] {
  const { errno, log } = verifyText([...insns, exit()], {
    prog: { type: TRACING, expectedAttachType: BPF_TRACE_FENTRY, attachBtfId: func },
    env: { vmlinux, progType: () => tracing },
  });
  expect(errno).toBe(-13);
  return log.split('\n').slice(-4, -2);
}

describe('pointers typed by BTF', () => {
  const loadArg = ldxMem(0x18, 1, 1, 0);

  it('are forgotten with all registers by an atomic addition, which fails for that', () => {
    const messages = (off: number): readonly string[] =>
      refusal(loadArg, mov64Imm(2, 1), { code: 0xdb, dst: 1, src: 2, off, imm: 0 });
    const misaligned = 'misaligned access off (0x0; 0xffffffffffffffff)+0+';
    expect(messages(0)).toEqual(['mark_reg_unknown(regs, 4294967295)', `${misaligned}0 size 8`]);
    expect(messages(8)).toEqual(['mark_reg_known_zero(regs, 4294967295)', `${misaligned}8 size 8`]);
  });

  it('are not those of a helper whose type is not known, and has no name', () => {
    expect(refusal(loadArg, callHelper(111))).toEqual([
      'helper btf_bpf_skb_event_output type is not found',
      'Helper has type  got outer in R1',
    ]);
  });
});
