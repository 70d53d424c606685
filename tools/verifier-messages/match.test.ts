// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { assignTexts, isBtfLoad, isTellable, parseRows } from './match.ts';
import { textsOf } from './texts.ts';

const row = (message: string, at = 'verifier.c:1') => parseRows(`${at}\tfunc\t${message}\tEINVAL\twhen\tyes\tsame`)[0];
const find = (message: string, source: string) =>
  (assignTexts([row(message)], textsOf('a.ts', source)).get(row(message).format) ?? []).map((text) => text.line);

describe('texts of a source', () => {
  it('joins sums, splits at values, looks into values', () => {
    const source = 'import { x } from "y";\nf("a" + `b ${x ? "yes" : "no"} c` + d);';
    expect(textsOf('a.ts', source).map((text) => text.pieces)).toEqual([['ab ', ' c', ''], ['yes'], ['no']]);
  });
});

describe('messages', () => {
  const cases: [name: string, message: string, source: string, lines: number[]][] = [
    ['plain', 'div by zero\\n', 'f("div by zero\\n")', [1]],
    ['the newline comes later', 'div by zero\\n', 'f("div by zero")', [1]],
    ['values', 'R%d is invalid\\n', 'f(`R${n} is invalid\\n`)', [1]],
    ['hexadecimal and wide values', 'regs=%x stack=%llx %02x', 'f(`regs=${a} stack=${b} ${c}`)', [1]],
    ['a sum', 'call to %s failed\\n', 'f(`call to ${name} ` +\n "failed\\n")', [1]],
    ['twice', 'div by zero\\n', 'f("div by zero\\n");\nf("div by zero\\n")', [1, 2]],
    ['a constant for a value', 'nr_bits exceeds %zu', 'f("nr_bits exceeds 128")', [1]],
    ['most of it', 'arg%d in %s() has unrecognized type\\n', 'f(`in ${n}() has unrecognized type`)', [1]],
    ['another message', 'func %s missing\\n', 'f(`func ${n} found\\n`)', []],
    ['more than it says', 'bad map\\n', 'f("bad map of the program\\n")', []],
  ];
  it.each(cases)('%s', (_, message, source, lines) => {
    expect(find(message, source)).toEqual(lines);
  });

  it('leaves a text to the message it says all of', () => {
    const rows = [row('write into map forbidden, size=%d\\n'), row('write into map forbidden\\n', 'verifier.c:2')];
    const found = assignTexts(rows, textsOf('a.ts', 'f("write into map forbidden\\n")'));
    expect(rows.map((r) => found.get(r.format)?.length)).toEqual([0, 1]);
  });

  it('knows what it cannot tell, and which command a row belongs to', () => {
    expect([isTellable(row('%d: ')), isTellable(row('safe\\n'))]).toEqual([false, true]);
    expect([isBtfLoad(row('x', 'btf.c:1232,1330')), isBtfLoad(row('x', 'btf.c:3699'))]).toEqual([true, false]);
  });
});
