// SPDX-License-Identifier: MIT
import type { BpfMap, LoadedProg } from '@tsbpf/core';
import { MAX_TAIL_CALL_CNT } from '@tsbpf/uapi';
import type { OwnProgram, RunHost, RunState } from './state.ts';

function ownOf(loaded: LoadedProg, host: RunHost): OwnProgram | undefined {
  const own = loaded as Partial<OwnProgram>;
  return own.host === host ? (own as OwnProgram) : undefined;
}

/**
 * bpf_tail_call: R2 a prog array, R3 an index (its low word). False where nothing was called, and the program goes on.
 * Otherwise the run is at the start of the other program or, where that ran to its end already, at an exit.
 * @see kernel/bpf/core.c, JMP_TAIL_CALL
 */
export function tailCall(run: RunState): boolean {
  const { lo, host } = run;
  const map = host.kernel?.objects.get<BpfMap>(lo[2] >>> 0, 'map');
  const index = lo[3] >>> 0;
  if (map === undefined || index >= map.maxEntries || run.tailCalls > MAX_TAIL_CALL_CNT) return false;
  const prog = map.def.ops.tailCallTarget?.(map, index);
  if (prog === undefined) return false;
  run.tailCalls++;
  run.target = prog;
  const own = ownOf(prog.loaded, host);
  if (own !== undefined && run.sp === 0) {
    own.relinkIfOverridden();
    run.replace(own);
    return true;
  }
  // A subprogram replaces its own frame only, and an engine that is not this one brings its own: run it to its end.
  if (own !== undefined) run.tailCalls = own.tailCallFrom(run);
  else if (prog.loaded.tailCall !== undefined) run.tailCalls = prog.loaded.tailCall(run.regs, run.tailCalls);
  else prog.loaded.body(run.regs);
  run.pc = run.layout.exitPc;
  return true;
}
