// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { lastMessage, parseStats } from './stats.ts';

const LOG = [
  '0: (b7) r0 = 0',
  'R0 !read_ok',
  'verification time 12 usec',
  'stack depth 36+2',
  'processed 7 insns (limit 1000000) max_states_per_insn 1 total_states 2 peak_states 3 mark_read 4',
  '',
].join('\n');

describe('the end of a log', () => {
  it('has figures', () => {
    expect(parseStats(LOG)).toEqual({
      insns: 7,
      maxStatesPerInsn: 1,
      totalStates: 2,
      peakStates: 3,
      markRead: 4,
      stackDepths: [36, 2],
    });
    expect(parseStats('')).toBeUndefined();
  });

  it('has the reason before them', () => {
    expect(lastMessage(LOG)).toBe('R0 !read_ok');
    expect(lastMessage('')).toBe('');
  });
});
