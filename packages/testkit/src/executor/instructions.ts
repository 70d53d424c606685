// SPDX-License-Identifier: MIT
// What single instructions do.
import { isKernelAddr } from '@tsbpf/memory';
import type { ExecutorCase } from './case.ts';

const M = 0xffffffffffffffffn;

/** Assembly and R0. */
const R0: readonly (readonly [asm: string, r0: bigint])[] = [
  ['mov r0, -1\nexit', M],
  ['mov32 r0, -1\nexit', 0xffffffffn],
  ['lddw r0, 0x8000000000000001\nexit', 0x8000000000000001n],
  ['mov r0, 7\ndiv r0, 0\nexit', 0n],
  ['mov r0, 7\nmov r1, 0\ndiv r0, r1\nexit', 0n],
  ['mov r0, -7\nmov r1, 0\nmod r0, r1\nexit', M - 6n],
  ['mov r0, -7\nmov r1, 0\nmod32 r0, r1\nexit', 0xfffffff9n],
  ['lddw r0, 0x8000000000000000\nmov r1, -1\nsdiv r0, r1\nexit', 0x8000000000000000n],
  ['lddw r0, 0x8000000000000000\nsdiv r0, -1\nexit', 0x8000000000000000n],
  ['lddw r0, 0x8000000000000000\nmov r1, -1\nsmod r0, r1\nexit', 0n],
  ['mov32 r0, 0x80000000\nmov r1, -1\nsdiv32 r0, r1\nexit', 0x80000000n],
  ['mov32 r0, 0x80000000\nmov r1, -1\nsmod32 r0, r1\nexit', 0n],
  ['mov r0, -13\nsdiv r0, 4\nexit', M - 2n],
  ['mov r0, -13\nsmod r0, 4\nexit', M],
  ['mov r0, 1\nmov r1, 65\nlsh r0, r1\nexit', 2n],
  ['mov r0, 1\nmov r1, 33\nlsh32 r0, r1\nexit', 2n],
  ['mov r0, -8\narsh r0, 1\nexit', M - 3n],
  ['mov r0, -8\narsh32 r0, 1\nexit', 0xfffffffcn],
  ['lddw r0, 0x1122334455667788\nbe16 r0\nexit', 0x8877n],
  ['lddw r0, 0x1122334455667788\nbe32 r0\nexit', 0x88776655n],
  ['lddw r0, 0x1122334455667788\nbe64 r0\nexit', 0x8877665544332211n],
  ['lddw r0, 0x1122334455667788\nle16 r0\nexit', 0x7788n],
  ['lddw r0, 0x1122334455667788\nbswap32 r0\nexit', 0x88776655n],
  ['lddw r0, 0x1122334455667788\nneg32 r0\nexit', 0xaa998878n],
  ['mov r1, 0x80\nmovsx864 r0, r1\nexit', M - 0x7fn],
  ['mov r1, 0x8000\nmovsx1632 r0, r1\nexit', 0xffff8000n],
  ['stdw [r10-8], -2\nldxw r0, [r10-8]\nexit', 0xfffffffen],
  ['stdw [r10-8], -2\nldxsw r0, [r10-8]\nexit', M - 1n],
  ['stdw [r10-8], 0x80\nldxsb r0, [r10-8]\nexit', M - 0x7fn],
  ['mov r2, r10\nadd r2, -16\nstdw [r2+8], 5\nldxdw r0, [r10-8]\nexit', 5n],
  ['mov r0, 0\nmov r1, -1\njsgt r1, 0, +1\nmov r0, 1\nexit', 1n],
  ['mov r0, 0\nmov r1, -1\njgt r1, 0, +1\nmov r0, 1\nexit', 0n],
  ['mov r0, 0\nlddw r1, 0x100000000\njeq32 r1, 0, +1\nmov r0, 1\nexit', 0n],
  ['mov r0, 0\nlddw r1, 0x8000000000000000\njset r1, -1, +1\nmov r0, 1\nexit', 0n],
  ['stdw [r10-8], 5\nmov r1, 3\nlock fetch add [r10-8], r1\nldxdw r0, [r10-8]\nadd r0, r1\nexit', 13n],
  ['stdw [r10-8], 5\nmov r0, 5\nmov r1, 9\nlock cmpxchg [r10-8], r1\nldxdw r1, [r10-8]\nadd r0, r1\nexit', 14n],
  ['stdw [r10-8], 5\nmov r0, 6\nmov r1, 9\nlock cmpxchg [r10-8], r1\nldxdw r1, [r10-8]\nadd r0, r1\nexit', 10n],
  ['stdw [r10-8], -1\nmov r1, 1\nlock add32 [r10-8], r1\nldxdw r0, [r10-8]\nexit', 0xffffffff00000000n],
];

/** Two entries of a loop, so that no structured control flow fits. */
const TANGLE = `
mov r0, 0
mov r6, 5
ldxw r2, [r1]
jeq r2, 0, middle
start:
add r0, 100
middle:
add r0, 1
sub r6, 1
jne r6, 0, start
exit`;

const CALLS = `
mov r6, 6
mov r7, 7
mov r8, 8
mov r9, 9
stdw [r10-8], 1000
mov r1, 1
mov r2, 2
mov r3, 3
mov r4, 4
mov r5, 5
call local f
ldxdw r1, [r10-8]
add r0, r1
add r0, r6
add r0, r7
add r0, r8
add r0, r9
exit
f:
stdw [r10-8], 7
mov r6, 50
mov r7, 50
mov r8, 50
mov r9, 50
mov r0, r1
add r0, r2
add r0, r3
add r0, r4
add r0, r5
call local g
exit
g:
add r0, 0
mov r0, 10
exit`;

export const instructionCases: readonly ExecutorCase[] = [
  ...R0.map(([asm, r0]) => ({
    name: asm.split('\n').join('; '),
    run: (k: Parameters<ExecutorCase['run']>[0]) => k.run(k.load(asm)),
    expected: r0,
  })),
  {
    name: 'R1 is the address of the context, or NULL',
    run(k) {
      const prog = k.load('mov r0, r1\nexit');
      const ctx = k.ctx();
      return [k.run(prog, ctx) === k.state.mem.toAddr(ctx), isKernelAddr(k.run(prog, ctx)), k.run(prog, 0)];
    },
    expected: [true, true, 0n],
  },
  {
    name: 'a loop with two entries',
    run(k) {
      const prog = k.load(TANGLE);
      const ctx = k.ctx();
      const zero = k.run(prog, ctx);
      k.state.mem.write32(ctx, 1);
      return [zero, k.run(prog, ctx)];
    },
    expected: [405n, 505n],
  },
  {
    name: 'functions have frames and callee-saved registers of their own',
    run: (k) => k.run(k.load(CALLS)),
    expected: 1040n,
  },
  {
    name: 'run answers the low word, lastR0 all of it',
    run(k) {
      const prog = k.load('lddw r0, 0xfedcba9876543210\nexit');
      return [prog.loaded.run(0), prog.loaded.lastR0];
    },
    expected: [0x76543210, 0xfedcba9876543210n],
  },
];
