// SPDX-License-Identifier: MIT
// Helpers, overrides, nested runs.
import { EINVAL, UsageError } from '@tsbpf/uapi';
import type { HelperCall } from '@tsbpf/core';
import type { ExecutorCase } from './case.ts';
import { thrown } from './case.ts';

const WIDE = 'lddw r2, 0x1122334455667788\nmov r1, 1\nmov r3, 3\nmov r4, -4\nmov r5, 5\ncall 1\nexit';
const CALL = 'call 1\nexit';

export const callCases: readonly ExecutorCase[] = [
  {
    name: 'results are widened as the row says',
    run(k) {
      const of = (retWidth: 'sext' | 'zext' | 'ptr', low: number): bigint =>
        k.run(k.load(CALL, { calls: [k.helper({ retWidth, call: () => low })] }));
      const pointer = of('ptr', 0x20000) === k.state.mem.toAddr(0x20000);
      return [of('sext', -5), of('zext', -5), pointer, of('ptr', 0)];
    },
    expected: [0xfffffffffffffffbn, 0xfffffffbn, true, 0n],
  },
  {
    name: 'high words go in and out',
    run(k) {
      const seen: number[] = [];
      const row = k.helper({
        retWidth: 'words',
        wideArgs: [2, 4],
        call(call, ...words) {
          seen.push(...words, call.argHi[2], call.argHi[4]);
          call.retHi = -2;
          return 7;
        },
      });
      return [k.run(k.load(WIDE, { calls: [row] })), seen];
    },
    expected: [0xfffffffe00000007n, [1, 0x55667788, 3, -4, 5, 0x11223344, -1]],
  },
  {
    name: 'helpers see program, context and the run in progress',
    run(k) {
      const ctx = k.ctx();
      let seen: unknown;
      const note = (call: HelperCall): number => {
        seen = [call.prog === prog, call.ctx === ctx, k.state.currentCall?.ctx === ctx, call.kernel === k.state];
        return 0;
      };
      const prog = k.load(CALL, { calls: [k.helper({ retWidth: 'sext', call: note })] });
      k.run(prog, ctx);
      return [seen, k.state.currentCall];
    },
    expected: [[true, true, true, true], undefined],
  },
  {
    name: 'memory that grows in a helper is there behind it',
    run(k) {
      const row = k.helper({ retWidth: 'ptr', call: () => k.state.mem.alloc(64 << 20) });
      return k.run(
        k.load('call 1\nstdw [r0+1048576], 42\nldxdw r0, [r0+1048576]\nexit'.replaceAll('1048576', '32000'), {
          calls: [row],
        }),
      );
    },
    expected: 42n,
  },
  {
    name: 'overrides hold from the next run until they end',
    run(k) {
      const prog = k.load(CALL, { calls: [k.row('bpf_get_smp_processor_id')] });
      k.state.env.cpu = 1;
      const before = k.run(prog);
      const stop = k.state.overrideHelper(
        'bpf_get_smp_processor_id',
        (original) =>
          (call, ...args) =>
            (original?.(call, ...args) ?? 0) + 40,
      );
      const during = k.run(prog);
      const loadedThen = k.run(k.load(CALL, { calls: [k.row('bpf_get_smp_processor_id')] }));
      stop();
      return [before, during, loadedThen, k.run(prog)];
    },
    expected: [1n, 41n, 41n, 1n],
  },
  {
    name: 'the CPU a helper moves to is the CPU from there on',
    run(k) {
      const move = k.helper({ retWidth: 'sext', call: () => (k.state.env.cpu = 1) });
      const cpu = k.row('bpf_get_smp_processor_id');
      return k.run(
        k.load('call 1\nmov r6, r0\ncall 1\ncall 1\nlsh r0, 8\nor r0, r6\nexit', { calls: [cpu, move, cpu] }),
      );
    },
    expected: 0x100n,
  },
  {
    name: 'runs nest: stacks, contexts and high words are each one’s own',
    run(k) {
      const [outerCtx, innerCtx] = [k.ctx(), k.ctx()];
      const seen: boolean[] = [];
      const inner = k.load('stdw [r10-8], 99\nstdw [r10-512], 99\nlddw r4, 0x900000000\ncall 1\nmov r0, 3\nexit', {
        calls: [
          k.helper({ retWidth: 'sext', wideArgs: [4], call: (call) => (seen.push(call.ctx === innerCtx), 0) }, 4),
        ],
      });
      const nest = k.helper(
        {
          retWidth: 'sext',
          wideArgs: [4],
          call(call) {
            const r0 = inner.loaded.run(innerCtx);
            seen.push(call.ctx === outerCtx, call.argHi[4] === 5, k.state.currentCall?.ctx === outerCtx);
            return r0;
          },
        },
        4,
      );
      const outer = k.load(
        'stdw [r10-8], 1\nstdw [r10-512], 10\nlddw r4, 0x500000000\ncall 1\nldxdw r1, [r10-8]\nadd r0, r1\nldxdw r1, [r10-512]\nadd r0, r1\nexit',
        { calls: [nest] },
      );
      return [k.run(outer, outerCtx), seen];
    },
    expected: [14n, [true, true, true, true]],
  },
  {
    name: 'what a helper throws ends the run, and the next one is well',
    run(k) {
      let fail = true;
      const row = k.helper({
        retWidth: 'sext',
        call() {
          if (fail) throw new UsageError('of the helper', { errno: EINVAL });
          return 8;
        },
      });
      const prog = k.load(CALL, { calls: [row] });
      const error = thrown(() => k.run(prog));
      fail = false;
      return [error, k.state.currentCall, k.run(prog)];
    },
    expected: [{ name: 'UsageError', errno: 22 }, undefined, 8n],
  },
  {
    name: 'an access beyond the memory is a fault',
    run(k) {
      const prog = k.load('mov32 r1, 0xfffffff0\nldxdw r0, [r1]\nexit');
      return [thrown(() => k.run(prog)), k.state.currentCall, k.run(k.load('mov r0, 1\nexit'))];
    },
    expected: [{ name: 'FaultError', errno: 14 }, undefined, 1n],
  },
  {
    name: 'a helper without a body cannot be loaded',
    run(k) {
      const gap = { ...k.helper({ retWidth: 'sext', call: () => 0 }), impl: undefined };
      return thrown(() => k.load(CALL, { calls: [gap] }));
    },
    expected: { name: 'NotSupportedError', errno: 38 },
  },
];
