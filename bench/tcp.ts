// SPDX-License-Identifier: MIT
// Many connections over one bottleneck: wall clock and memory, for built-in congestion controls and for programs.
//   pnpm bench:tcp [--flows 1000] [--seconds 60] [--rate 1e9] [--delay 20e6] [--cc cubic,bpf_cubic,…]
import { readFileSync } from 'node:fs';
import { createKernel, openObject } from 'tsbpf';

const option = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
};
const flows = Number(option('flows', '1000'));
const seconds = Number(option('seconds', '60'));
const rateBps = Number(option('rate', '1e9'));
const delayNs = Number(option('delay', '20e6'));
const controls = option('cc', 'reno,cubic,bpf_reno,bpf_cubic,bpf_dctcp').split(',');

console.log(`${flows} connections, ${rateBps / 1e6} Mbit/s, ${delayNs / 1e6} ms one way, ${seconds} simulated seconds`);
console.log('control     engine       wall s   packets   us/packet   used   RSS MB');
for (const cc of controls) {
  for (const engine of cc.startsWith('bpf_') ? (['jit', 'interpreter'] as const) : (['jit'] as const)) {
    const kernel = createKernel({ engine });
    if (cc.startsWith('bpf_')) {
      const file = new URL(`../examples/tcp-congestion/${cc.slice(4)}.bpf.o`, import.meta.url);
      const obj = openObject(readFileSync(file), { sys: kernel });
      obj.load();
      obj.attach();
    }
    const sim = kernel.tcp.simulate({
      links: [{ rateBps, delayNs, ...(cc === 'bpf_dctcp' ? { ecnPackets: 600 } : {}) }],
    });
    for (let i = 0; i < flows; i++) sim.addFlow({ cc });
    const started = performance.now();
    sim.runUntil(seconds * 1e9);
    const wallS = (performance.now() - started) / 1000;
    const [link] = sim.links;
    const used = `${((100 * link.busyNs(sim.nowNs)) / sim.nowNs).toFixed(1)}%`;
    const each = ((wallS * 1e6) / link.stats.packets).toFixed(2);
    const rss = (process.memoryUsage().rss / 1e6).toFixed(0);
    const cells = [
      wallS.toFixed(1).padStart(6),
      String(link.stats.packets).padStart(9),
      each.padStart(11),
      used.padStart(6),
      rss.padStart(8),
    ];
    console.log(`${cc.padEnd(11)} ${engine.padEnd(11)} ${cells.join(' ')}`);
    sim.close();
  }
}
