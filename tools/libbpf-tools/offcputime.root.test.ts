// SPDX-License-Identifier: MIT
// offcputime sums up how long tasks were off the CPU, by the call stacks at which they left it.
import { expect, it } from 'vitest';
import { describeTool, ms, start, us, world } from './tool.ts';

type Key = { pid: number; tgid: number; user_stack_id: number; kern_stack_id: number };
type Value = { delta: bigint; comm: string };

const SLEEP = [0xffffffff81a00010n, 0xffffffff81a00200n, 0xffffffff810f0000n];
const READ = [0xffffffff81a00010n, 0xffffffff81300040n];
const MAIN = [0x401136n, 0x7f1234567890n];

describeTool('offcputime', (engine) => {
  it('counts microseconds by task and stack', () => {
    const kernel = world(engine);
    const { tasks, stacks } = kernel.tracing;
    const { obj } = start(kernel, 'offcputime', (object) => {
      // Its options --perf-max-stack-depth and --stack-storage-size.
      object.map('stackmap').valueSize = 127 * 8;
      object.map('stackmap').maxEntries = 1024;
      object.rodata['min_block_ns'] = us(1);
    });
    const [sh, idle] = [tasks.create({ pid: 70, comm: 'sh' }), tasks.create({ pid: 0, comm: 'swapper/0' })];
    stacks.user = MAIN;
    const off = (kernelStack: readonly bigint[], forMs: number): void => {
      stacks.kernel = kernelStack;
      tasks.switchTo(idle, { leaves: 'interruptible' });
      kernel.state.env.advanceNs(ms(forMs));
      tasks.switchTo(sh);
      kernel.state.env.advanceNs(ms(1));
    };
    tasks.switchTo(sh);
    off(SLEEP, 500);
    off(READ, 20);
    off(SLEEP, 250);

    const stack = (id: number): bigint[] => {
      const bytes = obj.map('stackmap').getBytes(new Uint8Array(Uint32Array.of(id).buffer)) ?? new Uint8Array();
      return [...new BigUint64Array(bytes.slice().buffer)].filter((frame) => frame !== 0n);
    };
    const sums = ([...obj.map('info').entries()] as [Key, Value][])
      .filter(([{ pid }]) => pid === 70)
      .map(([key, { delta, comm }]) => ({
        ...{ comm, us: delta, kernel: stack(key.kern_stack_id), user: stack(key.user_stack_id) },
      }))
      .sort((a, b) => Number(b.us - a.us));
    expect(sums).toEqual([
      { comm: 'sh', us: 750_000n, kernel: SLEEP, user: MAIN },
      { comm: 'sh', us: 20_000n, kernel: READ, user: MAIN },
    ]);
  });
});
