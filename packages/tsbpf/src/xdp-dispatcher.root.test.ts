// SPDX-License-Identifier: MIT
// Debian's xdp-tools: its filters as extensions of its dispatcher decide as the filters do by themselves.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createPrng, randomPacket } from '@tsbpf/capture';
import {
  BPF_PROG_TYPE_EXT,
  createKernel,
  openObject,
  XDP_ABORTED,
  XDP_DROP,
  XDP_PASS,
  type BpfLink,
  type BpfObject,
  type BpfProgram,
  type SimulatedKernel,
} from './index.ts';

const DIR = '/usr/lib/x86_64-linux-gnu/bpf';
const reason = existsSync(`${DIR}/xdp-dispatcher.o`) ? undefined : 'needs the package xdp-tools';
if (reason !== undefined) console.log(`tests of the XDP dispatcher skipped: ${reason}`);

const bytesOf = (name: string): Uint8Array => readFileSync(`${DIR}/${name}.o`);

/** Programs that a dispatcher calls in order, at most ten. */
const SLOTS = 10;
/** What a slot without a program answers. */
const EMPTY_SLOT = 31;
const CHAIN_ON = ((1 << XDP_PASS) | (1 << EMPTY_SLOT)) >>> 0;

function loadDispatcher(kernel: SimulatedKernel, count: number, chainOn = CHAIN_ON): BpfObject {
  const obj = openObject(bytesOf('xdp-dispatcher'), { sys: kernel });
  const each = (value: number): number[] => Array(SLOTS).fill(value);
  obj.rodata['conf'] = {
    magic: 236,
    dispatcher_version: 2,
    num_progs_enabled: count,
    is_xdp_frags: 0,
    chain_call_actions: each(chainOn),
    run_prios: each(50),
    program_flags: each(0),
  };
  return obj.load();
}

/** What the filters look for; each sees all of it, and takes what it knows. */
interface Rules {
  readonly ports: readonly number[];
  readonly ipv4: readonly Uint8Array[];
  readonly ethernet: readonly Uint8Array[];
}

/** As the source or the destination, of TCP and of UDP. */
const ANY = 0xffn;

function fill(kernel: SimulatedKernel, obj: BpfObject, { ports, ipv4, ethernet }: Rules): BpfObject {
  // The maps are per CPU.
  const value = new Uint8Array(new BigUint64Array(kernel.possibleCpus()).fill(ANY).buffer);
  const all = (map: string, keys: readonly (number | Uint8Array)[]): void => {
    const found = [...obj.maps].find(({ name }) => name === map);
    for (const key of found === undefined ? [] : keys) {
      const raw = typeof key === 'number' ? new Uint8Array(Uint32Array.of(key).buffer) : key;
      found?.setBytes(raw, value);
    }
  };
  all('filter_ports', ports);
  all('filter_ipv4', ipv4);
  all('filter_ethernet', ethernet);
  return obj;
}

const onlyProg = (obj: BpfObject): BpfProgram => [...obj.progs][0];

const loadAlone = (kernel: SimulatedKernel, name: string, rules: Rules): BpfProgram =>
  onlyProg(fill(kernel, openObject(bytesOf(name), { sys: kernel }).load(), rules));

function loadAsExtension(
  kernel: SimulatedKernel,
  name: string,
  rules: Rules,
  slot: { dispatcher: BpfObject; index: number },
): BpfProgram {
  const obj = openObject(bytesOf(name), { sys: kernel });
  const prog = onlyProg(obj);
  prog.type = BPF_PROG_TYPE_EXT;
  prog.expectedAttachType = 0;
  prog.setAttachTarget({ prog: slot.dispatcher.program('xdp_dispatcher'), func: `prog${slot.index}` });
  fill(kernel, obj.load(), rules);
  return prog;
}

/** Packets, and rules that apply to about one in four. */
function traffic(): { packets: Uint8Array[]; rules: Rules } {
  const prng = createPrng(56);
  const packets: Uint8Array[] = [];
  while (packets.length < 400) {
    const { data } = randomPacket(prng);
    if (data.length >= 14 && data.length <= 1500) packets.push(data);
  }
  const chosen = packets.filter((_, i) => i % 4 === 0);
  const v4 = chosen.filter((p) => p.length >= 38 && p[12] === 8 && p[13] === 0);
  return {
    packets,
    rules: {
      // Ports in network byte order, as the filters look them up.
      ports: v4.map((p) => (p[34] ?? 0) | ((p[35] ?? 0) << 8)),
      ipv4: v4.slice(0, v4.length / 2).map((p) => p.slice(26, 30)),
      ethernet: chosen.slice(0, chosen.length / 2).map((p) => p.slice(6, 12)),
    },
  };
}

const verdictOf = (prog: BpfProgram, data: Uint8Array): number => prog.testRun({ data }).retval;

/** The first verdict that does not chain on. */
const inOrder = (verdicts: readonly number[]): number => verdicts.find((verdict) => verdict !== XDP_PASS) ?? XDP_PASS;

const CHAINS: readonly (readonly string[])[] = [
  ['xdpfilt_dny_tcp'],
  ['xdpfilt_dny_udp', 'xdpfilt_dny_ip', 'xdpfilt_dny_eth'],
  ['xdpfilt_dny_all', 'xdpfilt_alw_eth'],
  ['xdpfilt_alw_eth', 'xdpfilt_dny_ip', 'xdpfilt_dny_udp'],
  Array.from({ length: SLOTS }, () => 'xdpfilt_dny_ip'),
];

describe.skipIf(reason !== undefined).each(['interpreter', 'jit'] as const)(
  'on the %s, the XDP dispatcher',
  (engine) => {
    it.each(CHAINS.map((chain) => [chain]))('decides as %j in order', (chain) => {
      const kernel = createKernel({ engine });
      const { packets, rules } = traffic();
      const dispatcher = loadDispatcher(kernel, chain.length);
      const main = dispatcher.program('xdp_dispatcher');
      const alone = chain.map((name) => loadAlone(kernel, name, rules));
      const extensions = chain.map((name, index) => loadAsExtension(kernel, name, rules, { dispatcher, index }));
      const links = extensions.map((prog) => prog.attachFreplace());

      const tally = new Map<number, number>();
      for (const packet of packets) {
        const expected = inOrder(alone.map((prog) => verdictOf(prog, packet)));
        expect(verdictOf(main, packet)).toBe(expected);
        tally.set(expected, (tally.get(expected) ?? 0) + 1);
      }
      // The rules told packets apart.
      expect(tally.get(XDP_PASS) ?? 0).toBeGreaterThan(0);
      expect((tally.get(XDP_DROP) ?? 0) + (tally.get(XDP_ABORTED) ?? 0)).toBeGreaterThan(0);
      for (const link of links) link.detach();
      for (const packet of packets.slice(0, 20)) expect(verdictOf(main, packet)).toBe(XDP_PASS);
    });

    it('runs filters one by one, until one does not chain on', () => {
      const kernel = createKernel({ engine });
      const { packets, rules } = traffic();
      const chain = ['xdpfilt_dny_eth', 'xdpfilt_dny_ip'];
      const dispatcher = loadDispatcher(kernel, chain.length);
      const main = dispatcher.program('xdp_dispatcher');
      chain.map((name, index) => loadAsExtension(kernel, name, rules, { dispatcher, index }).attachFreplace());
      const seen = new Set<string>();
      for (const packet of packets) {
        const { runs } = kernel.tracing.runs.during(() => verdictOf(main, packet));
        const [first, second] = runs;
        expect(first.name).toBe('xdpfilt_dny_eth');
        expect(second?.name).toBe(first.r0 === XDP_PASS ? 'xdpfilt_dny_ip' : undefined);
        seen.add(`${first.r0} ${second?.r0}`);
      }
      expect(seen).toContain(`${XDP_DROP} undefined`);
      expect(seen).toContain(`${XDP_PASS} ${XDP_PASS}`);
    });

    it('changes its verdict with the packet after a filter is swapped', () => {
      const kernel = createKernel({ engine });
      const { packets, rules } = traffic();
      const eth0 = kernel.net.device('eth0');
      const dispatcher = loadDispatcher(kernel, 1);
      using _attached = dispatcher.program('xdp_dispatcher').attachXdp(eth0);
      const names = ['xdpfilt_dny_eth', 'xdpfilt_alw_eth'];
      const alone = names.map((name) => loadAlone(kernel, name, rules));
      const filters = names.map((name) => loadAsExtension(kernel, name, rules, { dispatcher, index: 0 }));
      let link: BpfLink | undefined;
      packets.forEach((packet, i) => {
        const which = i % 2;
        link?.detach();
        link = filters[which].attachFreplace();
        const expected = verdictOf(alone[which], packet) === XDP_DROP ? 'XDP_DROP' : 'XDP_PASS';
        expect(eth0.receive(packet).action).toBe(expected);
      });
    });

    it('is traced by xdpdump where the kernel has bpf_xdp_output, since 5.7', () => {
      const kernel = createKernel({ engine });
      const obj = openObject(bytesOf('xdpdump_bpf'), { sys: kernel });
      const dispatcher = loadDispatcher(kernel, 1);
      for (const prog of obj.progs)
        prog.setAttachTarget({ prog: dispatcher.program('xdp_dispatcher'), func: 'xdp_dispatcher' });
      obj.map('xdpdump_perf_map').maxEntries = kernel.possibleCpus();
      expect(() => obj.load()).toThrow('invalid func unknown#121');
    });
  },
);
