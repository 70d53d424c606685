// SPDX-License-Identifier: MIT
import { NotSupportedError } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { rigEnv, verifyText } from '../test/rig.ts';
import { verify } from './check.ts';

/** A lookup in a map of 8-byte keys; r0 is the value, not NULL, from the label on. */
const LOOKUP = (map: string, rest: string): string => `
  *(u64 *)(r10 -8) = 0
  r2 = r10
  r2 += -8
  r1 = ${map} ll
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  ${rest}
out:
  r0 = 0
  exit`;

describe('the log at level 1', () => {
  it('shows instructions, states after branches and map accesses, and why a value matters', () => {
    const { errno, log } = verifyText(
      LOOKUP('hash', 'r1 = *(u64 *)(r0 +0)\nif r1 > 7 goto out\nr0 += r1\n*(u8 *)(r0 +0) = 1'),
    );
    expect(errno).toBe(0);
    expect(log).toBe(`0: (7a) *(u64 *)(r10 -8) = 0
1: (bf) r2 = r10
2: (07) r2 += -8
3: (18) r1 = 0xffff888000001000
5: (85) call bpf_map_lookup_elem#1
6: (15) if r0 == 0x0 goto pc+4
 R0_w=map_value(id=0,off=0,ks=8,vs=8,imm=0) R10=fp0 fp-8_w=mmmmmmmm
7: (79) r1 = *(u64 *)(r0 +0)
 R0_w=map_value(id=0,off=0,ks=8,vs=8,imm=0) R10=fp0 fp-8_w=mmmmmmmm
8: (25) if r1 > 0x7 goto pc+2
 R0=map_value(id=0,off=0,ks=8,vs=8,imm=0) R1=inv(id=0,umax_value=7,var_off=(0x0; 0x7)) R10=fp0 fp-8=mmmmmmmm
9: (0f) r0 += r1
last_idx 9 first_idx 8
regs=2 stack=0 before 8: (25) if r1 > 0x7 goto pc+2
 R0_rw=map_value(id=0,off=0,ks=8,vs=8,imm=0) R1_rw=invP(id=0) R10=fp0 fp-8_w=mmmmmmmm
parent didn't have regs=2 stack=0 marks
last_idx 7 first_idx 0
regs=2 stack=0 before 7: (79) r1 = *(u64 *)(r0 +0)
10: (72) *(u8 *)(r0 +0) = 1
 R0_w=map_value(id=0,off=0,ks=8,vs=8,umax_value=7,var_off=(0x0; 0x7)) R1=invP(id=0,umax_value=7,var_off=(0x0; 0x7)) R10=fp0 fp-8=mmmmmmmm
11: (b7) r0 = 0
12: (95) exit

from 8 to 11: R0=map_value(id=0,off=0,ks=8,vs=8,imm=0) R1=inv(id=0,umin_value=8) R10=fp0 fp-8=mmmmmmmm
11: (b7) r0 = 0
12: (95) exit

from 6 to 11: R0_w=inv0 R10=fp0 fp-8_w=mmmmmmmm
11: (b7) r0 = 0
12: (95) exit
processed 16 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 1 mark_read 1
`);
  });

  it('ends with the statistics whatever the verdict, and hides addresses from unprivileged users', () => {
    const text = LOOKUP('hash', '*(u64 *)(r0 +1) = 1');
    expect(verifyText(text).log).toMatch(/R0 min value is outside of the array range\nprocessed 7 insns .*\n$/);
    expect(verifyText(text, { unprivileged: true }).log).toContain('3: (18) r1 = 0x0\n');
    expect(verifyText('r0 = 0\nexit', { level: 4 }).log).toMatch(
      /^verification time \d+ usec\nstack depth 0\nprocessed 2 insns /,
    );
  });

  it('shows a state before each instruction at level 2', () => {
    const { log } = verifyText('r6 = r1\nr0 = 1\nif r0 == 1 goto +0\nexit', { level: 2 });
    expect(log).toBe(`func#0 @0
0: R1=ctx(id=0,off=0,imm=0) R10=fp0
0: (bf) r6 = r1
1: R1=ctx(id=0,off=0,imm=0) R6_w=ctx(id=0,off=0,imm=0) R10=fp0
1: (b7) r0 = 1
2: R0_w=inv1 R1=ctx(id=0,off=0,imm=0) R6_w=ctx(id=0,off=0,imm=0) R10=fp0
2: (15) if r0 == 0x1 goto pc+0
last_idx 2 first_idx 0
regs=1 stack=0 before 1: (b7) r0 = 1
3: R0_w=invP1 R1=ctx(id=0,off=0,imm=0) R6_w=ctx(id=0,off=0,imm=0) R10=fp0
3: (95) exit
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`);
  });

  it('is cut where the buffer ends: ENOSPC, whatever the verdict', () => {
    const { errno, log } = verifyText('r0 = 0\nr0 = 1\nexit', { sizeBytes: 128 });
    expect({ errno, length: log.length }).toEqual({ errno: -28, length: 127 });
    expect(verifyText('r0 = 0\nr0 = r2\nexit', { sizeBytes: 128 }).errno).toBe(-28);
  });

  it.each([
    ['no level', { level: 0 }],
    ['an unknown level', { level: 8 }],
    ['a buffer that is too small', { sizeBytes: 127 }],
  ])('is refused with %s', (_what, options) => {
    expect(verifyText('r0 = 0\nexit', options)).toMatchObject({ errno: -22, log: '' });
  });
});

describe('verify', () => {
  it('gives the rewritten program', () => {
    const { errno, verified } = verifyText('r0 = 7\ngoto +1\nr0 = 8\nexit');
    // Linux refuses what cannot be reached; the branch never taken below goes.
    expect(errno).toBe(-22);
    const accepted = verifyText('r0 = 7\nif r0 == 7 goto +1\nr0 = 8\nexit');
    expect(accepted.verified?.insns.map(({ code }) => code)).toEqual([0xb7, 0x95]);
    expect([...(accepted.verified?.origIdx ?? [])]).toEqual([0, 3]);
    expect(verified).toBeUndefined();
  });

  it('knows no other version', () => {
    const env = rigEnv({ env: { version: '6.18' } });
    expect(() => verify(env, { type: 1, insns: [] } as never)).toThrow(NotSupportedError);
  });
});
