// SPDX-License-Identifier: MIT
import * as K from '../../kinds.ts';
import type { ValidateEnv } from '../env.ts';
import { checkByteMember, genericKflagMember, modifierMember } from '../member.ts';
import { checkAnonymous, checkNamed, checkNoKflag, checkNoVlen, logAccepted, typeIdValid } from '../meta.ts';
import type { KindRules } from '../rules.ts';
import { isModifier, isPointable, isResolveSourceOnly, isSink, typeAndSize } from '../walk.ts';

function checkName(env: ValidateEnv, id: number): number {
  switch (env.kind(id)) {
    case K.BTF_KIND_TYPEDEF:
      return checkNamed(env, id);
    case K.BTF_KIND_TYPE_TAG:
      return env.strings[env.nameOff(id)] === 0 ? env.fail(id, 'Invalid name') : 0;
    default:
      return checkAnonymous(env, id);
  }
}

const refMeta: KindRules['checkMeta'] = (env, id) => {
  const kflagAllowed = env.kind(id) === K.BTF_KIND_TYPE_TAG && env.rules.tagKflag;
  const err = checkNoVlen(env, id) || (kflagAllowed ? 0 : checkNoKflag(env, id));
  if (err) return err;
  if (!typeIdValid(env.sizeOrType(id))) return env.fail(id, 'Invalid type_id');
  return checkName(env, id) || logAccepted(env, id);
};

/** What is behind a modifier or pointer must have a size, or be a kind that one may point at. */
function settle(env: ValidateEnv, id: number): number {
  const next = env.sizeOrType(id);
  const sized = typeAndSize(env, next);
  if (sized) return env.popResolved(sized.id, 0);
  const behind = env.isResolved(next) ? env.resolvedId(next) : next;
  if (!isPointable(env.kind(behind))) return env.fail(id, 'Invalid type_id');
  return env.popResolved(behind, 0);
}

/**
 * A modifier that was resolved inside a struct may have stopped at a pointer that is not resolved itself: its id,
 * where that must happen first.
 */
export function pointerBehindModifier(env: ValidateEnv, id: number): number | undefined {
  if (!isModifier(env.kind(id))) return undefined;
  const behind = env.resolvedId(id);
  const kind = env.kind(behind);
  return kind === K.BTF_KIND_PTR && !isSink(env, kind) && !env.isResolved(behind) ? behind : undefined;
}

const resolveModifier: KindRules['resolve'] = (env, v) => {
  const next = env.sizeOrType(v.id);
  if (!env.exists(next) || isResolveSourceOnly(env.kind(next))) return env.fail(v.id, 'Invalid type_id');
  if (!isSink(env, env.kind(next)) && !env.isResolved(next)) return env.push(next);
  return settle(env, v.id);
};

const resolvePtr: KindRules['resolve'] = (env, v) => {
  const next = env.sizeOrType(v.id);
  if (!env.exists(next) || isResolveSourceOnly(env.kind(next))) return env.fail(v.id, 'Invalid type_id');
  if (!isSink(env, env.kind(next)) && !env.isResolved(next)) return env.push(next);
  const pointer = pointerBehindModifier(env, next);
  if (pointer !== undefined) return env.push(pointer);
  return settle(env, v.id);
};

const details: KindRules['details'] = (env, id) => `type_id=${env.sizeOrType(id)}`;

/** typedef, const, volatile, restrict and type tags. */
export const modifierRules: KindRules = {
  details,
  checkMeta: refMeta,
  resolve: resolveModifier,
  checkMember: modifierMember,
  checkKflagMember: modifierMember,
};

export const ptrRules: KindRules = {
  details,
  checkMeta: refMeta,
  resolve: resolvePtr,
  checkMember: (env, structId, m) => checkByteMember(env, structId, m, 8),
  checkKflagMember: genericKflagMember,
};
