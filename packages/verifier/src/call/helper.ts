// SPDX-License-Identifier: MIT
// A call of a helper. @see kernel/bpf/verifier.c, check_helper_call
import type { FuncProto, HelperRow, RetType } from '@tsbpf/core';
import { EINVAL, NotSupportedError, ENOSYS } from '@tsbpf/uapi';
import { helperName } from '@tsbpf/insn';
import { clobberCallerSaved } from '../insn/reg-access.ts';
import { accessMemory } from '../mem/access.ts';
import { hasSpinLock } from '../mem/map-value.ts';
import { forgetPacketPointers } from '../mem/packet.ts';
import { refuse } from '../refuse.ts';
import { resultUpTo } from '../scalar/index.ts';
import { type Analysis, regAt, setReg } from '../state/analysis.ts';
import { type Reg, isNullScalar, notInit, pointer, scalar, unknownScalar } from '../state/reg.ts';
import { checkArgument } from './arguments.ts';
import { type CallFacts, newCallFacts } from './call-facts.ts';
import { checkMapForHelper, noteKey, noteMap } from './map-helper.ts';
import { acquireRef, logLeakedRefs, releaseRef } from './references.ts';

/** One more than the highest helper id of v5.6. */
const HELPER_COUNT = 119;

/** The helper behind an id, and its name in messages. @errno EINVAL */
function findHelper(a: Analysis, id: number): { row: HelperRow; name: string } {
  const { v } = a;
  const valid = id >= 0 && id < HELPER_COUNT;
  const name = (valid ? helperName(id) : undefined) ?? 'unknown';
  if (!valid) refuse(v, EINVAL, `invalid func ${name}#${id}\n`);
  const variant = v.def.verifier.getFuncProto(id, v.facts, v.ctxEnv);
  if (variant === undefined) refuse(v, EINVAL, `unknown func ${name}#${id}\n`);
  const row = v.env.helper(variant);
  if (row === undefined) {
    throw new NotSupportedError(`the simulated kernel has no helper ${variant}`, { errno: ENOSYS, feature: variant });
  }
  if (row.proto.gplOnly === true && !v.prog.gplCompatible) {
    refuse(v, EINVAL, 'cannot call GPL-restricted function from non-GPL compatible program\n');
  }
  return { row, name };
}

/** A call of a helper by id. @errno EINVAL, EACCES, EFAULT */
export function checkHelperCall(a: Analysis, id: number): void {
  const { row, name } = findHelper(a, id);
  const { proto } = row;
  const call = newCallFacts(row);
  for (let i = 0; i < proto.args.length; i++) checkArgument(a, i + 1, proto.args[i], call);
  noteMap(a, call);
  noteKey(a, call);
  fillBuffer(a, call);
  settleReferences(a, call, name);
  if (proto.special === 'localStorage' && !isNullScalar(regAt(a, 2))) {
    refuse(a.v, EINVAL, "get_local_storage() doesn't support non-zero flags\n");
  }
  const frame = clobberCallerSaved(a);
  frame.defs[0] = 0;
  setReg(a, 0, result(a, call));
  checkMapForHelper(a, call, name);
  a.facts[a.insnIdx].helper = row;
  if (proto.changesPktData === true) forgetPacketPointers(a);
}

/** The helper fills a buffer on the stack that need not have been initialised: it is now, byte by byte. */
function fillBuffer(a: Analysis, call: CallFacts): void {
  for (let off = 0; off < call.rawSize; off++) {
    accessMemory(a, { regno: call.rawRegno, off, size: 1, write: true, value: -1 });
  }
}

function settleReferences(a: Analysis, call: CallFacts, name: string): void {
  const { proto } = call.row;
  if (proto.special === 'tailCall') {
    if (logLeakedRefs(a)) refuse(a.v, EINVAL, 'tail_call would lead to reference leak\n');
  } else if (proto.releasesRef === true && !releaseRef(a, call.refObjId)) {
    refuse(a.v, EINVAL, `func ${name}#${proto.id} reference has not been acquired before\n`);
  }
}

const POINTER_RESULTS = {
  RET_PTR_TO_MAP_VALUE: 'PTR_TO_MAP_VALUE',
  RET_PTR_TO_MAP_VALUE_OR_NULL: 'PTR_TO_MAP_VALUE_OR_NULL',
  RET_PTR_TO_SOCKET_OR_NULL: 'PTR_TO_SOCKET_OR_NULL',
  RET_PTR_TO_SOCK_COMMON_OR_NULL: 'PTR_TO_SOCK_COMMON_OR_NULL',
  RET_PTR_TO_TCP_SOCK_OR_NULL: 'PTR_TO_TCP_SOCK_OR_NULL',
} as const satisfies Partial<Record<RetType, Reg['type']>>;

/** What R0 holds after the call. */
function result(a: Analysis, call: CallFacts): Reg {
  const { proto } = call.row;
  if (proto.ret === 'RET_VOID') return notInit(a.precise);
  if (proto.ret === 'RET_INTEGER') return integerResult(a, proto, call);
  const type = POINTER_RESULTS[proto.ret];
  const map = type === 'PTR_TO_MAP_VALUE' || type === 'PTR_TO_MAP_VALUE_OR_NULL' ? call.map : undefined;
  let id = 0;
  if (type !== 'PTR_TO_MAP_VALUE' || (map !== undefined && hasSpinLock(map))) id = ++a.idGen;
  let refObjId = 0;
  if (proto.castsRef === true) refObjId = call.refObjId;
  else if (proto.acquiresRef === true) id = refObjId = acquireRef(a);
  return pointer(type, a.precise, { id, refObjId, map });
}

function integerResult(a: Analysis, proto: FuncProto, call: CallFacts): Reg {
  if (proto.boundsRetBySize !== true || call.size === undefined) return unknownScalar(a.precise);
  return scalar(resultUpTo(call.size, a.v.rules.strHelpersKeepNegative), a.precise);
}
