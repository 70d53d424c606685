// SPDX-License-Identifier: MIT
// The simulation and the running kernel make the same calls under the same programs. Attaches to a cgroup of its own
// only, and removes it whatever happens.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { join, resolve } from 'node:path';
import { EINVAL, ENOPROTOOPT } from 'tsbpf';
import { describe, expect, test } from 'vitest';
import { cgroupMount, makeOwnCgroup } from './differential/own-cgroup.ts';
import {
  CASES,
  encodeConfig,
  EVENT_CASES,
  FLAGS,
  OPTION_CASES,
  PACKET_CASES,
  POST_BIND_CASES,
  type Case,
} from './differential/cases.ts';
import {
  EVENT_PROGS,
  openReal,
  openSimulated,
  OPTION_PROGS,
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
const EVENT_BYTES = 40;
const KEY = new Uint8Array(4);

const plain = (value: unknown): unknown =>
  value instanceof Uint8Array ? [...value].join('.') : typeof value === 'bigint' ? String(value) : value;

interface Outcome {
  answers: string[];
  note: { calls: number; seen: number[]; name?: string };
  /** TCP events, oldest first. */
  events: TcpEvent[];
}

interface TcpEvent {
  readonly op: number;
  readonly full: number;
}

const NEEDS_ECN = 6;

/**
 * What v5.6 says, in the words of a later kernel: since 5.19 a getsockopt that failed keeps its error, and its buffer,
 * whatever programs do but setting the result to 0.
 */
function asSince519(one: Case, outcome: Outcome): Outcome {
  const { note } = outcome;
  const failed = note.seen[4] ?? 0;
  const kept = one.hook === 'getsockopt' && failed < 0 && ((one.config.flags ?? 0) & FLAGS.retval) === 0;
  const room = one.calls[0]?.split(' ')[4];
  return kept ? { answers: [`${failed} ${'00'.repeat(32)} ${room}`], note, events: [] } : outcome;
}

/** Ports the kernel chooses are random there and ascending here: what matters is that one was chosen. */
function withoutChosenPort(one: Case, outcome: Outcome): Outcome {
  const { note } = outcome;
  if (one.hook !== 'bind' || ((one.config.flags ?? 0) & FLAGS.port) === 0 || one.config.port !== 0) return outcome;
  return { ...outcome, note: { ...note, seen: note.seen.map((word, i) => (i === 1 && word >= 32768 ? -1 : word)) } };
}

/** Since 5.11 programs are asked once more whether they want ECN, about the answer to a SYN. */
function asBefore511(one: Case, outcome: Outcome): Outcome {
  if (one.hook !== 'event') return outcome;
  const events = outcome.events.filter(({ op, full }) => op !== NEEDS_ECN || full !== 0);
  return { ...outcome, events, note: { ...outcome.note, calls: 0 } };
}

/** Options that v5.6's bpf_getsockopt reads, by level; later kernels read those that can be set, too. */
const READABLE = ['0/1', '41/67', '6/13', '6/28'];

/**
 * How often programs ran depends on the events a kernel has; what they cannot read in v5.6 is nothing; what cannot be set
 * has another errno since 6.0.
 */
function asReadable(one: Case, outcome: Outcome): Outcome {
  if (one.hook !== 'option') return outcome;
  const readable = READABLE.includes(`${one.config.level}/${one.config.optname}`);
  const [set = 0, got = 0, ...rest] = outcome.note.seen;
  const note = {
    ...outcome.note,
    calls: 0,
    seen: [set === -ENOPROTOOPT ? -EINVAL : set, readable ? got : -EINVAL, ...rest],
  };
  return { ...outcome, note: readable ? note : { ...note, name: '' } };
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
  const events = one.hook === 'event' ? eventsOf(side) : [];
  config?.set(KEY, encodeConfig({}));
  const lines = [...(one.before ?? []), ...one.calls].map((line) => line.split(' '));
  const opened = lines.flatMap(([call, first, second]) => (call === 'S' ? [first] : call === 'A' ? [second] : []));
  for (const name of new Set(opened)) await side.call(`X ${name}`);
  if (one.hook === 'event') {
    await side.call('Z');
    eventsOf(side);
  }
  return { answers, note: seen, events };
}

/** The events since the last time, and none of them any more. */
function eventsOf(side: Side): TcpEvent[] {
  const { event_log: log } = side.obj.maps;
  const all = [...(log?.entries() ?? [])];
  const blank = new Uint8Array(EVENT_BYTES);
  for (const [key] of all) log?.set(key, blank);
  return all.map(([, event]) => event as unknown as TcpEvent).filter(({ op }) => op !== 0);
}

/** Contents of a storage map, keys aside: which cgroup it is differs. */
function storages(side: Side, name: string): unknown[] {
  return [...(side.obj.maps[name]?.entries() ?? [])].map(([, value]) => value as unknown);
}

/** Events are printed as: what, arguments and state, whether a full socket, and the rest. */
const EVENT = /\{"op":(\d+),"args":\[([-\d,]*)\],"state":(\d+),"full":(.*?)\}/g;

const ENGINES = ['interpreter', 'jit'] as const;

/** Each case on the kernel, and on both engines. */
async function compare(cases: readonly Case[], names?: readonly string[]): Promise<void> {
  const real = await openReal(names);
  try {
    const sides = ENGINES.map((engine) => ({ engine, side: openSimulated(names, engine) }));
    const differences: string[] = [];
    for (const one of cases) {
      const theirs = asReadable(one, asBefore511(one, withoutChosenPort(one, await play(real, one))));
      for (const { engine, side } of sides) {
        const ours = asReadable(one, asBefore511(one, withoutChosenPort(one, asSince519(one, await play(side, one)))));
        try {
          expect(ours).toEqual(theirs);
        } catch {
          const text = (part: unknown): string =>
            JSON.stringify(part, (_, value: unknown) => plain(value)).replace(EVENT, '$1 $2 $3|$4 ');
          differences.push(`${text(one)}\n  ${engine.padEnd(11)} ${text(ours)}\n  kernel      ${text(theirs)}`);
        }
      }
    }
    console.info(`${cases.length} cases on ${ENGINES.join(' and ')}, ${differences.length} differences`);
    expect(differences.join('\n')).toBe('');
    for (const { side } of sides) {
      expect(storages(side, 'shared')).toEqual(storages(real, 'shared'));
      expect(storages(side, 'percpu').length).toBe(storages(real, 'percpu').length);
    }
  } finally {
    real.close();
  }
}

describe.skipIf(missing !== undefined)(`hooks answer as Linux ${release()} does`, () => {
  test('sysctls, options, addresses, devices', () => compare(CASES));
  test('packets of datagrams', () => compare(PACKET_CASES, PACKET_PROGS));
  test('sockets just bound', () => compare(POST_BIND_CASES, POST_BIND_PROGS));
  test('TCP events', () => compare(EVENT_CASES, EVENT_PROGS));
  test('options that programs set', () => compare(OPTION_CASES, OPTION_PROGS));
});

describe.skipIf(missing !== undefined)('the cgroup is gone afterwards', () => {
  const gone = async (dir: string): Promise<boolean> => {
    for (let i = 0; i < 200 && existsSync(dir); i++) await new Promise((done) => setTimeout(done, 25));
    return !existsSync(dir);
  };

  test('where the process that makes the calls is killed', async () => {
    const real = await openReal(['dev']);
    const { dir = '' } = real;
    try {
      expect(existsSync(dir)).toBe(true);
      process.kill(real.pid ?? 0, 'SIGKILL');
      await expect(real.call('D /dev/null 0')).rejects.toThrow('the actor died');
    } finally {
      real.close();
    }
    expect(existsSync(dir)).toBe(false);
  });

  test('where something throws', () => {
    const own = makeOwnCgroup('tsbpf-throws', ['a', 'a/b']);
    expect(() => {
      try {
        throw new RangeError('on purpose');
      } finally {
        own.remove();
      }
    }).toThrow('on purpose');
    expect(existsSync(own.dir)).toBe(false);
  });

  test('where the whole script is killed, with a process still in it', async () => {
    const root = resolve(import.meta.dirname, '../..');
    const args = [join(root, 'node_modules/tsx/dist/cli.mjs'), join(import.meta.dirname, 'differential/killed.ts')];
    const script = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const dir = await new Promise<string>((done) => script.stdout.once('data', (text) => done(String(text).trim())));
    expect(existsSync(join(dir, 'inner'))).toBe(true);
    process.kill(-(script.pid ?? 0), 'SIGKILL');
    expect(await gone(dir)).toBe(true);
  });
});
