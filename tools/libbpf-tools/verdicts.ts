// SPDX-License-Identifier: MIT
// What Linux 5.6 says to every program of libbpf-tools, beside what the running kernel says.
import { readFileSync } from 'node:fs';
import { createKernel, parseBtf, type Sys } from 'tsbpf';
import { runningKernel } from '../kernel-words/running-kernel.ts';
import { judgeProgram, toolPrograms, type Judgement, type ToolProgram } from './programs.ts';

/** Something that came after 5.6, by which its verdict differs from a later one. */
export interface VersionRule {
  readonly since: string;
  readonly what: string;
  readonly matches: (judgement: Judgement) => boolean;
}

const says =
  (pattern: RegExp) =>
  (judgement: Judgement): boolean =>
    judgement.verdict !== 'accepted' && pattern.test(judgement.message);

export const VERSION_RULES: readonly VersionRule[] = [
  {
    since: '5.8',
    what: 'helpers read typed kernel pointers from the stack, as keys and values',
    matches: says(/^invalid indirect read from stack off -\d+\+\d+ size \d+$/),
  },
  { since: '5.8', what: 'ring buffers', matches: says(/^invalid func unknown#13[0-4]$/) },
  {
    since: '5.10',
    what: 'the function do_page_cache_ra',
    matches: says(/failed to find kernel BTF type ID of 'do_page_cache_ra'/),
  },
  {
    since: '5.11',
    what: 'the function down_read_interruptible',
    matches: says(/failed to find kernel BTF type ID of 'down_read_interruptible'/),
  },
  {
    since: '5.11',
    what: 'block_rq_insert and block_rq_issue without the queue before the request: the object asks for the version',
    matches: says(/^dereference of modified ctx ptr R1 off=8 disallowed$/),
  },
];

/** A program, and what kernels said to it. */
export interface Row {
  readonly prog: ToolProgram;
  /** Linux 5.6, with its own types. */
  readonly linux56: Judgement;
  /** The rule by which 5.6 rejects what later versions take. */
  readonly rule: VersionRule | undefined;
  /** 5.6's rules with the types and the release of the running kernel, and what that itself says. */
  readonly onTheseTypes: Judgement | undefined;
  readonly running: Judgement | undefined;
}

export const ruleOf = (judgement: Judgement): VersionRule | undefined =>
  VERSION_RULES.find(({ matches }) => matches(judgement));

/** Whether two kernels said the same. */
export function agree(a: Judgement, b: Judgement): boolean {
  if (a.verdict === 'accepted' || b.verdict === 'accepted') return a.verdict === b.verdict;
  return a.verdict === b.verdict && a.errno === b.errno && a.message === b.message;
}

const VMLINUX = '/sys/kernel/btf/vmlinux';

/** The running kernel, and a simulated one that looks like it to an object; or why there is none. */
function beside(): { host: Sys; likeIt: Sys } | { reason: string } {
  const running = runningKernel();
  if ('reason' in running) return running;
  const { host } = running;
  try {
    const kernel = createKernel({ vmlinux: readFileSync(VMLINUX) });
    return { host, likeIt: { ...kernel, uname: () => host.uname() } };
  } catch {
    return { reason: `no BTF of the running kernel in ${VMLINUX}` };
  }
}

/** Judges every program; `reason`: why the running kernel was not asked. */
export function judgeAll(): { rows: Row[]; reason?: string } {
  const kernels = beside();
  const linux56 = createKernel();
  const theirs = 'reason' in kernels ? undefined : parseBtf(readFileSync(VMLINUX));
  const rows = toolPrograms().map((prog): Row => {
    const own = judgeProgram(prog, linux56);
    const sides = 'reason' in kernels ? [] : [kernels.likeIt, kernels.host];
    const [onTheseTypes, running] = sides.map((sys) => judgeProgram(prog, sys, theirs));
    return { prog, linux56: own, rule: ruleOf(own), onTheseTypes, running };
  });
  return 'reason' in kernels ? { rows, reason: kernels.reason } : { rows };
}
