// SPDX-License-Identifier: MIT
// runqlat shows how long tasks that could run waited for a CPU, as a histogram of microseconds.
import { expect, it } from 'vitest';
import type { BpfObject, EngineName } from 'tsbpf';
import { describeTool, log2Hist, only, start, us, world, type Settings } from './tool.ts';

type Hist = {
  readonly slots: number[];
  readonly comm: string;
};

/**
 * `worker` is woken twice while `batch` has the CPU: it waits 5 us for it, then 70 us. Each time `batch` is preempted, and
 * gets the CPU back after 440 us, then 900 us.
 */
function scenario(engine: EngineName, settings: Settings): BpfObject {
  const kernel = world(engine);
  const { obj } = start(kernel, 'runqlat', settings);
  const { tasks } = kernel.tracing;
  const worker = tasks.create({ pid: 31, comm: 'worker', uid: 1000 });
  const batch = tasks.create({ pid: 40, comm: 'batch' });
  tasks.switchTo(batch);
  for (const [waitsUs, runsUs] of [
    [5, 440],
    [70, 900],
  ]) {
    tasks.wakeUp(worker);
    kernel.state.env.advanceNs(us(waitsUs));
    tasks.switchTo(worker, { preempt: true });
    kernel.state.env.advanceNs(us(runsUs));
    tasks.switchTo(batch, { leaves: 'interruptible' });
  }
  return obj;
}

/** Programs that the tool chooses on a kernel with BTF, and without. */
const CHOICES: readonly [string, Settings][] = [
  ['tp_btf', (obj) => only(obj, ({ name }) => !name.startsWith('handle_'))],
  ['raw_tp', (obj) => only(obj, ({ name }) => name.startsWith('handle_'))],
];

describeTool('runqlat', (engine) => {
  it.each(CHOICES)('sums up all tasks, by %s', (_how, choose) => {
    const obj = scenario(engine, choose);
    const [hist] = [...obj.map('hists').values()] as Hist[];
    expect(log2Hist(hist.slots)).toEqual({ '4 -> 7': 1, '64 -> 127': 1, '256 -> 511': 1, '512 -> 1023': 1 });
  });

  it.each(CHOICES)('with -P, tells processes apart, by %s', (_how, choose) => {
    const obj = scenario(engine, (object) => {
      choose(object);
      object.rodata['targ_per_process'] = true;
    });
    const byPid = Object.fromEntries(
      ([...obj.map('hists').entries()] as [number, Hist][]).map(([pid, hist]) => [
        `${pid} ${hist.comm}`,
        log2Hist(hist.slots),
      ]),
    );
    expect(byPid).toEqual({
      '31 worker': { '4 -> 7': 1, '64 -> 127': 1 },
      '40 batch': { '256 -> 511': 1, '512 -> 1023': 1 },
    });
  });

  it('with -m, counts milliseconds', () => {
    const obj = scenario(engine, (object) => {
      CHOICES[0][1](object);
      object.rodata['targ_ms'] = true;
    });
    const [hist] = [...obj.map('hists').values()] as Hist[];
    expect(log2Hist(hist.slots)).toEqual({ '0 -> 1': 4 });
  });
});
