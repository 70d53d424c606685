// SPDX-License-Identifier: MIT

/** The verifier's figures, from the last lines of its log. */
export interface LogStats {
  readonly insns: number;
  readonly maxStatesPerInsn: number;
  readonly totalStates: number;
  readonly peakStates: number;
  readonly markRead: number;
  /** Bytes for each function, main first; absent unless the log was asked for statistics. */
  readonly stackDepths?: readonly number[];
}

const PROCESSED =
  /^processed (\d+) insns \(limit \d+\) max_states_per_insn (\d+) total_states (\d+) peak_states (\d+) mark_read (\d+)$/m;
const STACK = /^stack depth ([\d+]+)$/m;

/** Undefined where the log has no such line. */
export function parseStats(log: string): LogStats | undefined {
  const found = PROCESSED.exec(log)?.slice(1).map(Number);
  if (found === undefined) return undefined;
  const [insns = 0, maxStatesPerInsn = 0, totalStates = 0, peakStates = 0, markRead = 0] = found;
  const stack = STACK.exec(log)?.[1]?.split('+').map(Number);
  return {
    insns,
    maxStatesPerInsn,
    totalStates,
    peakStates,
    markRead,
    ...(stack === undefined ? {} : { stackDepths: stack }),
  };
}

/** The last line of a log that says why: not the statistics. Empty where there is none. */
export function lastMessage(log: string): string {
  const lines = log
    .split('\n')
    .filter((line) => line !== '' && !/^(processed \d|verification time|stack depth)/.test(line));
  return lines.at(-1) ?? '';
}
