// SPDX-License-Identifier: MIT
import type { Verification } from '../verification.ts';
import { rewriteCalls } from './calls.ts';
import { convertContexts } from './ctx-convert.ts';
import { hardWireDeadBranches, joinHalves, removeDeadCode, removeNops, trapDeadCode } from './dead-code.ts';
import { poisonUpperHalves } from './zext.ts';

/** All rewrites of a program that passed the analysis, in Linux's order. */
export function rewriteProgram(v: Verification): void {
  joinHalves(v);
  if (v.allowPtrLeaks) {
    hardWireDeadBranches(v);
    removeDeadCode(v);
    removeNops(v);
  } else {
    trapDeadCode(v);
  }
  convertContexts(v);
  rewriteCalls(v);
  poisonUpperHalves(v);
}
