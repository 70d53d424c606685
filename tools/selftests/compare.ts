// SPDX-License-Identifier: MIT
// Answers against those of a real kernel.
import type { SelftestCase } from './cases.ts';
import type { Answer, NoAnswer } from './run-case.ts';

/** The kernels whose answers are recorded. */
export type KernelName = '5.6.4' | '6.18';

/** A recorded case. */
export interface RecordedCase {
  file: string;
  index: number;
  descr: string;
  linux_5_6_4: Answer | NoAnswer;
  linux_6_18: Answer | NoAnswer;
}

/** The recorded answer of a kernel. */
export function recordedAnswer(recorded: RecordedCase, kernel: KernelName): Answer | NoAnswer {
  return kernel === '5.6.4' ? recorded.linux_5_6_4 : recorded.linux_6_18;
}

/** What is compared, each on its own. */
export type Aspect = 'verdict' | 'message' | 'counters' | 'retvals';

/** One case's comparison. */
export interface Difference {
  index: number;
  file: string;
  descr: string;
  aspects: Aspect[];
  expected: Answer | NoAnswer;
  actual: Answer | NoAnswer;
}

/** A comparison of the whole table. */
export interface Summary {
  kernel: KernelName;
  cases: number;
  /** Cases the recorded kernel judged. */
  judged: number;
  /** Judged cases that this system could not judge. */
  lacking: number;
  equal: Record<Aspect, number>;
  /** Cases that are equal in everything. */
  identical: number;
  differences: Difference[];
}

type Runs = readonly Pick<SelftestCase['runs'][number], 'retval'>[];

const isAnswer = (answer: Answer | NoAnswer): answer is Answer => 'accepts' in answer;

/** A message without what differs from run to run: one without a newline has the time of the verification behind it. */
const settled = (message: string | null): string | undefined => message?.replace(/verification time \d+ usec$/, '');

const ASPECTS: Readonly<Record<Aspect, (a: Answer, b: Answer, runs: Runs) => boolean>> = {
  verdict: (a, b) => a.accepts === b.accepts && a.errno === b.errno,
  message: (a, b) => settled(a.message) === settled(b.message),
  counters: (a, b) => a.insns === b.insns && a.total_states === b.total_states && a.peak_states === b.peak_states,
  retvals: (a, b, runs) =>
    a.retvals.length === b.retvals.length &&
    a.retvals.every((r0, i) => r0 === b.retvals[i] || (a.retvals.length === runs.length && runs[i]?.retval === null)),
};

/**
 * The aspects in which two answers differ; all of them where only the expected one is an answer. Results of runs that
 * the table calls an address are not compared.
 */
export function differingAspects(expected: Answer | NoAnswer, actual: Answer | NoAnswer, runs: Runs = []): Aspect[] {
  const names = Object.keys(ASPECTS) as Aspect[];
  if (!isAnswer(expected)) return [];
  if (!isAnswer(actual)) return names;
  return names.filter((name) => !ASPECTS[name](expected, actual, runs));
}

/** The first case that is not the recorded one: the table and the record do not line up. */
export function firstMisalignment(
  cases: readonly Pick<SelftestCase, 'file' | 'index' | 'descr'>[],
  recorded: readonly RecordedCase[],
): string | undefined {
  if (cases.length !== recorded.length) return `${cases.length} cases, ${recorded.length} recorded`;
  for (const [i, test] of cases.entries()) {
    const other = recorded[i];
    if (other?.file !== test.file || other.index !== test.index || other.descr !== test.descr)
      return `case ${i} is ${test.file} #${test.index} "${test.descr}", recorded ${other?.file} #${other?.index} "${other?.descr}"`;
  }
  return undefined;
}

/** Compares answers with a kernel's. */
export function summarize(
  kernel: KernelName,
  pairs: readonly { recorded: RecordedCase; actual: Answer | NoAnswer; runs?: Runs }[],
): Summary {
  const equal: Record<Aspect, number> = { verdict: 0, message: 0, counters: 0, retvals: 0 };
  const differences: Difference[] = [];
  let judged = 0;
  let lacking = 0;
  for (const { recorded, actual, runs } of pairs) {
    const expected = recordedAnswer(recorded, kernel);
    if (!isAnswer(expected)) continue;
    judged++;
    if (!isAnswer(actual)) lacking++;
    const aspects = differingAspects(expected, actual, runs);
    for (const name of Object.keys(equal) as Aspect[]) if (!aspects.includes(name)) equal[name]++;
    const { index, file, descr } = recorded;
    if (aspects.length > 0) differences.push({ index, file, descr, aspects, expected, actual });
  }
  return { kernel, cases: pairs.length, judged, lacking, equal, identical: judged - differences.length, differences };
}

/** The summary for people. */
export function formatSummary(summary: Summary, options: { maxDifferences: number }): string {
  const percent = (n: number): string =>
    `${n}/${summary.judged} (${summary.judged === 0 ? '-' : ((100 * n) / summary.judged).toFixed(2)}%)`;
  const lines = [
    `against Linux ${summary.kernel}: ${summary.judged} of ${summary.cases} cases judged, ${summary.lacking} of them not here`,
    `  verdict and errno  ${percent(summary.equal.verdict)}`,
    `  message            ${percent(summary.equal.message)}`,
    `  counters           ${percent(summary.equal.counters)}`,
    `  return values      ${percent(summary.equal.retvals)}`,
    `  all of it          ${percent(summary.identical)}`,
  ];
  for (const { index, file, descr, aspects, expected, actual } of summary.differences.slice(0, options.maxDifferences))
    lines.push(
      `#${index} ${file} "${descr}": ${aspects.join(', ')}`,
      `  - ${render(expected)}`,
      `  + ${render(actual)}`,
    );
  const more = summary.differences.length - options.maxDifferences;
  if (more > 0) lines.push(`and ${more} more`);
  return lines.join('\n');
}

function render(answer: Answer | NoAnswer): string {
  if (!isAnswer(answer)) return `not judged: ${answer.env}`;
  const { accepts, errno, message, insns, total_states, peak_states, retvals } = answer;
  const counts = `insns ${insns} states ${total_states}/${peak_states}`;
  return accepts ? `accepts, ${counts}, r0 ${retvals.join(' ')}` : `errno ${errno}, ${counts}, ${message}`;
}
