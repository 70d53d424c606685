// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { explainRejection } from './rejection.ts';

const source = { file: 'a.bpf.c', line: 7, col: 3, text: 'return *value;' };

describe('explainRejection', () => {
  it('says where, what and how it came to be', () => {
    const lines = explainRejection({
      errno: -13,
      message: "R0 invalid mem access 'map_value_or_null'",
      insnIdx: 4,
      insn: '(79) r0 = *(u64 *)(r0 +0)',
      source,
      subject: 'r0',
      history: [{ insnIdx: 3, insn: '(85) call 1', state: 'r0=map_value_or_null', note: 'result of this call' }],
    });
    expect(lines).toEqual([
      '  at a.bpf.c:7:3',
      '      return *value;',
      '  instruction 4: (79) r0 = *(u64 *)(r0 +0)',
      "  R0 invalid mem access 'map_value_or_null'",
      '  how r0 came to be so:',
      '        3: (85) call 1   r0=map_value_or_null   (result of this call)',
    ]);
  });

  it.each([
    ['r5', 'nothing on the way there set r5'],
    ['fp-400', 'nothing on the way there wrote fp-400'],
  ])('says that nothing set %s', (subject, says) => {
    expect(explainRejection({ errno: -13, message: 'no', subject, history: [] }).at(-1)).toBe(`  ${says}`);
  });

  it('leaves out what it does not know', () => {
    expect(explainRejection({ errno: -22, message: 'unreachable insn 3', history: [] })).toEqual([
      '  unreachable insn 3',
    ]);
  });
});
