// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { lookup } from '../../test/lookup.ts';
import { type RigOptions, messagesOf, verifyText } from '../../test/rig.ts';

type Row = readonly [
  what: string,
  text: string,
  messages: readonly string[],
  options?: RigOptions & { errno?: number },
];

function check(rows: readonly Row[]): void {
  for (const [what, text, messages, options = {}] of rows)
    it(what, () => {
      const { errno, log } = verifyText(text, options);
      expect({ errno, messages: messagesOf(log) }).toEqual({
        errno: messages.length === 0 ? 0 : -(options.errno ?? 13),
        messages,
      });
    });
}

const OUT = '\nr0 = 0\nexit';

describe('stack', () => {
  check([
    ['what was written can be read', `r2 = 1\n*(u64 *)(r10 -8) = r2\nr3 = *(u64 *)(r10 -8)${OUT}`, []],
    ['nothing was written', `r2 = *(u64 *)(r10 -8)${OUT}`, ['invalid read from stack off -8+0 size 8']],
    [
      'a part was written',
      `*(u32 *)(r10 -8) = 1\nr2 = *(u64 *)(r10 -8)${OUT}`,
      ['invalid read from stack off -8+4 size 8'],
    ],
    ['above the frame', `*(u64 *)(r10 +0) = 1${OUT}`, ['invalid stack off=0 size=8']],
    ['below the frame', `*(u64 *)(r10 -520) = 1${OUT}`, ['invalid stack off=-520 size=8']],
    ['the last slot', `*(u64 *)(r10 -512) = 1${OUT}`, []],
    ['always aligned', `*(u32 *)(r10 -6) = 1${OUT}`, ['misaligned stack access off (0x0; 0x0)+0+-6 size 4']],
    [
      'at an unknown offset',
      `r2 = *(u32 *)(r1 +0)\nr2 &= 8\nr2 += -16\nr2 += r10\n*(u64 *)(r2 +0) = 1${OUT}`,
      ['variable stack access var_off=(0xfffffffffffffff0; 0x8) off=-16 size=8'],
    ],
    ['a pointer in four bytes', `*(u32 *)(r10 -8) = r1${OUT}`, ['invalid size of register spill']],
    [
      'half of a spilled pointer',
      `*(u64 *)(r10 -8) = r1\nr2 = *(u32 *)(r10 -8)${OUT}`,
      ['invalid size of register fill'],
    ],
    ['half of a spilled number', `r2 = 5\n*(u64 *)(r10 -8) = r2\nr2 = *(u32 *)(r10 -8)${OUT}`, []],
    [
      'data destroys a spilled pointer',
      `*(u64 *)(r10 -8) = r1\n*(u8 *)(r10 -8) = 1\nr2 = *(u64 *)(r10 -8)\nr3 = *(u32 *)(r2 +0)${OUT}`,
      ["R2 invalid mem access 'inv'"],
    ],
    [
      'unprivileged: part of a spilled pointer',
      `*(u64 *)(r10 -8) = r1\n*(u8 *)(r10 -8) = 1${OUT}`,
      ['attempt to corrupt spilled pointer on stack'],
      { unprivileged: true },
    ],
  ]);

  it('keeps constants, pointers and zeros, and nothing else', () => {
    const { log } = verifyText(
      `r2 = *(u32 *)(r1 +0)
       r2 &= 15
       *(u64 *)(r10 -8) = r2
       r3 = -3
       *(u64 *)(r10 -16) = r3
       *(u64 *)(r10 -24) = r1
       r4 = 0
       *(u16 *)(r10 -30) = r4
       r6 = *(u64 *)(r10 -8)
       r7 = *(u64 *)(r10 -16)
       r8 = *(u64 *)(r10 -24)
       r9 = *(u8 *)(r10 -29)
       if r6 > r2 goto +0
       r0 = 0
       exit`,
    );
    expect(log).toContain(' R6_w=inv(id=0) R7_w=inv-3 R8_w=ctx(id=0,off=0,imm=0) R9_w=invP0 R10=fp0');
    expect(log).toContain(' fp-8_w=mmmmmmmm fp-16_w=inv-3 fp-24_w=ctx fp-32=????00??');
  });
});

describe('map values', () => {
  const LEAST = 'R0 min value is outside of the array range';
  check([
    ['the whole value', lookup('big', 'r1 = *(u64 *)(r0 +40)'), []],
    [
      'beyond the value',
      lookup('big', 'r1 = *(u64 *)(r0 +41)'),
      ['invalid access to map value, value_size=48 off=41 size=8', LEAST],
    ],
    [
      'before the value',
      lookup('big', 'r1 = *(u64 *)(r0 -1)'),
      ['invalid access to map value, value_size=48 off=-1 size=8', LEAST],
    ],
    [
      'an index that may be too large',
      lookup('big', 'r1 = *(u32 *)(r0 +0)\nr1 &= 63\nr0 += r1\nr1 = *(u8 *)(r0 +0)'),
      ['invalid access to map value, value_size=48 off=63 size=1', 'R0 max value is outside of the array range'],
    ],
    [
      'an index without a bound',
      lookup('big', 'r1 = *(u32 *)(r0 +0)\nr0 += r1\nr1 = *(u8 *)(r0 +0)'),
      ['R0 unbounded memory access, make sure to bounds check any array access into a map'],
    ],
    [
      'an index that may be negative',
      lookup('big', 'r1 = *(u64 *)(r0 +0)\nif r1 s> 9 goto out\nif r1 s< -9 goto out\nr0 += r1\nr1 = *(u8 *)(r0 +0)'),
      ['R0 min value is negative, either use unsigned index or do a if (index >=0) check.'],
    ],
    [
      'NULL was not ruled out',
      '*(u64 *)(r10 -8) = 0\nr2 = r10\nr2 += -8\nr1 = hash ll\ncall bpf_map_lookup_elem\nr1 = *(u64 *)(r0 +0)\nexit',
      ["R0 invalid mem access 'map_value_or_null'"],
    ],
    [
      'programs may not write it',
      lookup('readonly', '*(u8 *)(r0 +1) = 1'),
      ['write into map forbidden, value_size=48 off=1 size=1'],
    ],
    [
      'programs may not read it',
      lookup('writeonly', 'r1 = *(u8 *)(r0 +1)'),
      ['read from map forbidden, value_size=48 off=1 size=1'],
    ],
    [
      'its spin lock',
      lookup('locked', '*(u32 *)(r0 +4) = 1'),
      ['bpf_spin_lock cannot be accessed directly by load/store'],
      { type: 'SCHED_CLS' },
    ],
    ['beside its spin lock', lookup('locked', '*(u32 *)(r0 +0) = 1'), [], { type: 'SCHED_CLS' }],
    [
      'strict alignment',
      lookup('big', 'r1 = *(u64 *)(r0 +4)'),
      ['misaligned value access off (0x0; 0x0)+0+4 size 8'],
      { prog: { flags: 1 } },
    ],
    ['any alignment wins', lookup('big', 'r1 = *(u64 *)(r0 +4)'), [], { prog: { flags: 3 } }],
  ]);

  it('knows constants of frozen maps', () => {
    const { log, errno } = verifyText('r1 = frozen[0]+8 ll\nr0 = *(u32 *)(r1 +4)\nif r0 == 7 goto +0\nexit');
    expect({ errno, known: log.includes('goto pc+0\nlast_idx') }).toEqual({ errno: 0, known: true });
  });
});

describe('packets', () => {
  const XDP: RigOptions = { type: 'XDP' };
  const packet = (rest: string): string => `r2 = *(u32 *)(r1 +0)\nr3 = *(u32 *)(r1 +4)\n${rest}\nout:\nr0 = 0\nexit`;
  check([
    [
      'without a check',
      packet('r4 = *(u8 *)(r2 +0)'),
      ['invalid access to packet, off=0 size=1, R2(id=0,off=0,r=0)', 'R2 offset is outside of the packet'],
      XDP,
    ],
    ['checked', packet('r4 = r2\nr4 += 14\nif r4 > r3 goto out\nr5 = *(u16 *)(r2 +12)'), [], XDP],
    [
      'one byte too far',
      packet('r4 = r2\nr4 += 14\nif r4 > r3 goto out\nr5 = *(u16 *)(r2 +13)'),
      ['invalid access to packet, off=13 size=2, R2(id=0,off=0,r=14)', 'R2 offset is outside of the packet'],
      XDP,
    ],
    [
      'seen from the end',
      packet('r4 = r2\nr4 += 14\nif r3 >= r4 goto ok\ngoto out\nok:\nr5 = *(u16 *)(r2 +12)'),
      [],
      XDP,
    ],
    [
      'a strict comparison proves a byte less',
      packet('r4 = r2\nr4 += 14\nif r3 > r4 goto ok\ngoto out\nok:\nr5 = *(u16 *)(r2 +12)'),
      ['invalid access to packet, off=12 size=2, R2(id=0,off=0,r=13)', 'R2 offset is outside of the packet'],
      XDP,
    ],
    [
      'after a helper moved the packet',
      packet('r4 = r2\nr4 += 14\nif r4 > r3 goto out\nr6 = r2\nr2 = 0\ncall bpf_xdp_adjust_head\nr5 = *(u8 *)(r6 +0)'),
      ["R6 invalid mem access 'inv'"],
      XDP,
    ],
    [
      'strict alignment counts from two bytes behind',
      packet('r4 = r2\nr4 += 14\nif r4 > r3 goto out\nr5 = *(u32 *)(r2 +0)'),
      ['misaligned packet access off 2+(0x0; 0x0)+0+0 size 4'],
      { ...XDP, prog: { flags: 1 } },
    ],
    ['the end itself', packet('r4 = *(u8 *)(r3 +0)'), ["R3 invalid mem access 'pkt_end'"], XDP],
    [
      'no writing for socket filters',
      'r2 = *(u32 *)(r1 +76)\nr0 = 0\nexit',
      ['invalid bpf_context access off=76 size=4'],
    ],
  ]);
});

describe('contexts', () => {
  check([
    ['a field', `r2 = *(u16 *)(r1 +2)${OUT}`, []],
    ['no field', `r2 = *(u32 *)(r1 +4)${OUT}`, ['invalid bpf_context access off=4 size=4']],
    ['a store', `r2 = 1\n*(u32 *)(r1 +48) = r2${OUT}`, []],
    ['a store that is not allowed', `r2 = 1\n*(u32 *)(r1 +0) = r2${OUT}`, ['invalid bpf_context access off=0 size=4']],
    ['a store of an immediate', `*(u32 *)(r1 +48) = 1${OUT}`, ['BPF_ST stores into R1 ctx is not allowed']],
    [
      'a changed pointer',
      `r1 += 4\nr2 = *(u32 *)(r1 +0)${OUT}`,
      ['dereference of modified ctx ptr R1 off=4 disallowed'],
    ],
    [
      'a pointer changed by an unknown number',
      `r2 = *(u32 *)(r1 +0)\nr2 &= 4\nr1 += r2\nr2 = *(u32 *)(r1 +0)${OUT}`,
      ['variable ctx access var_off=(0x0; 0x4) disallowed'],
    ],
    [
      'one instruction for a context and for a socket',
      `r6 = r1
       r7 = *(u64 *)(r1 +168)
       if r7 == 0 goto skip
       r8 = *(u32 *)(r1 +0)
       if r8 == 0 goto skip
       r6 = r7
       skip:
       r2 = *(u32 *)(r6 +4)${OUT}`,
      ['same insn cannot be used with different pointers'],
      {
        type: 'SCHED_CLS',
        errno: 22,
        ops: {
          isValidAccess: ({ off }) => ({
            regType: off === 168 ? 'PTR_TO_SOCK_COMMON_OR_NULL' : 'SCALAR_VALUE',
            ctxFieldSize: 0,
          }),
        },
      },
    ],
  ]);
});

describe('other kernel objects', () => {
  const socket = (rest: string): string => `r6 = *(u64 *)(r1 +168)\nif r6 == 0 goto out\n${rest}\nout:\nr0 = 0\nexit`;
  const CLS: RigOptions = { type: 'SCHED_CLS' };
  check([
    ['a socket field', socket('r2 = *(u32 *)(r6 +4)'), [], CLS],
    ['no socket field', socket('r2 = *(u32 *)(r6 +8)'), ['R6 invalid sock_common access off=8 size=4'], CLS],
    ['a store to a socket', socket('*(u32 *)(r6 +4) = 1'), ['R6 cannot write into sock_common'], CLS],
    [
      'a socket that may be NULL',
      `r6 = *(u64 *)(r1 +168)\nr2 = *(u32 *)(r6 +4)${OUT}`,
      ["R6 invalid mem access 'sock_common_or_null'"],
      CLS,
    ],
    ['flow keys', `r2 = *(u64 *)(r1 +144)\nr3 = *(u16 *)(r2 +54)${OUT}`, [], { type: 'FLOW_DISSECTOR' }],
    [
      'beyond flow keys',
      `r2 = *(u64 *)(r1 +144)\nr3 = *(u16 *)(r2 +55)${OUT}`,
      ['invalid access to flow keys off=55 size=2'],
      { type: 'FLOW_DISSECTOR' },
    ],
    [
      'a tracepoint buffer',
      `r2 = *(u64 *)(r1 +0)\nr3 = *(u64 *)(r2 +64)${OUT}`,
      [],
      { type: 'RAW_TRACEPOINT_WRITABLE' },
    ],
    [
      'before a tracepoint buffer',
      `r2 = *(u64 *)(r1 +0)\nr3 = *(u64 *)(r2 -8)${OUT}`,
      [
        'R2 invalid tracepoint buffer access: off=-8, size=8processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0',
      ],
      { type: 'RAW_TRACEPOINT_WRITABLE' },
    ],
    ['a number', `r2 = 4096\nr3 = *(u64 *)(r2 +0)${OUT}`, ["R2 invalid mem access 'inv'"]],
    ['a map', `r2 = hash ll\nr3 = *(u64 *)(r2 +0)${OUT}`, ["R2 invalid mem access 'map_ptr'"]],
  ]);

  it('tells how far a tracepoint buffer is used', () => {
    const text = `r2 = *(u64 *)(r1 +0)\nr3 = 1\n*(u32 *)(r2 +60) = r3${OUT}`;
    expect(verifyText(text, { type: 'RAW_TRACEPOINT_WRITABLE' }).verified?.maxTpAccess).toBe(64);
  });
});

describe('atomic additions', () => {
  check([
    ['to the stack', `r2 = 1\n*(u64 *)(r10 -8) = r2\nlock *(u64 *)(r10 -8) += r2${OUT}`, []],
    ['to nothing', `r2 = 1\nlock *(u64 *)(r10 -8) += r2${OUT}`, ['invalid read from stack off -8+0 size 8']],
    ['to the context', `r2 = 1\nlock *(u32 *)(r1 +48) += r2${OUT}`, ['BPF_XADD stores into R1 ctx is not allowed']],
    [
      'always aligned',
      lookup('big', 'r1 = 1\nlock *(u64 *)(r0 +4) += r1'),
      ['misaligned value access off (0x0; 0x0)+0+4 size 8'],
    ],
  ]);
});
