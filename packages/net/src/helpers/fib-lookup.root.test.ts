// SPDX-License-Identifier: MIT
// Where packets would go, here and in the running kernel, whose network is built in a namespace of its own.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP } from '@tsbpf/uapi';
import { expect, it } from 'vitest';
import { askFib, buildWorld, fibQuestions } from '../../test/fib-scenario.ts';
import { ENGINES, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

const root = join(import.meta.dirname, '../../../..');
const [SEED, COUNT] = [20200402, Number(process.env['TSBPF_QUESTIONS'] ?? 600)];

interface Answers {
  readonly ifindexes: Readonly<Record<string, number>>;
  readonly plain: string[][];
  readonly ruled: string[][];
}

/** What the kernel answers; a reason why it was not asked. */
function askKernel(): Answers | string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'not root on Linux';
  const tsx = join(root, 'node_modules/tsx/dist/cli.mjs');
  const child = join(root, 'packages/net/test/fib-child.ts');
  const args = ['--net', process.execPath, tsx, '--conditions=@tsbpf/source', child, String(SEED), String(COUNT)];
  const ran = spawnSync('unshare', args, { cwd: root, encoding: 'utf8', timeout: 60_000 });
  if (ran.error !== undefined || /Operation not (permitted|supported)/.test(ran.stderr)) {
    return `no namespace with routes: ${ran.error?.message ?? ran.stderr.split('\n')[0]}`;
  }
  expect(ran.stderr.replace(/.*npm warn.*\n/g, '')).toBe('');
  return JSON.parse(ran.stdout) as Answers;
}

/**
 * What v5.6 answers, of what a later kernel answers: since 5.9 the device is told even where no neighbour is known, and
 * since 5.12 the MTU where a packet is too long.
 */
function asV56(answer: string, asked: Uint8Array): string {
  const [code = '', params = ''] = answer.split(' ');
  const hex = (from: number, to: number): string => hexOf(asked.subarray(from, to));
  const put = (text: string, from: number, to: number): string =>
    text.slice(0, from * 2) + hex(from, to) + text.slice(to * 2);
  let out = params;
  if (code !== '0') out = put(out, 8, 12);
  // The length is where the MTU is told, and not among the answers.
  out = `${out.slice(0, 12)}0000${out.slice(16)}`;
  return `${code} ${out}`;
}

const theirs = askKernel();
if (typeof theirs === 'string') console.warn(`skipped: routes are not compared: ${theirs}`);

it.skipIf(typeof theirs === 'string').each(ENGINES)('bpf_fib_lookup answers as Linux does, on %s', (engine) => {
  if (typeof theirs === 'string') return;
  const kernel = realKernel(engine);
  const world = buildWorld(netOf(kernel.state), theirs.ifindexes);
  const questions = fibQuestions([...Object.values(theirs.ifindexes), 99], { seed: SEED, count: COUNT });
  const differences: string[] = [];
  const compare = (kernels: readonly string[][], when: string): void => {
    [BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS].forEach((type, i) => {
      const ours = askFib(kernel, type, questions);
      questions.forEach(({ params, flags }, at) => {
        const what = `${when}, type ${type}, question ${at}: flags ${flags} ${hexOf(params)}`;
        const expected = asV56(kernels[i]?.[at] ?? '', params);
        const mine = (ours[at] ?? '').replace(/^(\S+ .{12}).{4}/, '$10000');
        if (mine !== expected) differences.push(`${what}\n  ours   ${mine}\n  kernel ${expected}`);
      });
    });
  };
  compare(theirs.plain, 'without rules');
  world.addRules();
  compare(theirs.ruled, 'with rules');
  expect(differences.slice(0, 20).join('\n')).toBe('');
});
