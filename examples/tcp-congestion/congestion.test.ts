// SPDX-License-Identifier: MIT
// The three congestion controls: that they carry data, that they do what their RFCs say, and that the built-in ones do
// the same, packet for packet.
import { describe, expect, it } from 'vitest';
import type { TcpSim } from 'tsbpf';
import { kernelWithControls, packetsOf, type Scenario } from './world.ts';

const kernel = kernelWithControls({ engine: 'jit' });
const LINK = { rateBps: 100e6, delayNs: 10e6 };
const MARKING = { ...LINK, ecnPackets: 30 };

describe.each(['interpreter', 'checked', 'jit'] as const)('%s', (engine) => {
  const own = kernelWithControls(engine === 'checked' ? { checked: true } : { engine });

  it.each(['bpf_reno', 'bpf_cubic', 'bpf_dctcp'])('%s carries connections to completion', (cc) => {
    const sim = own.tcp.simulate({ links: [{ ...MARKING, loss: 0.002 }] });
    const sizes = [3_000_000, 1, 1448, 700_001];
    const flows = sizes.map((bytes, i) => sim.addFlow({ cc, bytes, startNs: i * 50e6 }));
    sim.runUntil(60e9);
    expect(sim.finishedAll).toBe(true);
    expect(flows.map(({ receiver }) => receiver.bytesBefore(receiver.rcvNxt))).toEqual(sizes);
    expect(flows[0].sender.totalRetrans).toBeGreaterThan(0);
    sim.close();
  });
});

const SCENARIOS: readonly (readonly [string, Scenario])[] = [
  ['two connections', { links: [LINK], seconds: 10, flows: [{}, { at: 1 }] }],
  ['random loss', { links: [{ ...LINK, loss: 0.003, seed: 7 }], seconds: 10, flows: [{}, {}, { at: 2 }] }],
  ['heavy loss, timeouts', { links: [{ ...LINK, loss: 0.08, seed: 3 }], seconds: 20, flows: [{}, {}] }],
  ['marks', { links: [MARKING], ecn: true, seconds: 10, flows: [{}, { at: 0.5 }] }],
  [
    'unequal round trips over two links',
    {
      links: [LINK, { rateBps: 40e6, delayNs: 5e6, queuePackets: 30 }],
      seconds: 15,
      flows: [{}, { furtherMs: 40 }, { furtherMs: 5, at: 3 }],
    },
  ],
  ['thirty connections', { links: [LINK], seconds: 5, flows: Array.from({ length: 30 }, (_, i) => ({ at: i / 50 })) }],
  [
    'a delay that leaps: timeouts that were none',
    {
      links: [LINK],
      seconds: 8,
      flows: [{}],
      delay: [
        [3, 400],
        [5, 10],
      ],
    },
  ],
];

describe.each(['reno', 'cubic'])('%s as a program is the built-in one, packet for packet', (cc) => {
  it.each(SCENARIOS)('%s', (_name, scenario) => {
    const builtIn = packetsOf(kernel, cc, scenario);
    const program = packetsOf(kernel, `bpf_${cc}`, scenario);
    expect(program.length).toBeGreaterThan(500);
    expect(program.findIndex((packet, i) => packet !== builtIn[i])).toBe(-1);
    expect(program).toHaveLength(builtIn.length);
  });
});

it('a simulation is the same every time', () => {
  const [, scenario] = SCENARIOS[1];
  const [one, two] = [packetsOf(kernel, 'bpf_dctcp', scenario), packetsOf(kernel, 'bpf_dctcp', scenario)];
  expect(one.every((packet, i) => packet === two[i]) && one.length === two.length).toBe(true);
});

/** Calls `look` at steps of simulated time. */
function watch(sim: TcpSim, fromNs: number, toNs: number, stepNs: number, look: (nowNs: number) => void): void {
  for (let nowNs = fromNs; nowNs <= toNs; nowNs += stepNs) {
    sim.runUntil(nowNs);
    look(nowNs);
  }
}

describe('reno', () => {
  it('halves its window at a loss, and grows by a segment in a round trip', () => {
    const sim = kernel.tcp.simulate({ links: [LINK] });
    const { sender } = sim.addFlow({ cc: 'bpf_reno' });
    const halvings: number[] = [];
    let before = 0;
    let wasOpen = true;
    watch(sim, 2e9, 40e9, 1e6, () => {
      const open = sender.caState < 2;
      if (wasOpen && !open) halvings.push(sender.ssthresh - (before >> 1));
      // What it left recovery with is the threshold.
      if (!wasOpen && open) expect(Math.abs(sender.cwnd - sender.ssthresh)).toBeLessThanOrEqual(1);
      if (open) before = sender.cwnd;
      wasOpen = open;
    });
    expect(halvings.length).toBeGreaterThan(5);
    // Between two looks the window may have grown by one.
    expect(halvings.every((off) => Math.abs(off) <= 1)).toBe(true);

    const fixed = kernel.tcp.simulate({ links: [{ rateBps: 1e9, delayNs: 50e6 }] });
    const other = fixed.addFlow({ cc: 'bpf_reno' }).sender;
    fixed.runUntil(0.15e9);
    other.ssthresh = 20;
    fixed.runUntil(2e9);
    const at2s = other.cwnd;
    fixed.runUntil(12e9);
    // 100 ms there and back, and delayed acknowledgements that cover two segments each.
    expect(other.cwnd - at2s).toBeGreaterThanOrEqual(94);
    expect(other.cwnd - at2s).toBeLessThanOrEqual(100);
    sim.close();
    fixed.close();
  });
});

describe('cubic', () => {
  it.each([
    ['a long path', 60, { rateBps: 100e6, delayNs: 50e6 }],
    ['a shorter path', 60, { rateBps: 100e6, delayNs: 20e6 }],
    ['a short path, where Reno would be faster', 30, { rateBps: 50e6, delayNs: 4e6 }],
  ])('keeps close to the curve of RFC 9438 between losses: %s', (_name, seconds, link) => {
    const [C, BETA] = [0.4, 0.7];
    const ALPHA = (3 * (1 - BETA)) / (1 + BETA);
    const sim = kernel.tcp.simulate({ links: [link] });
    const { sender } = sim.addFlow({ cc: 'bpf_cubic' });
    let [wMax, before, lastWindow, epochs] = [0, 0, 0, 0];
    let epoch: { atNs: number; cwnd: number; wMax: number; k: number; prior: number; est: number } | undefined;
    let reducing = false;
    const errors: number[] = [];
    const stepNs = 1e6;
    watch(sim, 5e9, seconds * 1e9, stepNs, (nowNs) => {
      const isReducing = sender.caState >= 2;
      if (isReducing && !reducing) {
        before = lastWindow;
        wMax = before < wMax ? (before * (1 + BETA)) / 2 : before;
        epoch = undefined;
      } else if (!isReducing && reducing) {
        const cwnd = sender.cwnd;
        epoch = { atNs: nowNs, cwnd, wMax, k: Math.cbrt((wMax - cwnd) / C), prior: before, est: cwnd };
        epochs++;
      }
      reducing = isReducing;
      lastWindow = sender.cwnd;
      if (epoch === undefined || epochs < 2) return;
      const t = (nowNs - epoch.atNs) / 1e9;
      const rtt = (sender.srttUs >> 3) / 1e6;
      epoch.est += (stepNs / 1e9 / rtt) * (epoch.est < epoch.prior ? ALPHA : 1);
      const curve = Math.max(C * (t - epoch.k) ** 3 + epoch.wMax, epoch.est);
      errors.push(Math.abs(sender.cwnd - curve) / curve);
    });
    expect(epochs).toBeGreaterThan(2);
    expect(errors.length).toBeGreaterThan(10_000);
    expect(Math.max(...errors)).toBeLessThan(0.05);
    sim.close();
  });

  it('falls to 70% of its window', () => {
    const sim = kernel.tcp.simulate({ links: [LINK] });
    const { sender } = sim.addFlow({ cc: 'bpf_cubic' });
    let [before, falls] = [0, 0];
    watch(sim, 2e9, 30e9, 1e6, () => {
      if (sender.caState >= 2 && before > 0) {
        expect(Math.abs(sender.ssthresh - before * 0.7)).toBeLessThanOrEqual(1.7);
        falls++;
        before = 0;
      }
      if (sender.caState < 2) before = sender.cwnd;
    });
    expect(falls).toBeGreaterThan(2);
    sim.close();
  });
});

describe('dctcp', () => {
  /** The estimate, as the program keeps it in its private area. */
  const alphaOf = (off: number): number =>
    kernel.state.mem.read32(off + kernel.state.types.resolve('tcp_sock.inet_conn.icsk_ca_priv').off) / 2 ** 20;

  it.each([
    ['one connection', 1, MARKING],
    ['four connections', 4, MARKING],
    ['sixteen connections', 16, { ...MARKING, queuePackets: 400 }],
    ['marks from 5 packets on', 2, { ...LINK, ecnPackets: 5 }],
  ])('its alpha is close to the part of the bytes that is marked: %s', (_name, count, link) => {
    const sim = kernel.tcp.simulate({ links: [link] });
    const flows = Array.from({ length: count }, (_, i) => sim.addFlow({ cc: 'bpf_dctcp', startNs: i * 10e6 }));
    sim.runUntil(5e9);
    const { stats } = sim.links[0];
    const [bytes, marked] = [stats.bytes, stats.markedBytes];
    let [sum, looks] = [0, 0];
    watch(sim, 5e9, 20e9, 1e6, () => {
      for (const { sender } of flows) sum += alphaOf(sender.off);
      looks += count;
    });
    const fraction = (stats.markedBytes - marked) / (stats.bytes - bytes);
    expect(fraction).toBeGreaterThan(0.01);
    expect(Math.abs(sum / looks - fraction) / fraction).toBeLessThan(0.1);
    expect(stats.drops).toBe(0);
    sim.close();
  });

  it('keeps the queue at its mark, where Reno fills it', () => {
    const queueOf = (cc: string): number => {
      const sim = kernel.tcp.simulate({ links: [MARKING] });
      sim.addFlow({ cc });
      let [sum, looks] = [0, 0];
      watch(sim, 5e9, 10e9, 1e6, (nowNs) => {
        sum += sim.links[0].queued(nowNs);
        looks++;
      });
      sim.close();
      return sum / looks;
    };
    expect(queueOf('bpf_dctcp')).toBeLessThan(35);
    expect(queueOf('reno')).toBeGreaterThan(60);
  });
});

describe.each(['bpf_reno', 'bpf_cubic', 'bpf_dctcp'])('%s', (cc) => {
  it.each([
    [50e6, 10e6],
    [20e6, 25e6],
    [10e6, 2e6],
  ])('fills a link of %d bit/s and %d ns, and two share it', (rateBps, delayNs) => {
    const product = (rateBps * 2 * delayNs) / 8e9 / 1500;
    const sim = kernel.tcp.simulate({
      links: [{ rateBps, delayNs, ...(cc === 'bpf_dctcp' ? { ecnPackets: Math.ceil(Math.max(product / 5, 5)) } : {}) }],
    });
    const [link] = sim.links;
    const first = sim.addFlow({ cc }).sender;
    sim.runUntil(5e9);
    const begunNs = link.busyNs(5e9);
    sim.runUntil(15e9);
    expect((link.busyNs(15e9) - begunNs) / 10e9).toBeGreaterThan(0.9);
    const second = sim.addFlow({ cc, startNs: 15e9 }).sender;
    sim.runUntil(40e9);
    const [a, b] = [first.delivered, second.delivered];
    sim.runUntil(80e9);
    const [x, y] = [first.delivered - a, second.delivered - b];
    expect((x + y) ** 2 / (2 * (x * x + y * y))).toBeGreaterThan(0.95);
    expect(link.busyNs(80e9) / 80e9).toBeGreaterThan(0.9);
    sim.close();
  });
});
