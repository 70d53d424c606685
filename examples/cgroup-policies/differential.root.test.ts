// SPDX-License-Identifier: MIT
// The simulation and the running kernel make the same calls under the same programs. Attaches to a cgroup of its own
// only, and removes it whatever happens.
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { describe, expect, test } from 'vitest';
import {
  CASES,
  encodeConfig,
  EVENT_CASES,
  FLAGS,
  PACKET_CASES,
  POST_BIND_CASES,
  type Case,
} from './differential/cases.ts';
import {
  cgroupMount,
  EVENT_PROGS,
  openReal,
  openSimulated,
  PACKET_PROGS,
  POST_BIND_PROGS,
  type Side,
} from './differential/systems.ts';

const missing =
  process.getuid?.() !== 0
    ? 'not root'
    : cgroupMount() === undefined
      ? 'no cgroup v2 hierarchy is mounted'
      : !existsSync('/usr/bin/cc')
        ? 'no C compiler'
        : undefined;
if (missing !== undefined) console.warn(`cgroup hooks are not compared with the kernel: ${missing}`);

const NOTE_BYTES = 4 + 11 * 4 + 3 * 32;
const KEY = new Uint8Array(4);

const plain = (value: unknown): unknown =>
  value instanceof Uint8Array ? [...value].join('.') : typeof value === 'bigint' ? String(value) : value;

interface Outcome {
  answers: string[];
  note: { seen: number[] };
}

/**
 * What v5.6 says, in the words of a later kernel: since 5.19 a getsockopt that failed keeps its error, and its buffer,
 * whatever programs do but setting the result to 0.
 */
function asSince519(one: Case, { answers, note }: Outcome): Outcome {
  const failed = note.seen[4] ?? 0;
  const kept = one.hook === 'getsockopt' && failed < 0 && ((one.config.flags ?? 0) & FLAGS.retval) === 0;
  const room = one.calls[0]?.split(' ')[4];
  return kept ? { answers: [`${failed} ${'00'.repeat(32)} ${room}`], note } : { answers, note };
}

/** Ports the kernel chooses are random there and ascending here: what matters is that one was chosen. */
function withoutChosenPort(one: Case, { answers, note }: Outcome): Outcome {
  if (one.hook !== 'bind' || ((one.config.flags ?? 0) & FLAGS.port) === 0 || one.config.port !== 0)
    return { answers, note };
  return { answers, note: { ...note, seen: note.seen.map((word, i) => (i === 1 && word >= 32768 ? -1 : word)) } };
}

const RTT_CB = 12;

/** Later kernels tell of the measured time itself. */
function withoutTimes(one: Case, { answers, note }: Outcome): Outcome {
  if (one.hook !== 'event') return { answers, note };
  return { answers, note: { ...note, seen: note.seen.map((word) => ((word & 0xff) === RTT_CB ? RTT_CB : word)) } };
}

/** What a case comes to on one side: each answer, and what the programs noted. */
async function play(side: Side, one: Case): Promise<Outcome> {
  const { config, note } = side.obj.maps;
  config?.set(KEY, encodeConfig({}));
  for (const line of one.before ?? []) await side.call(line);
  note?.set(KEY, new Uint8Array(NOTE_BYTES));
  config?.set(KEY, encodeConfig(one.config));
  const answers: string[] = [];
  for (const line of one.calls) answers.push(await side.call(line));
  const seen = note?.get(KEY) as unknown as Outcome['note'];
  config?.set(KEY, encodeConfig({}));
  const opened = [...(one.before ?? []), ...one.calls].filter((line) => line.startsWith('S '));
  const failed = one.calls.filter((line, i) => line.startsWith('S ') && !answers[i]?.startsWith('0 '));
  for (const line of opened) if (!failed.includes(line)) await side.call(`X ${line.split(' ')[1]}`);
  return { answers, note: seen };
}

/** Contents of a storage map, keys aside: which cgroup it is differs. */
function storages(side: Side, name: string): unknown[] {
  return [...(side.obj.maps[name]?.entries() ?? [])].map(([, value]) => value as unknown);
}

async function compare(cases: readonly Case[], names?: readonly string[]): Promise<void> {
  const real = await openReal(names);
  try {
    const simulated = openSimulated(names);
    const differences: string[] = [];
    for (const one of cases) {
      const ours = withoutTimes(one, withoutChosenPort(one, asSince519(one, await play(simulated, one))));
      const theirs = withoutTimes(one, withoutChosenPort(one, await play(real, one)));
      try {
        expect(ours).toEqual(theirs);
      } catch {
        const text = (part: unknown): string => JSON.stringify(part, (_, value: unknown) => plain(value));
        differences.push(`${text(one)}\n  simulated ${text(ours)}\n  kernel    ${text(theirs)}`);
      }
    }
    console.info(`${cases.length} cases, ${differences.length} differences`);
    expect(differences.join('\n')).toBe('');
    expect(storages(simulated, 'shared')).toEqual(storages(real, 'shared'));
    expect(storages(simulated, 'percpu').length).toBe(storages(real, 'percpu').length);
  } finally {
    real.close();
  }
}

describe.skipIf(missing !== undefined)(`hooks answer as Linux ${release()} does`, () => {
  test('sysctls, options, addresses, devices', () => compare(CASES));
  test('packets of datagrams', () => compare(PACKET_CASES, PACKET_PROGS));
  test('sockets just bound', () => compare(POST_BIND_CASES, POST_BIND_PROGS));
  test('TCP events', () => compare(EVENT_CASES, EVENT_PROGS));
});
