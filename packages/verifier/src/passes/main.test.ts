// SPDX-License-Identifier: MIT
import { BTF_FUNC_STATIC, createBtfBuilder } from '@tsbpf/btf';
import { describe, expect, it } from 'vitest';
import { messagesOf, verifyText } from '../../test/rig.ts';

const b = createBtfBuilder();
const int = b.int('int', 4);
const ctx = b.ptr(b.struct('__sk_buff', 4, []));
const none = b.ptr(0);
const main = b.func('main', b.funcProto(int, [{ name: 'skb', typeId: ctx }]));
const takesInt = b.func('glob', b.funcProto(int, [{ name: 'x', typeId: int }]));
const takesCtx = b.func('withctx', b.funcProto(int, [{ name: 'skb', typeId: ctx }]));
const takesVoid = b.func('bad', b.funcProto(int, [{ name: 'p', typeId: none }]));
const file = b.addString('prog.c');
const [lineOne, lineTwo] = ['\tint x = 1;', '    return glob(x);'].map((text) => b.addString(text));
const staticInt = b.func('loc', b.funcProto(int, [{ name: 'x', typeId: int }]), { linkage: BTF_FUNC_STATIC });
const btf = b.build();

function words(recSize: number, ...rows: readonly number[][]) {
  const bytes = new Uint8Array(recSize * rows.length);
  const view = new DataView(bytes.buffer);
  rows.forEach((row, i) => row.forEach((word, j) => view.setUint32(i * recSize + j * 4, word, true)));
  return { recSize, bytes };
}

/** A program of two functions, the second of a type of {@link btf}. */
const two = (func: number, start: number) => ({ prog: { btf, funcInfo: words(8, [0, main], [start, func]) } });

describe('global functions', () => {
  it('are verified on their own, then taken as valid', () => {
    const { errno, log } = verifyText('r1 = 5\ncall f\nexit\nf:\nr0 = r1\nr0 += 1\nexit', two(takesInt, 3));
    expect(errno).toBe(0);
    expect(log).toBe(`Validating glob() func#1...
3: (bf) r0 = r1
4: (07) r0 += 1
5: (95) exit
Func#1 is safe for any args that match its prototype
0: (b7) r1 = 5
1: (85) call pc+1
Func#1 is global and valid. Skipping.
2: (95) exit
processed 6 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`);
  });

  it.each<readonly [string, string, number, number, readonly string[]]>([
    [
      'get the context',
      'call f\nexit\nf:\nr0 = *(u32 *)(r1 +0)\nexit',
      takesCtx,
      2,
      [
        'Validating withctx() func#1...',
        'Func#1 is safe for any args that match its prototype',
        'Func#1 is global and valid. Skipping.',
      ],
    ],
    [
      'get no other pointer',
      'call f\nexit\nf:\nr0 = 0\nexit',
      takesVoid,
      2,
      ['Validating bad() func#1...', 'arg#0 type is not a struct', 'Arg#0 type PTR in bad() is not supported yet.'],
    ],
    [
      'get what they say they take',
      'call f\nexit\nf:\nr0 = 0\nexit',
      takesInt,
      2,
      [
        'Validating glob() func#1...',
        'Func#1 is safe for any args that match its prototype',
        'R1 is not a scalar',
        'Caller passes invalid args into func#1',
      ],
    ],
    [
      'get the context as it was',
      'r1 += 4\ncall f\nexit\nf:\nr0 = 0\nexit',
      takesCtx,
      3,
      [
        'Validating withctx() func#1...',
        'Func#1 is safe for any args that match its prototype',
        'dereference of modified ctx ptr R1 off=4 disallowed',
        'Caller passes invalid args into func#1',
      ],
    ],
    [
      'know nothing of their arguments',
      'r1 = 0\ncall f\nexit\nf:\nr2 = r10\nr2 += r1\nr0 = *(u8 *)(r2 -8)\nexit',
      takesInt,
      3,
      ['Validating glob() func#1...', 'math between fp pointer and register with unbounded min value is not allowed'],
    ],
  ])('%s', (_what, text, func, start, messages) => {
    const result = verifyText(text, two(func, start));
    expect(messagesOf(result.log)).toEqual(messages);
    expect(result.errno).toBe(messages.at(-1)?.includes('Skipping') === true ? 0 : -22);
  });
});

describe('static functions', () => {
  it('may be called with anything, but are unreliable then', () => {
    const { errno, log, verified } = verifyText('call f\nexit\nf:\nr0 = 0\nexit', two(staticInt, 2));
    expect(errno).toBe(0);
    expect(log).toContain('0: (85) call pc+1\nR1 is not a scalar\ncaller:\n');
    expect(verified?.subprogs.map(({ unreliable }) => unreliable)).toEqual([false, true]);
  });
});

describe('source lines', () => {
  it('stand before their first instruction', () => {
    const { log } = verifyText('r1 = 1\nr2 = 2\nr0 = 3\nexit', {
      prog: { btf, lineInfo: words(16, [0, file, lineOne, (3 << 10) | 6], [2, file, lineTwo, (4 << 10) | 5]) },
    });
    expect(log).toContain(
      '; int x = 1;\n0: (b7) r1 = 1\n1: (b7) r2 = 2\n; return glob(x);\n2: (b7) r0 = 3\n3: (95) exit\n',
    );
  });

  it('are told with a rejection', () => {
    const { diagnostic } = verifyText('r1 = 1\nr0 = *(u8 *)(r1 +0)\nexit', {
      diagnose: true,
      prog: { btf, lineInfo: words(16, [0, file, lineOne, (3 << 10) | 6], [1, file, lineTwo, (4 << 10) | 5]) },
    });
    expect(diagnostic).toMatchObject({
      source: { file: 'prog.c', line: 4, col: 5, text: 'return glob(x);' },
      subject: 'r1',
      history: [{ insnIdx: 0, source: { file: 'prog.c', line: 3, col: 6, text: 'int x = 1;' } }],
    });
  });
});
