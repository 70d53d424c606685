// SPDX-License-Identifier: MIT
import type { AccessInfo, AccessRequest, ProgFacts } from '@tsbpf/core';

/** What a predicate of Linux v5.6 accepts of a context: `off size R|W register width`, as the fixtures list it. */
export interface AcceptedAccesses {
  readonly ctxBytes: number;
  readonly accept: readonly string[];
}

/** Facts of a privileged program of v5.6, but for what a test says otherwise. */
export function progFacts(over: Partial<ProgFacts> = {}): ProgFacts {
  return {
    type: 0,
    expectedAttachType: 0,
    privileged: true,
    gplCompatible: true,
    devBound: false,
    attachBtfId: 0,
    targetProg: undefined,
    version: '5.6',
    ...over,
  };
}

/** All accesses a row lets pass, from 8 bytes before the context to 16 behind it, in the fixtures' form. */
export function acceptedAccesses(
  judge: (request: AccessRequest) => AccessInfo | string | undefined,
  options: { ctxBytes: number; prog: ProgFacts },
): string[] {
  const accepted: string[] = [];
  for (let off = -8; off < options.ctxBytes + 16; off++) {
    for (const size of [1, 2, 4, 8]) {
      for (const write of [false, true]) {
        const info = judge({ off, size, write, prog: options.prog });
        if (typeof info !== 'object') continue;
        const reg = info.regType === 'SCALAR_VALUE' ? 'SCALAR' : info.regType;
        accepted.push(`${off} ${size} ${write ? 'W - 0' : `R ${reg} ${info.ctxFieldSize}`}`);
      }
    }
  }
  return accepted;
}
