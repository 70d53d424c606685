// SPDX-License-Identifier: MIT
import { EINVAL } from '@tsbpf/uapi';
import * as K from '../../kinds.ts';
import { checkByteMember, checkMember, genericKflagMember } from '../member.ts';
import { checkMaybeNamed, checkRoom, logAccepted, typeIdValid } from '../meta.ts';
import type { KindRules } from '../rules.ts';
import { bytesOfBits, hasNoSize, isResolveSourceOnly, isSink } from '../walk.ts';

export const compositeRules: KindRules = {
  details: (env, id) => `size=${env.sizeOrType(id)} vlen=${env.vlen(id)}`,
  checkMeta: (env, id, metaLeft) => {
    const vlen = env.vlen(id);
    const err = checkRoom(env, id, metaLeft, 12 * vlen) || checkMaybeNamed(env, id) || logAccepted(env, id);
    if (err) return err;
    const isUnion = env.kind(id) === K.BTF_KIND_UNION;
    let lastOffset = 0;
    for (let i = 0; i < vlen; i++) {
      const m = env.member(id, i);
      if (!env.nameOffsetValid(m.nameOff)) return env.failMember(id, m, `Invalid member name_offset:${m.nameOff}`);
      if (m.nameOff !== 0 && !env.identifierValid(m.nameOff)) return env.failMember(id, m, 'Invalid name');
      if (m.typeId === 0 || !typeIdValid(m.typeId)) return env.failMember(id, m, 'Invalid type_id');
      const offset = env.kflag(id) ? m.offset & 0xffffff : m.offset;
      if ((isUnion && offset !== 0) || lastOffset > offset) return env.failMember(id, m, 'Invalid member bits_offset');
      if (bytesOfBits(offset) > env.sizeOrType(id)) {
        return env.failMember(id, m, 'Member bits_offset exceeds its struct size');
      }
      env.logMember(id, m);
      lastOffset = offset;
    }
    return 0;
  },
  resolve: (env, v) => {
    // The member that we pushed is resolved by now: check that one, then go on behind it.
    if (v.nextMember > 0) {
      const last = env.member(v.id, v.nextMember - 1);
      if (!env.isResolved(last.typeId)) return EINVAL;
      const err = checkMember(env, v.id, last, last.typeId);
      if (err) return err;
    }
    const vlen = env.vlen(v.id);
    for (let i = v.nextMember; i < vlen; i++) {
      const m = env.member(v.id, i);
      if (!env.exists(m.typeId) || hasNoSize(env.kind(m.typeId)) || isResolveSourceOnly(env.kind(m.typeId))) {
        return env.failMember(v.id, m, 'Invalid member');
      }
      if (!isSink(env, env.kind(m.typeId)) && !env.isResolved(m.typeId)) {
        v.nextMember = i + 1;
        return env.push(m.typeId);
      }
      const err = checkMember(env, v.id, m, m.typeId);
      if (err) return err;
    }
    return env.popResolved(0, 0);
  },
  checkMember: (env, structId, m, memberTypeId) => checkByteMember(env, structId, m, env.sizeOrType(memberTypeId)),
  checkKflagMember: genericKflagMember,
};
