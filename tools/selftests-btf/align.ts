// SPDX-License-Identifier: MIT
// What the verifier's log says of registers, in the words of 6.1.
import { BPF_F_STRICT_ALIGNMENT, BPF_PROG_LOAD } from '../../packages/uapi/src/index.ts';
import type { Sys } from '../../packages/uapi/src/index.ts';
import type { AlignCase } from './tables.ts';

/** A state in the log: before an instruction, after one, or both. */
interface LoggedState {
  readonly before: number | undefined;
  readonly after: number | undefined;
  readonly text: string;
}

/** What 5.6 prints of a state as 6.1 would; ids are left out, since scalars have some only in the latter. */
export function inWordsOf61(state: string): string {
  return state
    .replace(/=invP?(-?\d)/g, '=$1')
    .replace(/\binvP?\(/g, 'scalar(')
    .replace(/\b([su](?:min|max))_value=/g, '$1=')
    .replace(/\(id=\d+,?/g, '(');
}

const withoutIds = (text: string): string => text.replace(/\(id=\d+,?/g, '(');

/** The states of a log of level 2, as 5.6 writes it. */
export function loggedStates(log: string): LoggedState[] {
  const states: LoggedState[] = [];
  let after: number | undefined;
  for (const line of log.split('\n')) {
    const popped = /^from \d+ to (\d+):(.*)/.exec(line);
    const insn = /^(\d+): \(/.exec(line);
    const state = /^(?:(\d+):)?( R\d.*)/.exec(line);
    if (popped !== null) {
      after = undefined;
      states.push({ before: Number(popped[1]), after, text: popped[2] ?? '' });
    } else if (insn !== null) after = Number(insn[1]);
    else if (state !== null) {
      const before = state[1] === undefined ? undefined : Number(state[1]);
      states.push({ before, after, text: state[2] ?? '' });
    }
  }
  return states;
}

/** What a system's log lacks of what a case expects. */
export interface AlignAnswer {
  readonly accepts: boolean;
  readonly missing: AlignCase['matches'];
}

/** Loads a case's program with strict alignment and looks for what is expected. */
export function runAlignCase(sys: Sys, test: AlignCase): AlignAnswer {
  const log_buf = new Uint8Array(1 << 18);
  const fd = sys.bpf(BPF_PROG_LOAD, {
    prog_type: test.progType,
    insns: test.insns,
    license: 'GPL',
    prog_flags: BPF_F_STRICT_ALIGNMENT,
    log_level: 2,
    log_buf,
  });
  if (fd >= 0) sys.close(fd);
  const states = loggedStates(new TextDecoder().decode(log_buf.subarray(0, log_buf.indexOf(0))));
  const missing = test.matches.filter(
    ({ insn, text }) =>
      !states.some(
        (state) =>
          (state.before === insn || state.after === insn) && inWordsOf61(state.text).includes(withoutIds(text)),
      ),
  );
  return { accepts: fd >= 0, missing };
}

/** What 6.1 knows of a register and 5.6 does not: since 5.7 bounds follow the known bits after each operation, too. */
export const KNOWN_SINCE_5_7: readonly { readonly descr: string; readonly insn: number }[] = [
  { descr: 'dubious pointer arithmetic', insn: 6 },
  { descr: 'variable subtraction', insn: 11 },
];
