// SPDX-License-Identifier: MIT
// Patchable entries, batches, stepping, observers, life.
import type { ExecObserver, HelperRow } from '@tsbpf/core';
import type { ExecKernel } from '../exec-kernel.ts';
import type { ExecutorCase } from './case.ts';

const GLOBAL = 'mov r1, 3\nmov r2, 4\ncall local f\nadd r0, 1\nexit\nf:\nmov r0, r1\nadd r0, r2\nexit';
const F = 5;

function withGlobal(k: ExecKernel): ReturnType<ExecKernel['load']> {
  return k.load(GLOBAL, { globals: [F] });
}

function batchOf(
  k: ExecKernel,
  asm: string,
  options: { count: number; stride: number; calls?: HelperRow[] },
): number[] {
  const { mem } = k.state;
  const ctx = mem.alloc(8 * 8);
  for (let i = 0; i < 8; i++) mem.write32(ctx + 8 * i, 10 * i);
  const results = mem.alloc(4 * 8);
  const prog = k.load(asm, { calls: options.calls });
  prog.loaded.runBatch({ ctxOff: ctx, strideBytes: options.stride, count: options.count, resultsOff: results });
  return [...Array.from({ length: 5 }, (_, i) => mem.read32(results + 4 * i)), Number(prog.loaded.lastR0)];
}

export const slotCases: readonly ExecutorCase[] = [
  {
    name: 'main and global functions have slots, static ones have none',
    run: (k) => [withGlobal(k).slots.map((slot) => [slot.subprog, slot.name]), k.load(GLOBAL).slots.length],
    expected: [
      [
        [0, 'main'],
        [1, 'f5'],
      ],
      1,
    ],
  },
  {
    name: 'what is attached to a global function answers its calls, from the next one on',
    run(k) {
      const prog = withGlobal(k);
      const [, slot] = prog.slots;
      const results = [k.run(prog)];
      slot.patched = (regs) => {
        slot.body(regs);
        regs.lo[0] += 100 * regs.lo[2];
        regs.hi[0] = 1;
      };
      results.push(k.run(prog));
      slot.patched = undefined;
      results.push(k.run(prog));
      return results;
    },
    expected: [8n, (1n << 32n) + 408n, 8n],
  },
  {
    name: 'what is attached to main answers runs, and may call the body',
    run(k) {
      const ctx = k.ctx();
      k.state.mem.write32(ctx, 20);
      const prog = k.load('ldxw r0, [r1]\nlddw r1, 0x500000000\nadd r0, r1\nexit');
      const [slot] = prog.slots;
      slot.patched = (regs) => {
        prog.loaded.body(regs);
        regs.lo[0]++;
      };
      const results = [prog.loaded.run(ctx), prog.loaded.lastR0];
      slot.patched = undefined;
      return [...results, prog.loaded.run(ctx), prog.loaded.lastR0];
    },
    expected: [21, 0x500000015n, 20, 0x500000014n],
  },
  {
    name: 'a slot may be patched while its function runs',
    run(k) {
      const row = k.helper(
        { retWidth: 'sext', call: () => ((prog.slots[1].patched = (regs) => (regs.lo[0] = 50)), 0) },
        0,
      );
      const asm =
        'mov r1, 1\ncall local f\nmov r6, r0\nmov r1, 1\ncall local f\nlsh r6, 8\nor r0, r6\nexit\nf:\ncall 1\nmov r0, 5\nexit';
      const prog = k.load(asm, { calls: [row], globals: [8] });
      return k.run(prog);
    },
    expected: 0x532n,
  },
  {
    name: 'functions are in the kernel’s text until the program goes',
    run(k) {
      const { text } = k.state;
      const prog = withGlobal(k);
      const names = prog.slots.map((slot) => text.byAddr(slot.addr)?.name);
      const again = withGlobal(k);
      const differs = again.slots[0].addr !== prog.slots[0].addr;
      prog.loaded.unload();
      return [names, differs, prog.slots.map((slot) => text.byAddr(slot.addr)), k.run(again)];
    },
    expected: [['bpf_prog_0000000000000000_main', 'bpf_prog_0000000000000000_f5'], true, [undefined, undefined], 8n],
  },
  {
    name: 'a batch runs once per context',
    run: (k) => batchOf(k, 'ldxw r0, [r1]\nadd r0, 1\nexit', { count: 4, stride: 8 }),
    expected: [1, 11, 21, 31, 0, 31],
  },
  {
    name: 'a batch of stride 0 repeats',
    run: (k) => batchOf(k, 'ldxw r0, [r1]\nadd r0, 1\nstxw [r1], r0\nexit', { count: 3, stride: 0 }),
    expected: [1, 2, 3, 0, 0, 3],
  },
  {
    name: 'helpers in a batch see the context of their run, and nest others',
    run(k) {
      const { mem } = k.state;
      const inner = k.load('call 1\nexit', {
        calls: [k.helper({ retWidth: 'sext', call: (call) => call.ctx & 0xff }, 0)],
      });
      const row = k.helper(
        {
          retWidth: 'sext',
          call(call) {
            const before = call.ctx;
            const results = mem.alloc(8);
            inner.loaded.runBatch({ ctxOff: 0x12300, strideBytes: 1, count: 2, resultsOff: results });
            return mem.read32(call.ctx) + mem.read32(results + 4) + (before === call.ctx ? 0 : 1000);
          },
        },
        0,
      );
      return batchOf(k, 'call 1\nexit', { count: 3, stride: 8, calls: [row] });
    },
    expected: [1, 11, 21, 0, 0, 21],
  },
  {
    name: 'a run steps',
    run(k) {
      const ctx = k.ctx();
      k.state.mem.write32(ctx, 5);
      const prog = k.load('ldxw r0, [r1]\nadd r0, 2\nexit');
      const run = prog.loaded.start(ctx);
      const seen: unknown[] = [];
      while (!run.done) {
        seen.push([run.insnIdx, run.insnIdx === 0 ? 0n : run.reg(0)]);
        run.step();
      }
      return [seen, run.r0, prog.loaded.lastR0, k.state.rcu.depth];
    },
    expected: [
      [
        [0, 0n],
        [1, 5n],
        [2, 7n],
      ],
      7n,
      7n,
      0,
    ],
  },
  {
    name: 'observers see instructions, branches, calls and tail calls, and runs are as without',
    run(k) {
      const seen: string[] = [];
      const observer: ExecObserver = {
        insn: (run) => void seen.push(`${run.insnIdx}`),
        branch: (_run, taken) => void seen.push(taken ? 'taken' : 'not'),
        helperCall: (run, row) => void seen.push(`call ${row.variant} ${run.reg(1)}`),
        helperReturn: (_run, row, r0) => void seen.push(`ret ${row.variant} ${r0}`),
        exit: (_run, r0) => void seen.push(`exit ${r0}`),
      };
      const row = k.helper({ retWidth: 'sext', call: (_call, a) => a + 1 }, 1);
      const prog = k.load('mov r1, 4\ncall 1\njeq r0, 5, +1\nmov r0, 0\nexit', { calls: [row] });
      const stop = k.state.observe(observer);
      const watched = k.run(prog);
      stop();
      return [
        watched,
        seen,
        k.run(prog),
        [...k.state.text.symbols()].filter(({ name }) => name.startsWith('bpf_prog')).length,
      ];
    },
    expected: [5n, ['0', '1', 'call bpf_test 4', 'ret bpf_test 5', '2', 'taken', '4', 'exit 5'], 5n, 1],
  },
  {
    name: 'observed runs enter what is attached, and count tail calls',
    run(k) {
      const array = k.progArray([undefined]);
      const asm = `ldxw r7, [r1]\nadd r7, 1\nstxw [r1], r7\nlddw r2, 0x${array.addr.toString(16)}\nmov r3, 0\nmov r6, r1\ncall 1\nldxw r0, [r6]\nexit`;
      const self = k.load(asm, { calls: [k.row('bpf_tail_call')] });
      k.setProg(array, 0, self);
      let insns = 0;
      const stop = k.state.observe({ insn: () => void insns++ });
      const counted = k.run(self, k.ctx());
      const prog = withGlobal(k);
      prog.slots[1].patched = (regs) => (regs.lo[0] = 30);
      const during = k.run(prog);
      stop();
      const after = k.run(prog);
      prog.slots[1].patched = undefined;
      return [counted, insns > 0, during, after, k.run(prog)];
    },
    expected: [34n, true, 31n, 31n, 8n],
  },
  {
    name: 'code has a size',
    run(k) {
      const { loaded } = withGlobal(k);
      return [loaded.codeBytes > 0, loaded.compileNs >= 0];
    },
    expected: [true, true],
  },
  {
    name: 'runs go on after a checkpoint is restored',
    run(k) {
      const { checkpointables } = k.state;
      const saved = checkpointables.map((part) => part.save());
      const prog = k.load('stdw [r10-512], 3\nmov r1, r10\ncall local f\nexit\nf:\nldxdw r0, [r1-512]\nexit');
      const before = k.run(prog);
      checkpointables.forEach((part, i) => part.restore(saved[i]));
      const fresh = k.state.mem.alloc(8 * 512);
      const after = k.run(k.load('stdw [r10-8], 3\nldxdw r0, [r10-8]\nexit'));
      return [before, after, k.state.mem.read64(fresh + 4088)];
    },
    expected: [3n, 3n, 0n],
  },
];
