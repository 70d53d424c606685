// SPDX-License-Identifier: MIT
// Every program of the objects that Debian's xdp-tools loads, each alone, on the simulated Linux 5.6 and on the running
// kernel: the same verdict, and for XDP programs the same return values, bytes and maps over 200 packets. Nothing is
// attached or pinned.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_XSKMAP,
  BPF_PROG_TYPE_TRACING,
  BPF_PROG_TYPE_XDP,
  createKernel,
  openObject,
  type BpfMap,
  type BpfObject,
  type Sys,
} from 'tsbpf';
import { runningKernel } from '../kernel-words/running-kernel.ts';
import { ACCEPTED, judge, outcome, packets, type Verdict } from '../kernel-words/verdict.ts';
import { inWordsOf56 } from '../kernel-words/words.ts';

const PACKETS = 200;
const DISPATCHER_SLOTS = 10;
/** What a slot of the dispatcher returns that no program replaced. */
const DISPATCHER_RETVAL = 31;
/** Flags of xdp-filter's rules: source, destination, TCP, UDP. */
const ALL_RULES = 15n;
/** 53 and 443, in either byte order. */
const PORTS = [53, 443, 0x3500, 0xbb01];
/** Of larger arrays only the elements with rules are compared: no others change. */
const LARGE = 10_000;

/** How an object is set up before its program is run over packets. */
interface Setting {
  readonly name: string;
  readonly prepare?: (obj: BpfObject) => void;
  readonly fill?: (obj: BpfObject) => void;
}

const dispatcher = (name: string, actions: number): Setting => ({
  name,
  prepare: (obj) => {
    obj.rodata['conf'] = {
      ...(obj.rodata['conf'] as Record<string, number | number[]>),
      num_progs_enabled: DISPATCHER_SLOTS,
      chain_call_actions: new Array<number>(DISPATCHER_SLOTS).fill(actions),
    };
  },
});

const SETTINGS: readonly (readonly [file: RegExp, settings: readonly Setting[]])[] = [
  [
    /^xdp-dispatcher/,
    [
      dispatcher('ten programs, the first of which decides', 0),
      dispatcher('ten programs one after another', (1 << DISPATCHER_RETVAL) >>> 0),
    ],
  ],
  [
    /^xdpdump_xdp/,
    [
      {
        name: 'packets of lo',
        prepare: (obj) => {
          obj.data['trace_cfg'] = { capture_if_ifindex: 1, capture_snaplen: 64, capture_prog_index: 0 };
        },
      },
    ],
  ],
  [/^xdpfilt_/, [{ name: 'rules for every other packet', fill: addRules }]],
];

/** Rules for addresses as they stand in half of the packets, and for some ports. */
function addRules(obj: BpfObject): void {
  const frames = packets(PACKETS).filter((frame, i) => i % 2 === 0 && frame.length >= 54);
  const add = (map: string, bytesAt: readonly number[], size: number): void => {
    if (obj.maps.get(map) === undefined) return;
    for (const frame of frames) for (const at of bytesAt) obj.map(map).set(frame.slice(at, at + size), ALL_RULES);
  };
  add('filter_ethernet', [0, 6], 6);
  add('filter_ipv4', [26, 30], 4);
  add('filter_ipv6', [22, 38], 16);
  if (obj.maps.get('filter_ports') === undefined) return;
  for (const port of PORTS) obj.map('filter_ports').set(port, ALL_RULES);
}

/** Maps whose elements a program cannot change. */
const UNCHANGED = new Set([BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_XSKMAP]);

/** Elements that are not all zero, summed over the CPUs, by key. */
function sums(map: BpfMap): Record<string, string> {
  const found: [string, string][] = [];
  const ports = PORTS.map((port) => new Uint8Array(new Uint32Array([port]).buffer));
  for (const key of map.maxEntries > LARGE ? ports : map.keyBytes()) {
    const bytes = map.getBytes(key) ?? new Uint8Array();
    if (bytes.every((byte) => byte === 0)) continue;
    const slot = Math.ceil(map.valueSize / 8);
    const words = new BigUint64Array(slot);
    const all = new BigUint64Array(new Uint8Array([...bytes, ...new Uint8Array(-bytes.length & 7)]).buffer);
    for (const [i, word] of all.entries()) words[i % slot] = (words[i % slot] ?? 0n) + word;
    found.push([key.join(' '), words.join(' ')]);
  }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Loads one program of an object, with nothing pinned. */
function loadOne(
  path: string,
  options: { sys: Sys; prog: string; setting?: Setting },
): { obj: BpfObject; verdict: Verdict } {
  const { sys, prog, setting } = options;
  return judge(readFileSync(path), {
    sys,
    name: basename(path).replace(/\..*/, ''),
    prepare: (obj) => {
      for (const one of obj.progs) one.autoload = one.name === prog;
      for (const map of obj.maps) map.pinPath = undefined;
      setting?.prepare?.(obj);
    },
  });
}

const listed = spawnSync('dpkg', ['-L', 'xdp-tools', 'libxdp1'], { encoding: 'utf8' });
const objects = (listed.stdout ?? '').split('\n').filter((path) => /\/bpf\/.*\.o$/.test(path));
const kernel = objects.length === 0 ? { reason: 'no objects of Debian’s xdp-tools' } : runningKernel();
if ('reason' in kernel) console.log(`xdp-tools: skipped, ${kernel.reason}`);

const programs = objects.flatMap((path) =>
  [...openObject(readFileSync(path)).progs].map(({ name, type }) => ({ path, file: basename(path), name, type })),
);

describe.skipIf('reason' in kernel)('the XDP programs of xdp-tools', () => {
  const xdp = programs.filter(({ type }) => type === BPF_PROG_TYPE_XDP);

  const cases = xdp.flatMap((prog) =>
    [{ name: 'as it is' }, ...SETTINGS.flatMap(([file, settings]) => (file.test(prog.file) ? settings : []))].map(
      (setting: Setting) => [prog.file, prog.name, setting.name, { ...prog, setting }] as const,
    ),
  );
  it.each(cases)('%s: %s, %s', (_file, _name, _setting, { path, name, setting }) => {
    if ('reason' in kernel) return;
    const { host } = kernel;
    const real = loadOne(path, { sys: host, prog: name, setting });
    const sim = loadOne(path, { sys: createKernel({ cpus: host.possibleCpus() }), prog: name, setting });
    try {
      expect(sim.verdict).toEqual({ ...real.verdict, message: inWordsOf56(real.verdict.message) });
      if (sim.verdict !== ACCEPTED) return;
      for (const { obj } of [real, sim]) setting.fill?.(obj);
      for (const [i, data] of packets(PACKETS).entries()) {
        const [ours, theirs] = [sim.obj.program(name), real.obj.program(name)];
        expect(outcome(ours, data), `packet ${i}`).toEqual(outcome(theirs, data));
      }
      for (const map of sim.obj.maps) {
        if (!UNCHANGED.has(map.type)) expect(sums(map), map.name).toEqual(sums(real.obj.map(map.name)));
      }
    } finally {
      real.obj.close();
      sim.obj.close();
    }
  });

  it('are all that the package has, and run', () => {
    expect(xdp.length).toBeGreaterThan(0);
    expect(programs.filter(({ type }) => type !== BPF_PROG_TYPE_XDP && type !== BPF_PROG_TYPE_TRACING)).toEqual([]);
  });
});

// These need what came after 5.6, so there is nothing to compare: 5.6 must refuse them for that reason.
describe.skipIf('reason' in kernel)('programs of xdp-tools that are newer than 5.6', () => {
  const AFTER_56: Readonly<Record<string, { why: string; verdict: Verdict }>> = {
    trace_on_entry: { why: 'xdp_output came with 5.7', verdict: refused('invalid func unknown#121') },
    trace_on_exit: { why: 'xdp_output came with 5.7', verdict: refused('invalid func unknown#121') },
  };
  const tracing = programs.filter(({ type }) => type === BPF_PROG_TYPE_TRACING);

  it.each(tracing)('$file: $name on an XDP program', ({ path, name }) => {
    const sys = createKernel();
    using target = openObject(readFileSync(path.replace(/[^/]*$/, 'xdp-dispatcher.o')), { sys });
    target.load();
    const { obj, verdict } = judge(readFileSync(path), {
      sys,
      name: 'tracer',
      prepare: (opened) => {
        for (const one of opened.progs) one.autoload = one.name === name;
        opened.program(name).setAttachTarget({ prog: target.program('xdp_pass'), func: 'xdp_pass' });
      },
    });
    obj.close();
    expect(verdict, AFTER_56[name]?.why).toEqual(AFTER_56[name]?.verdict);
  });
});

function refused(message: string): Verdict {
  return { errno: 'EINVAL', message };
}
