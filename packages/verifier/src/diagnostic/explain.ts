// SPDX-License-Identifier: MIT
// A rejection as plain data: where, about what, and how it came to be so.
import type { VerifierDiagnostic } from '@tsbpf/uapi';
import { insnText } from '../log/print-insn.ts';
import { stateText } from '../log/print-state.ts';
import type { Analysis } from '../state/analysis.ts';
import type { Verification } from '../verification.ts';
import { historyOf } from './history.ts';
import { sourceLineAt } from './source.ts';
import { findSubject, subjectName } from './subject.ts';

/** Lines of the log that are no messages: instructions, states, source lines, the trace of precision. */
const TRACE_LINE =
  /^( |\d+: \(|\d+: safe|from \d+ to|last_idx|regs=|parent |; |caller:|callee:|returning|to caller|func#|$)/;
/** Messages of the passes before the analysis that name an instruction. */
const NAMED_INSN = /\binsn (\d+)\b/;

/** The messages that ended the log, the last one last. */
function lastMessages(log: string): string[] {
  const messages: string[] = [];
  for (const line of log.split('\n').reverse()) {
    if (TRACE_LINE.test(line)) {
      if (messages.length > 0) break;
    } else {
      messages.unshift(line);
    }
  }
  return messages;
}

/**
 * What a rejection was about. `a` is the analysis that was going on, its path recorded; undefined where another pass
 * rejected. `errno` is positive.
 */
export function explain(v: Verification, a: Analysis | undefined, errno: number): VerifierDiagnostic {
  const messages = lastMessages(v.log.text());
  const message = messages.at(-1) ?? '';
  const path = a?.cur.path;
  if (path === undefined) return { errno, message, history: [], ...insnOfMessage(v, message) };
  const { insnIdx, frame } = path;
  const subject = findSubject(messages, v.insns[insnIdx], frame);
  return {
    errno,
    message,
    ...insnAt(v, insnIdx),
    ...(subject === undefined ? {} : { subject: subjectName(subject) }),
    history: subject === undefined ? [] : historyOf(v, path, subject),
    state: stateText(v, frame),
  };
}

function insnAt(v: Verification, insnIdx: number): Pick<VerifierDiagnostic, 'insnIdx' | 'insn' | 'source'> {
  const source = sourceLineAt(v, insnIdx);
  return { insnIdx, insn: insnText(v, insnIdx), ...(source === undefined ? {} : { source }) };
}

function insnOfMessage(v: Verification, message: string): Partial<VerifierDiagnostic> {
  const named = NAMED_INSN.exec(message);
  const insnIdx = named === null ? -1 : Number(named[1]);
  return insnIdx >= 0 && insnIdx < v.insns.length ? insnAt(v, insnIdx) : {};
}
