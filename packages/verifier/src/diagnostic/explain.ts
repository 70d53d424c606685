// SPDX-License-Identifier: MIT
import type { VerifierDiagnostic } from '@tsbpf/uapi';
import type { Analysis } from '../state/analysis.ts';
import type { Verification } from '../verification.ts';

export function explain(v: Verification, a: Analysis | undefined, errno: number): VerifierDiagnostic {
  const message = v.log.text().trimEnd().split('\n').at(-1) ?? '';
  return { errno, message, history: [], insnIdx: a?.insnIdx };
}
