// SPDX-License-Identifier: MIT
// softirqs sums up the time that soft interrupts take, by vector.
import { expect, it } from 'vitest';
import { describeTool, log2Hist, only, start, us, world, type Settings } from './tool.ts';

const [NET_RX, RCU] = [3, 9];

describeTool('softirqs', (engine) => {
  function run(isRaw: boolean, settings: Settings = () => undefined) {
    const kernel = world(engine);
    const { obj } = start(kernel, 'softirqs', (object) => {
      only(object, ({ name }) => name.endsWith('_btf') !== isRaw);
      settings(object);
    });
    const softirq = (vec: number, tookUs: number): void => {
      kernel.tracing.emit('softirq_entry', vec);
      kernel.state.env.advanceNs(us(tookUs));
      kernel.tracing.emit('softirq_exit', vec);
    };
    softirq(NET_RX, 40);
    softirq(RCU, 3);
    // Each CPU has its own.
    kernel.tracing.tasks.onCpu(1);
    softirq(NET_RX, 100);
    return obj;
  }

  it.each([
    ['tp_btf', false],
    ['raw_tp', true],
  ])('SOFTIRQ TOTAL_usecs, by %s', (_how, isRaw) => {
    const { counts } = run(isRaw).bss as { counts: bigint[] };
    expect([counts[NET_RX], counts[RCU]]).toEqual([140n, 3n]);
  });

  it('with -d, distributions', () => {
    const { hists } = run(true, (obj) => (obj.rodata['targ_dist'] = true)).bss as { hists: { slots: number[] }[] };
    expect(log2Hist(hists[NET_RX].slots)).toEqual({ '32 -> 63': 1, '64 -> 127': 1 });
  });
});
