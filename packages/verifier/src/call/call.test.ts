// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { lookup } from '../../test/lookup.ts';
import { type RigOptions, messagesOf, verifyText } from '../../test/rig.ts';

const OUT = '\nr0 = 0\nexit';
const CLS: RigOptions = { type: 'SCHED_CLS' };
type Row = readonly [what: string, text: string, errno: number, messages: readonly string[], options?: RigOptions];

function check(rows: readonly Row[]): void {
  for (const [what, text, errno, messages, options] of rows)
    it(what, () => {
      const result = verifyText(text, options);
      expect({ errno: result.errno, messages: messagesOf(result.log) }).toEqual({ errno: 0 - errno, messages });
    });
}

describe('helpers', () => {
  check([
    ['an id that is none', 'call 119\nexit', 22, ['invalid func unknown#119']],
    ['an id below zero', 'call -1\nexit', 22, ['invalid func unknown#-1']],
    ['not for this type', 'call bpf_xdp_adjust_head\nexit', 22, ['unknown func bpf_xdp_adjust_head#44']],
    [
      'GPL only',
      `call bpf_ktime_get_ns\nexit`,
      22,
      ['cannot call GPL-restricted function from non-GPL compatible program'],
      { prog: { gplCompatible: false } },
    ],
    ['no map', `r1 = 0\nr2 = 0\ncall bpf_map_lookup_elem${OUT}`, 13, ['R1 type=inv expected=map_ptr']],
    ['no key', `r1 = hash ll\nr2 = 0\ncall bpf_map_lookup_elem${OUT}`, 13, ['R2 type=inv expected=fp']],
    [
      'a key that was not written',
      `r1 = hash ll\nr2 = r10\nr2 += -8\ncall bpf_map_lookup_elem${OUT}`,
      13,
      ['invalid indirect read from stack off -8+0 size 8'],
    ],
    [
      'a key outside the stack',
      `r1 = hash ll\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem${OUT}`,
      13,
      ['invalid stack type R2 off=-4 access_size=8'],
    ],
    [
      'a spilled pointer as a key',
      `*(u64 *)(r10 -8) = r1\nr1 = hash ll\nr2 = r10\nr2 += -8\ncall bpf_map_lookup_elem${OUT}`,
      13,
      ['invalid indirect read from stack off -8+0 size 8'],
    ],
    ['a map value as a key', lookup('hash', 'r2 = r0\nr1 = hash ll\ncall bpf_map_lookup_elem'), 0, []],
    [
      'a map that this helper does not take',
      lookup('progs', ''),
      22,
      ['cannot pass map_type 3 into func bpf_map_lookup_elem#1'],
    ],
    [
      'writing a map that programs only read',
      `*(u32 *)(r10 -4) = 0\nr1 = readonly ll\nr2 = r10\nr2 += -4\ncall bpf_map_delete_elem${OUT}`,
      13,
      ['write into map forbidden'],
    ],
    [
      'a tail call through another kind of map',
      `r2 = hash ll\nr3 = 0\ncall bpf_tail_call${OUT}`,
      22,
      ['kernel subsystem misconfigured verifier'],
    ],
    ['a tail call', `r2 = progs ll\nr3 = 1\ncall bpf_tail_call${OUT}`, 0, []],
    [
      'a tail call with functions',
      `r2 = progs ll\nr3 = 1\ncall bpf_tail_call\ncall f\nexit\nf:${OUT}`,
      22,
      ['tail_calls are not allowed in programs with bpf-to-bpf calls'],
    ],
  ]);

  it('notes maps and keys that all paths agree on', () => {
    const text = `r2 = progs ll\nr3 = 1\ncall bpf_tail_call${OUT}`;
    const { verified } = verifyText(text);
    expect(verified?.aux.find((aux) => aux?.constKey !== undefined)).toMatchObject({ constKey: 1 });
  });
});

describe('memory of helpers', () => {
  const load = (size: string): string => `r2 = 0\nr3 = r10\nr3 += -16\n${size}\ncall bpf_skb_load_bytes`;
  check([
    ['is filled', `${load('r4 = 16')}\nr1 = *(u64 *)(r10 -16)\nr0 = 0\nexit`, 0, []],
    [
      'is filled no further',
      `${load('r4 = 8')}\nr1 = *(u64 *)(r10 -8)\nr0 = 0\nexit`,
      13,
      ['invalid read from stack off -8+0 size 8'],
    ],
    ['no bytes', `${load('r4 = 0')}${OUT}`, 13, ['invalid stack type R3 off=-16 access_size=0']],
    [
      'less than no bytes',
      `${load('r4 = -1')}${OUT}`,
      13,
      ["R4 min value is negative, either use unsigned or 'var &= const'"],
    ],
    ['more than there is', `${load('r4 = 17')}${OUT}`, 13, ['invalid stack type R3 off=-16 access_size=17']],
    [
      'bytes without a bound',
      `r4 = *(u32 *)(r1 +0)\nr2 = 0\nr3 = r10\nr3 += -16\ncall bpf_skb_load_bytes${OUT}`,
      13,
      ['invalid stack type R3 off=-16 access_size=0'],
    ],
    [
      'a size that varies needs it all initialised',
      `r4 = *(u32 *)(r1 +0)\nr4 &= 7\nr4 += 1\nr2 = 0\nr3 = r10\nr3 += -16\ncall bpf_skb_load_bytes${OUT}`,
      13,
      ['invalid indirect read from stack off -16+0 size 8'],
    ],
    [
      'at an offset that varies',
      `*(u64 *)(r10 -8) = 0\n*(u64 *)(r10 -16) = 0\nr2 = *(u32 *)(r1 +0)\nr2 &= 4\nr2 += -16\nr2 += r10
       r1 = hash ll\ncall bpf_map_lookup_elem${OUT}`,
      0,
      [],
    ],
    [
      'at an offset that varies, unprivileged',
      `*(u64 *)(r10 -8) = 0\n*(u64 *)(r10 -16) = 0\nr2 = *(u32 *)(r1 +0)\nr2 &= 4\nr3 = r10\nr3 += -16\nr3 += r2
       r2 = r3\nr1 = hash ll\ncall bpf_map_lookup_elem${OUT}`,
      13,
      [
        'variable stack access var_off=(0x0; 0x4) off=-16 size=1',
        'R3 stack pointer arithmetic goes out of range, prohibited for !root',
      ],
      { unprivileged: true },
    ],
  ]);
});

describe('references', () => {
  const find = (rest: string): string =>
    `r6 = r1\nr2 = 0\n${[-8, -16, -24, -32, -40, -48].map((off) => `*(u64 *)(r10 ${off}) = r2`).join('\n')}
     r2 = r10\nr2 += -48\nr3 = 36\nr4 = 0\nr5 = 0\ncall bpf_sk_lookup_tcp\n${rest}`;
  check([
    ['given back', find('if r0 == 0 goto out\nr1 = r0\ncall bpf_sk_release\nout:\nr0 = 0\nexit'), 0, [], CLS],
    ['kept', find('r0 = 0\nexit'), 22, ['Unreleased reference id=2 alloc_insn=13'], CLS],
    [
      'not looked at',
      find('r1 = r0\ncall bpf_sk_release\nr0 = 0\nexit'),
      13,
      ['R1 type=sock_or_null expected=sock_common'],
      CLS,
    ],
    [
      'given back twice',
      find(
        'if r0 == 0 goto out\nr7 = r0\nr1 = r0\ncall bpf_sk_release\nr1 = r7\ncall bpf_sk_release\nout:\nr0 = 0\nexit',
      ),
      13,
      ['R1 type=inv expected=sock_common'],
      CLS,
    ],
    [
      'used after it was given back, through a cast',
      find(`if r0 == 0 goto out\nr7 = r0\nr1 = r0\ncall bpf_tcp_sock\nif r0 == 0 goto free\nr8 = r0\nr1 = r7
            call bpf_sk_release\nr1 = *(u32 *)(r8 +4)\ngoto out\nfree:\nr1 = r7\ncall bpf_sk_release\nout:\nr0 = 0\nexit`),
      13,
      ["R8 invalid mem access 'inv'"],
      CLS,
    ],
    [
      'never acquired',
      `r1 = *(u64 *)(r1 +168)\nif r1 == 0 goto out\ncall bpf_sk_release\nout:${OUT}`,
      22,
      ['func bpf_sk_release#86 reference has not been acquired before'],
      CLS,
    ],
    [
      'over a tail call',
      find('r1 = r6\nr2 = progs ll\nr3 = 0\ncall bpf_tail_call\nr0 = 0\nexit'),
      22,
      ['Unreleased reference id=2 alloc_insn=13', 'tail_call would lead to reference leak'],
      CLS,
    ],
    [
      'given back by a function',
      find('r1 = r0\ncall f\nr0 = 0\nexit\nf:\nif r1 == 0 goto none\ncall bpf_sk_release\nnone:\nr0 = 0\nexit'),
      0,
      [
        'caller:',
        'callee:',
        'returning from callee:',
        'to caller at 16:',
        'returning from callee:',
        'to caller at 16:',
      ],
      CLS,
    ],
  ]);
});

describe('spin locks', () => {
  const locked = (rest: string, map = 'locked'): string => lookup(map, `r6 = r0\n${rest}`);
  const LOCK = 'r1 = r6\nr1 += 4\ncall bpf_spin_lock';
  const UNLOCK = 'r1 = r6\nr1 += 4\ncall bpf_spin_unlock';
  const UNDER_LOCK = 'function calls are not allowed while holding a lock';
  check([
    ['taken and given back', locked(`${LOCK}\n${UNLOCK}`), 0, [], CLS],
    ['kept', locked(LOCK), 22, ['bpf_spin_unlock is missing'], CLS],
    ['taken twice', locked(`${LOCK}\n${LOCK}`), 22, [UNDER_LOCK], CLS],
    ['given back without', locked(UNLOCK), 13, ['bpf_spin_unlock without taking a lock'], CLS],
    ['a call in between', locked(`${LOCK}\ncall bpf_get_prandom_u32\n${UNLOCK}`), 22, [UNDER_LOCK], CLS],
    [
      'not at the lock',
      locked('r1 = r6\ncall bpf_spin_lock'),
      13,
      ["off 0 doesn't point to 'struct bpf_spin_lock'"],
      CLS,
    ],
    ['a map without one', locked(LOCK, 'unlocked'), 13, ["map 'unlocked' doesn't have 'struct bpf_spin_lock'"], CLS],
    ['a map without BTF', locked(LOCK, 'hash'), 13, ["map 'm' has to have BTF in order to use bpf_spin_lock"], CLS],
    ['no map value', `r1 = r10\ncall bpf_spin_lock${OUT}`, 13, ['R1 is not a pointer to map_value'], CLS],
    [
      'of another element',
      lookup(
        'locked',
        `r6 = r0\nr1 = r10\nr1 += -8\nr2 = r1\nr1 = locked2 ll\ncall bpf_map_lookup_elem
        if r0 == 0 goto out\nr7 = r0\n${LOCK}\nr1 = r7\nr1 += 4\ncall bpf_spin_unlock`,
      ),
      13,
      ['bpf_spin_unlock of different lock'],
      CLS,
    ],
  ]);
});

describe('functions', () => {
  const deep = (n: number): string =>
    `call f1\nexit\n${Array.from({ length: n }, (_, i) => `f${i + 1}:\n${i + 1 < n ? `call f${i + 2}\n` : 'r0 = 0\n'}exit`).join('\n')}`;
  check([
    ['eight deep', deep(7), 0, expect.anything() as never],
    ['nine deep', deep(8), 7, expect.arrayContaining(['the call stack of 9 frames is too deep']) as never],
    [
      'unprivileged',
      'call f\nexit\nf:\nr0 = 0\nexit',
      1,
      ['function calls to other bpf functions are allowed for root only'],
      { unprivileged: true },
    ],
    [
      'returning the stack',
      'call f\nexit\nf:\nr0 = r10\nexit',
      22,
      ['caller:', 'callee:', 'cannot return stack pointer to the caller'],
    ],
    [
      'leaving the stack in the caller’s',
      'r1 = r10\nr1 += -8\ncall f\nexit\nf:\n*(u64 *)(r1 +0) = r10\nr0 = 0\nexit',
      22,
      ['caller:', 'callee:', 'cannot spill pointers to stack into stack frame of the caller'],
    ],
    [
      'nothing to return',
      'call f\nr0 = 0\nexit\nf:\nexit',
      0,
      ['caller:', 'callee:', 'returning from callee:', 'to caller at 1:'],
    ],
    ['nothing returned, and read', 'call f\nexit\nf:\nexit', 13, expect.arrayContaining(['R0 !read_ok']) as never],
  ]);

  it('show callers and callees', () => {
    const { log } = verifyText('r1 = 5\nr6 = 1\ncall f\nr0 += r6\nexit\nf:\nr0 = r1\nexit');
    expect(log).toContain(`2: (85) call pc+2
caller:
 R6_w=invP1 R10=fp0
callee:
 frame1: R1_w=invP5 R10=fp0
5: (bf) r0 = r1
6: (95) exit
returning from callee:
 frame1: R0_w=invP5 R1_w=invP5 R10=fp0
to caller at 3:
 R0_w=invP5 R6_w=invP1 R10=fp0

from 6 to 3: R0_w=invP5 R6_w=invP1 R10=fp0
3: (0f) r0 += r6
`);
  });
});
