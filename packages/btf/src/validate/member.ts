// SPDX-License-Identifier: MIT
// Checks of struct members that several kinds share.
import type { RawMember, ValidateEnv } from './env.ts';
import type { KindRules } from './rules.ts';
import { typeAndSize } from './walk.ts';

/** A member of `size` bytes at a plain offset: byte aligned, and inside the struct. */
export function checkByteMember(env: ValidateEnv, structId: number, m: RawMember, size: number): number {
  // A member whose offset word carries a width of 0 reads the same with and without kind_flag.
  if (m.offset % 8 !== 0) return env.failMember(structId, m, 'Member is not byte aligned');
  if (m.offset / 8 + size > env.sizeOrType(structId)) return env.failMember(structId, m, 'Member exceeds struct_size');
  return 0;
}

/** Kinds that cannot be bitfields: with a width of 0 the plain check applies. */
export const genericKflagMember: KindRules['checkKflagMember'] = (env, structId, m, memberTypeId) => {
  if (m.offset >>> 24 !== 0) return env.failMember(structId, m, 'Invalid member bitfield_size');
  const check = env.kindRules(env.kind(memberTypeId)).checkMember;
  return check ? check(env, structId, m, memberTypeId) : env.failPlain('Unsupported check_member');
};

/** The check of one member, by the kind of its type and by the struct's kind_flag. */
export function checkMember(env: ValidateEnv, structId: number, m: RawMember, memberTypeId: number): number {
  const rules = env.kindRules(env.kind(memberTypeId));
  if (env.kflag(structId)) {
    return rules.checkKflagMember
      ? rules.checkKflagMember(env, structId, m, memberTypeId)
      : env.failPlain('Unsupported check_kflag_member');
  }
  return rules.checkMember
    ? rules.checkMember(env, structId, m, memberTypeId)
    : env.failPlain('Unsupported check_member');
}

/** A member of a modified type is checked as one of the type behind. */
export const modifierMember: KindRules['checkMember'] = (env, structId, m, memberTypeId) => {
  const behind = typeAndSize(env, memberTypeId);
  if (!behind) return env.failMember(structId, m, 'Invalid member');
  return checkMember(env, structId, { ...m, typeId: behind.id }, behind.id);
};
