// SPDX-License-Identifier: MIT
// A rejection as plain data: where, about what, and how it came to be so.
import type { SourceLine, VerifierDiagnostic } from '@tsbpf/uapi';
import { insnText } from '../log/print-insn.ts';
import { stateText } from '../log/print-state.ts';
import type { Analysis } from '../state/analysis.ts';
import { topFrame } from '../state/state.ts';
import type { Verification } from '../verification.ts';
import { historyOf } from './history.ts';
import { newerFeature, newerInsn } from './newer-feature.ts';
import type { Replayed } from './replay.ts';
import { sourceLineAt } from './source.ts';
import { findSubject, subjectName } from './subject.ts';

/** Messages of the passes before the analysis that name an instruction. */
const NAMED_INSN = /\binsn (\d+)\b/;

/** A message is often explained by the one before it. */
const LAST_MESSAGES = 2;

/** Messages are what the log says, without the lines of C between them. */
function lastMessages(log: string): string[] {
  return log
    .trimEnd()
    .split('\n')
    .filter((line) => !/^;( |$)/.test(line))
    .slice(-LAST_MESSAGES);
}

/**
 * Where the limit on instructions ended the analysis. No step of the path is to blame, so that walking it once more
 * would tell nothing, and take as long again.
 */
export function explainLimit(a: Analysis, message: string, errno: number): VerifierDiagnostic {
  const { v, insnIdx } = a;
  const state = stateText(v, topFrame(a.cur));
  return { errno, message: message.trimEnd(), ...insnAt(v, insnIdx), history: [], state };
}

/**
 * What a rejection was about. The log holds messages only. `path` ends with the instruction that was rejected; undefined
 * where a pass before or after the analysis rejected. `errno` is positive.
 */
export function explain(v: Verification, path: Replayed | undefined, errno: number): VerifierDiagnostic {
  const messages = lastMessages(v.log.text());
  const message = messages.at(-1) ?? '';
  if (path === undefined) {
    const newer = newerInsn(v.insns, message);
    if (newer === undefined) return { errno, message, history: [], ...insnOfMessage(v, message) };
    return { errno, message, history: [], ...insnAt(v, newer), ...newerFeature(v.insns[newer], message) };
  }
  const { insnIdx, frame } = path;
  const subject = findSubject(messages, v.insns[insnIdx], frame);
  return {
    errno,
    message,
    ...insnAt(v, insnIdx, lineBefore(v, path)),
    ...(subject === undefined ? {} : { subject: subjectName(subject) }),
    history: subject === undefined ? [] : historyOf(v, path, subject),
    state: stateText(v, frame),
    ...newerFeature(v.insns[insnIdx], message),
  };
}

/** The last line of C on the path: compilers leave instructions of their own without one. */
function lineBefore(v: Verification, path: Replayed): SourceLine | undefined {
  for (let step: Replayed | undefined = path; step !== undefined; step = step.before) {
    const source = sourceLineAt(v, step.insnIdx);
    if (source !== undefined) return source;
  }
  return undefined;
}

function insnAt(
  v: Verification,
  insnIdx: number,
  source = sourceLineAt(v, insnIdx),
): Pick<VerifierDiagnostic, 'insnIdx' | 'insn' | 'source'> {
  return { insnIdx, insn: insnText(v, insnIdx), ...(source === undefined ? {} : { source }) };
}

function insnOfMessage(v: Verification, message: string): Partial<VerifierDiagnostic> {
  const named = NAMED_INSN.exec(message);
  const insnIdx = named === null ? -1 : Number(named[1]);
  return insnIdx >= 0 && insnIdx < v.insns.length ? insnAt(v, insnIdx) : {};
}
