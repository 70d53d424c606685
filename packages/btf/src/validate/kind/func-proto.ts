// SPDX-License-Identifier: MIT
import type { ValidateEnv } from '../env.ts';
import { checkAnonymous, checkNoKflag, checkRoom, logAccepted } from '../meta.ts';
import { resolveType } from '../resolve.ts';
import type { KindRules } from '../rules.ts';
import { isResolveSourceOnly, needsResolve, typeAndSize } from '../walk.ts';

export const funcProtoRules: KindRules = {
  details: (env, id) => {
    const vlen = env.vlen(id);
    const pieces = [`return=${env.sizeOrType(id)} args=(`];
    if (vlen === 0) pieces.push('void');
    for (let i = 0; i < vlen; i++) {
      const typeId = env.extra(id, 2 * i + 1);
      const isVararg = i === vlen - 1 && typeId === 0;
      const arg = isVararg ? 'vararg' : `${typeId} ${env.shownName(env.extra(id, 2 * i))}`;
      pieces.push(i > 0 ? `, ${arg}` : arg);
    }
    pieces.push(')');
    return pieces;
  },
  checkMeta: (env, id, metaLeft) =>
    checkRoom(env, id, metaLeft, 8 * env.vlen(id)) ||
    checkAnonymous(env, id) ||
    checkNoKflag(env, id) ||
    logAccepted(env, id),
};

function resolveFirst(env: ValidateEnv, id: number): number {
  return needsResolve(env.kind(id), env.rules) && !env.isResolved(id) ? resolveType(env, id) : 0;
}

function refused(env: ValidateEnv, id: number): boolean {
  return !env.exists(id) || (env.rules.tagChecks && isResolveSourceOnly(env.kind(id)));
}

/** The return type is void or has a size; so has each parameter, but a last one of type 0: varargs. */
export function checkFuncProto(env: ValidateEnv, id: number): number {
  const ret = env.sizeOrType(id);
  if (ret !== 0) {
    if (refused(env, ret)) return env.fail(id, 'Invalid return type');
    const err = resolveFirst(env, ret);
    if (err) return err;
    if (!typeAndSize(env, ret)) return env.fail(id, 'Invalid return type');
  }
  let nargs = env.vlen(id);
  if (nargs === 0) return 0;
  if (env.extra(id, 2 * nargs - 1) === 0) {
    if (env.extra(id, 2 * nargs - 2) !== 0) return env.fail(id, `Invalid arg#${nargs}`);
    nargs--;
  }
  for (let i = 0; i < nargs; i++) {
    const argType = env.extra(id, 2 * i + 1);
    if (refused(env, argType)) return env.fail(id, `Invalid arg#${i + 1}`);
    const nameOff = env.extra(id, 2 * i);
    if (nameOff !== 0 && (!env.nameOffsetValid(nameOff) || !env.identifierValid(nameOff))) {
      return env.fail(id, `Invalid arg#${i + 1}`);
    }
    const err = resolveFirst(env, argType);
    if (err) return err;
    if (!typeAndSize(env, argType)) return env.fail(id, `Invalid arg#${i + 1}`);
  }
  return 0;
}
