// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { splitWords } from './batch.ts';

describe('words of a batch line', () => {
  it.each([
    ['run a.o --pcap b.pcap', ['run', 'a.o', '--pcap', 'b.pcap']],
    ['map dump "a b.o" counters', ['map', 'dump', 'a b.o', 'counters']],
    ["disasm 'it''s'", ['disasm', 'it', 's']],
    ['   ', []],
  ])('%s', (line, words) => expect(splitWords(line)).toEqual(words));
});
