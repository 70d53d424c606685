// SPDX-License-Identifier: MIT
// What the program returns. @see kernel/bpf/verifier.c, check_return_code
import { BPF_PROG_TYPE_EXT, EACCES, EINVAL } from '@tsbpf/uapi';
import { markRegPrecise } from '../prune/precision.ts';
import { refuse } from '../refuse.ts';
import { formatTnum, tnumIn, tnumIsUnknown, tnumRange } from '../scalar/index.ts';
import { type Analysis, isSecret } from '../state/analysis.ts';
import { REG_TYPE_NAMES } from '../state/reg-class.ts';
import { readReg } from './reg-access.ts';

/**
 * R0 at an exit of the function verified: readable, and where the program's type says so within a range, by its tnum.
 * @errno EACCES, EINVAL
 */
export function checkExitValue(a: Analysis): void {
  const { v } = a;
  const ops = v.def.verifier;
  const own = v.prog.type !== BPF_PROG_TYPE_EXT;
  if (own && ops.returnsVoid?.(v.facts, v.ctxEnv) === true) return;
  const reg = readReg(a, 0);
  if (isSecret(a, reg)) refuse(v, EACCES, 'R0 leaks addr as return value\n');
  const range = own ? ops.returnRange?.(v.facts, v.ctxEnv) : undefined;
  if (range === undefined) return;
  if (reg.type !== 'SCALAR_VALUE') {
    refuse(v, EINVAL, `At program exit the register R0 is not a known value (${REG_TYPE_NAMES[reg.type]})\n`);
  }
  const allowed = tnumRange(BigInt(range.lo), BigInt(range.hi));
  if (!tnumIn(allowed, reg.bounds)) {
    v.log.write('At program exit the register R0 ');
    v.log.write(tnumIsUnknown(reg.bounds) ? 'has unknown scalar value' : `has value ${formatTnum(reg.bounds)}`);
    refuse(v, EINVAL, ` should have been in ${formatTnum(allowed)}\n`);
  }
  if (v.rules.exitMarksPrecise) markRegPrecise(a, 0);
  const enforce = range.enforceAttachIn;
  if (enforce !== undefined && tnumIn(tnumRange(BigInt(enforce[0]), BigInt(enforce[1])), reg.bounds)) {
    v.enforceExpectedAttachType = true;
  }
}
