// SPDX-License-Identifier: MIT
// `cgroup` beside Debian's bpftool: the same words, here in a batch and there on a cgroup of the test's own, which is
// gone afterwards.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { runBpftool } from '../commands/bpftool.ts';
import { createSession } from '../session.ts';

const streams = vi.hoisted(() => ({ stdout: '', stderr: '' }));
vi.mock('../output/streams.ts', () => ({
  ClosedPipe: class extends Error {},
  print: (text: string) => {
    streams.stdout += `${text}\n`;
  },
  note: (text: string) => {
    streams.stderr += `${text}\n`;
  },
}));

const POLICIES = fileURLToPath(new URL('../../../../examples/cgroup-policies/', import.meta.url));
const mount = existsSync('/proc/mounts')
  ? /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1]
  : undefined;
const usable =
  process.getuid?.() === 0 &&
  mount !== undefined &&
  existsSync('/sys/fs/bpf') &&
  spawnSync('bpftool', ['version']).status === 0;
if (!usable) console.log('cgroup verbs are not compared: they need root, bpftool, cgroup v2 and a bpffs');

const OBJECTS = ['device_policy', 'sysctl_guard', 'sockopt_policy', 'connect_rewriter'];
/** Verbs; `%` is the cgroup, and `@object/program` names a program. */
const SCRIPT = [
  'cgroup show %',
  '-j cgroup show %',
  'cgroup attach % device @device_policy/policy multi',
  'cgroup attach % cgroup_sysctl @sysctl_guard/guard',
  '-j cgroup attach %/a getsock @sockopt_policy/hide override',
  'cgroup attach %/a/b connect4 @connect_rewriter/rewrite multi',
  'cgroup attach %/a/b device @device_policy/policy multi',
  ...['%', '%/a', '%/a/b', '%/a/b/c'].flatMap((path) => [
    `cgroup show ${path}`,
    `cgroup list ${path} effective`,
    `-j cgroup show ${path}`,
    `-p cgroup show ${path} eff`,
  ]),
  ...['', '-j ', '-p '].flatMap((flag) => [`${flag}cgroup tree %`, `${flag}cgroup tree % effective`]),
  'cgroup detach %/a/b connect4 @connect_rewriter/rewrite',
  '-j cgroup detach %/a/b device @device_policy/policy',
  'cgroup tree %',
  'cgroup detach % sysctl @sysctl_guard/guard',
  'cgroup tree %/a',
];
/** Verbs that fail. */
const WRONG = [
  'cgroup show /nonesuch',
  '-j cgroup show /nonesuch',
  'cgroup show % more',
  'cgroup show % effective more',
  'cgroup tree /nonesuch',
  'cgroup tree % more',
  'cgroup attach %',
  'cgroup attach % device id',
  'cgroup attach % nonesuch id 1',
  'cgroup attach % device id 999999',
  'cgroup attach % device id one',
  'cgroup attach % device tag xx',
  'cgroup attach % device pinned /nonesuch/pin',
  'cgroup attach /nonesuch device id 1',
  'cgroup attach % device @sysctl_guard/guard',
  'cgroup attach % device @device_policy/policy more',
  'cgroup detach % device @device_policy/policy',
  'cgroup detach %',
];

/** Ids in the order they turn up, and paths without what differs. */
function plain(text: string, root: string): string {
  const ids = new Map<string, number>();
  const nth = (id: string): number => ids.get(id) ?? (ids.set(id, ids.size + 1), ids.size);
  return text
    .replaceAll(root, '%')
    .replace(/^( *)(\d+) +/gm, (_, indent: string, id: string) => `${indent}${nth(id)} `)
    .replace(/"id": ?(\d+)/g, (_, id: string) => `"id":${nth(id)}`);
}

interface Answer {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** What the kernel's bpftool says. */
function askKernel(lines: readonly string[]): Answer[] {
  const dir = join(mount ?? '', `tsbpf-verbs-${process.pid}`);
  const pins = mkdtempSync('/sys/fs/bpf/tsbpf-verbs-');
  const made: string[] = [];
  const bpftool = (words: readonly string[]) => spawnSync('bpftool', words, { encoding: 'utf8' });
  try {
    for (const path of ['', '/a', '/a/b', '/a/b/c']) {
      mkdirSync(dir + path);
      made.push(dir + path);
    }
    for (const name of OBJECTS) {
      const { status, stderr } = bpftool(['prog', 'loadall', join(POLICIES, `${name}.bpf.o`), join(pins, name)]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    }
    return lines.map((line) => {
      const words = line.split(' ').flatMap((word) => {
        if (word.startsWith('@')) return ['pinned', join(pins, word.slice(1))];
        return [word.replace('%', dir)];
      });
      const { status, stdout, stderr } = bpftool(words);
      return { status, out: plain(stdout, dir), err: plain(stderr, dir) };
    });
  } finally {
    rmSync(pins, { recursive: true, force: true });
    for (const path of made.reverse()) rmdirSync(path);
  }
}

/** What we say: the verbs of one session, as in a batch. */
function askUs(lines: readonly string[]): Answer[] {
  const root = '/sys/fs/cgroup/own';
  const session = createSession();
  const say = (line: string): Answer => {
    const words = line
      .replace(/@(\w+)\/(\w+)/, (_, object: string, prog: string) => `object ${object} ${prog}`)
      .split(' ')
      .map((word) => (OBJECTS.includes(word) ? join(POLICIES, `${word}.bpf.o`) : word.replace('%', root)));
    const flag = words[0]?.startsWith('-') === true ? words.shift() : undefined;
    streams.stdout = streams.stderr = '';
    const status = runBpftool(words, session, { json: flag !== undefined, pretty: flag === '-p' });
    return { status, out: plain(streams.stdout, root), err: plain(streams.stderr, root) };
  };
  try {
    for (const path of ['', '/a', '/a/b', '/a/b/c']) expect(say(`cgroup create %${path}`).status).toBe(0);
    return lines.map(say);
  } finally {
    session.close();
  }
}

describe.skipIf(!usable)('cgroup verbs', () => {
  it('print what bpftool prints', { timeout: 120_000 }, () => {
    const [theirs, ours] = [askKernel(SCRIPT), askUs(SCRIPT)];
    SCRIPT.forEach((line, i) => expect({ line, ...ours[i] }).toEqual({ line, ...theirs[i] }));
  });

  it('fail as bpftool fails', { timeout: 120_000 }, () => {
    const before = 'cgroup attach % sysctl @sysctl_guard/guard';
    const theirs = askKernel([before, ...WRONG]).slice(1);
    const ours = askUs([before, ...WRONG]).slice(1);
    WRONG.forEach((line, i) => expect({ line, ...ours[i] }).toEqual({ line, ...theirs[i] }));
  });
});
