// SPDX-License-Identifier: MIT
import type { BpfProg } from '@tsbpf/core';
import type { ExecKernel, ExecProg } from '../exec-kernel.ts';
import type { ExecutorCase } from './case.ts';

/** Counts in the context, then calls entry `index` of the array at R2; R0 is 1 where that fails. */
const jump = (index: number | string): string =>
  `mov r6, r1\nldxw r7, [r1]\nadd r7, 1\nstxw [r1], r7\nlddw r2, MAP\nmov r3, ${index}\ncall 1\nmov r0, 1\nldxw r1, [r6]\nlsh r1, 8\nor r0, r1\nexit`;

/** A program that tail-calls into an array; `known`: the call's map is known when it is loaded. */
function caller(k: ExecKernel, array: ReturnType<ExecKernel['map']>, asm: string, known = true): ExecProg {
  const insns = asm.replaceAll('MAP', `0x${array.addr.toString(16)}`);
  const at = insns.split('\n').findIndex((line) => line.startsWith('call 1')) + 1;
  return k.load(insns, {
    calls: [k.row('bpf_tail_call')],
    aux: known ? { [at]: { map: array } } : {},
  });
}

export const tailCallCases: readonly ExecutorCase[] = [
  ...[true, false].flatMap((known): ExecutorCase[] => [
    {
      name: `33 tail calls succeed; the map is ${known ? 'known' : 'not known'}`,
      run(k) {
        const array = k.progArray([undefined]);
        const prog = caller(k, array, jump(0), known);
        k.setProg(array, 0, prog);
        const ctx = k.ctx();
        const results = [k.run(prog, ctx)];
        k.state.mem.write32(ctx, 0);
        results.push(k.run(prog, ctx));
        return results;
      },
      expected: [(34n << 8n) | 1n, (34n << 8n) | 1n],
    },
    {
      name: `empty slots and indices beyond the end fall through; the map is ${known ? 'known' : 'not known'}`,
      run(k) {
        const array = k.progArray([k.load('mov r0, 7\nexit'), undefined]);
        return [0, 1, 2, -1].map((index) => k.run(caller(k, array, jump(index), known), k.ctx()));
      },
      expected: [7n, 0x101n, 0x101n, 0x101n],
    },
  ]),
  {
    name: 'slots of an array change between runs',
    run(k) {
      const array = k.progArray([k.load('mov r0, 7\nexit')]);
      const prog = caller(k, array, jump(0));
      const ctx = k.ctx();
      const results = [k.run(prog, ctx), k.run(prog, ctx)];
      const other = k.load('ldxw r0, [r1]\nadd r0, 100\nexit');
      k.setProg(array, 0, other);
      k.state.mem.write32(ctx, 0);
      results.push(k.run(prog, ctx));
      k.setProg(array, 0, undefined);
      k.state.mem.write32(ctx, 0);
      results.push(k.run(prog, ctx));
      return results;
    },
    expected: [7n, 7n, 101n, 0x101n],
  },
  {
    name: 'the target calls helpers as itself, with the context',
    run(k) {
      const ctx = k.ctx();
      let seen: unknown;
      const target: BpfProg = k.load('call 1\nexit', {
        calls: [
          k.helper({
            retWidth: 'sext',
            call: (call) => ((seen = [call.prog === target, call.ctx === ctx]), 9),
          }),
        ],
      });
      return [k.run(caller(k, k.progArray([target]), jump(0)), ctx), seen];
    },
    expected: [9n, [true, true]],
  },
  {
    name: 'a tail call enters behind what is attached',
    run(k) {
      const target = k.load('mov r0, 7\nexit');
      target.slots[0].patched = (regs) => (regs.lo[0] = 70);
      return [k.run(target), k.run(caller(k, k.progArray([target]), jump(0)), k.ctx())];
    },
    expected: [70n, 7n],
  },
  {
    name: 'from a function the target takes the place of that function, and counts go on',
    run(k) {
      const array = k.progArray([undefined, undefined]);
      const leaf = k.load('stdw [r10-8], 5\nldxw r0, [r1]\nexit');
      const asm = `mov r6, r1\nstdw [r10-8], 1000\ncall local f\nldxdw r1, [r10-8]\nadd r0, r1\nexit\nf:\n${jump(0)}`;
      const prog = caller(k, array, asm);
      k.setProg(array, 0, leaf);
      const once = k.run(prog, k.ctx());
      k.setProg(array, 0, prog);
      return [once, k.run(prog, k.ctx()) >> 8n];
    },
    // The 34th finds 33 behind it; each of the 34 activations adds 1000 on the way back.
    expected: [1001n, ((34n << 8n) + 1n + 34000n) >> 8n],
  },
  {
    name: 'a target that goes leaves nothing behind, though another gets its place',
    run(k) {
      const array = k.progArray([undefined]);
      const prog = caller(k, array, jump(0));
      const first = k.load('mov r0, 7\nexit');
      k.setProg(array, 0, first);
      const ctx = k.ctx();
      const results = [k.run(prog, ctx), k.run(prog, ctx), k.run(prog, ctx)];
      k.setProg(array, 0, undefined);
      k.unload(first);
      const second = k.load('mov r0, 8\nexit');
      k.setProg(array, 0, second);
      results.push(k.run(prog, ctx), k.run(prog, ctx), k.run(prog, ctx));
      return [second.off === first.off, results];
    },
    expected: [true, [7n, 7n, 7n, 8n, 8n, 8n]],
  },
  {
    name: 'programs that call each other keep results, slots and helpers',
    run(k) {
      const array = k.progArray([undefined, undefined]);
      const cpu = k.load('call 1\nadd r0, 100\nmov r1, 1\ncall local f\nexit\nf:\nadd r0, 0\nmov r0, 7\nexit', {
        calls: [k.row('bpf_get_smp_processor_id')],
        globals: [5],
      });
      const last = k.load('call 1\nadd r0, 100\nexit', { calls: [k.row('bpf_get_smp_processor_id')] });
      const prog = caller(k, array, jump(1));
      k.setProg(array, 0, cpu);
      k.setProg(array, 1, last);
      const ctx = k.ctx();
      const alone = k.run(last, ctx);
      const results = [k.run(prog, ctx), last.loaded.lastR0 === alone, k.run(prog, ctx)];
      k.setProg(array, 1, cpu);
      results.push(k.run(prog, ctx), k.run(prog, ctx));
      cpu.slots[1].patched = (regs) => (regs.lo[0] = 9);
      results.push(k.run(prog, ctx));
      cpu.slots[1].patched = undefined;
      k.setProg(array, 1, last);
      const stop = k.state.overrideHelper('bpf_get_smp_processor_id', () => () => 5);
      results.push(k.run(prog, ctx), k.run(prog, ctx));
      stop();
      return [...results, k.run(prog, ctx), k.run(prog, ctx)];
    },
    expected: [100n, true, 100n, 7n, 7n, 9n, 105n, 105n, 100n, 100n],
  },
];
