// SPDX-License-Identifier: MIT
// syscount counts system calls, and how long they took, by call or by process.
import { expect, it } from 'vitest';
import { describeTool, only, start, us, world, type Settings } from './tool.ts';

type Data = {
  readonly count: bigint;
  readonly total_ns: bigint;
  readonly comm: string;
};

/** Numbers of x86-64. */
const [READ, WRITE, FUTEX] = [0, 1, 202];
const EAGAIN = 11;

describeTool('syscount', (engine) => {
  function count(settings: Settings): [number, Data][] {
    const kernel = world(engine);
    const { tracing } = kernel;
    const { obj } = start(kernel, 'syscount', settings);
    const [dd, redis] = [
      tracing.tasks.create({ pid: 77, comm: 'dd' }),
      tracing.tasks.create({ pid: 88, comm: 'redis' }),
    ];
    const call = (name: string, tookUs: number, ret: number): void =>
      void tracing.syscall(name, [], () => (kernel.state.env.advanceNs(us(tookUs)), ret));
    for (let i = 0; i < 5; i++) {
      tracing.tasks.as(dd, () => (call('read', 20, 512), call('write', 50, 512)));
    }
    tracing.tasks.as(redis, () => (call('read', 3, -EAGAIN), call('futex', 900, 0)));
    return ([...obj.map('data').entries()] as [number, Data][]).sort(([a], [b]) => a - b);
  }

  /** Without -L, the tool does not load the program at the entry. */
  const counts: Settings = (obj) => only(obj, ({ name }) => name === 'sys_exit');

  it('counts each call', () => {
    expect(count(counts).map(([nr, { count: n }]) => [nr, n])).toEqual([
      [READ, 6n],
      [WRITE, 5n],
      [FUTEX, 1n],
    ]);
  });

  it('with -L, sums up the time they took', () => {
    const timed = count((obj) => (obj.rodata['measure_latency'] = true));
    expect(timed.map(([nr, { count: n, total_ns }]) => [nr, n, total_ns])).toEqual([
      [READ, 6n, us(103)],
      [WRITE, 5n, us(250)],
      [FUTEX, 1n, us(900)],
    ]);
  });

  it('with -P, counts by process; with -x, only what failed', () => {
    const byProcess = count((obj) => {
      counts(obj);
      obj.rodata['count_by_process'] = true;
    });
    expect(byProcess.map(([pid, { count: n, comm }]) => [pid, comm, n])).toEqual([
      [77, 'dd', 10n],
      [88, 'redis', 2n],
    ]);
    const failed = count((obj) => {
      counts(obj);
      obj.rodata['filter_failed'] = true;
    });
    expect(failed.map(([nr, { count: n }]) => [nr, n])).toEqual([[READ, 1n]]);
  });
});
