// SPDX-License-Identifier: MIT
// runqslower prints each task that waited for a CPU longer than a limit.
import { expect, it } from 'vitest';
import { describeTool, events, only, seconds, start, us, world, type Layout } from './tool.ts';

const EVENT: Layout = {
  ...{ task: 'char[16]', prev_task: 'char[16]', delta_us: 'u64', pid: 's32', prev_pid: 's32' },
};

describeTool('runqslower', (engine) => {
  it.each([
    ['tp_btf', false],
    ['raw_tp', true],
  ])('prints who waited at least 10 ms, and for whom, by %s', (_how, isRaw) => {
    const kernel = world(engine);
    const { tasks } = kernel.tracing;
    const tool = start(kernel, 'runqslower', (obj) => {
      only(obj, ({ name }) => name.startsWith('handle_') === isRaw);
      obj.rodata['min_us'] = 10_000n;
    });
    const ring = events(tool, EVENT);
    const [hog, cron, ksoftirqd] = [
      tasks.create({ pid: 900, comm: 'hog' }),
      tasks.create({ pid: 512, comm: 'cron' }),
      tasks.create({ pid: 9, comm: 'ksoftirqd/0' }),
    ];
    tasks.switchTo(hog);
    kernel.state.env.advanceNs(seconds(1));
    tasks.wakeUp(cron);
    kernel.state.env.advanceNs(us(1200));
    tasks.wakeUp(ksoftirqd);
    kernel.state.env.advanceNs(us(300));
    tasks.switchTo(ksoftirqd, { preempt: true });
    kernel.state.env.advanceNs(us(15_000));
    tasks.switchTo(cron, { leaves: 'interruptible' });

    // COMM TID LAT(us) PREV-COMM PREV-TID, as with -P
    const printed = ring.rows().map((row) => [row.task, row.pid, row.delta_us, row.prev_task, row.prev_pid].join(' '));
    expect(printed).toEqual(['cron 512 16500 ksoftirqd/0 9']);
  });
});
