// SPDX-License-Identifier: MIT
import * as K from '../../kinds.ts';
import type { ValidateEnv } from '../env.ts';
import { checkByteMember, genericKflagMember } from '../member.ts';
import { checkAnonymous, checkNoKflag, checkNoVlen, checkRoom, logAccepted, typeIdValid } from '../meta.ts';
import type { KindRules } from '../rules.ts';
import { hasNoSize, isRegularInt, isResolveSourceOnly, isSink, typeAndSize } from '../walk.ts';

function usable(env: ValidateEnv, id: number): boolean {
  return env.exists(id) && !hasNoSize(env.kind(id)) && !isResolveSourceOnly(env.kind(id));
}

export const arrayRules: KindRules = {
  details: (env, id) => `type_id=${env.extra(id, 0)} index_type_id=${env.extra(id, 1)} nr_elems=${env.extra(id, 2)}`,
  checkMeta: (env, id, metaLeft) => {
    const err =
      checkRoom(env, id, metaLeft, 12) || checkAnonymous(env, id) || checkNoVlen(env, id) || checkNoKflag(env, id);
    if (err) return err;
    if (env.sizeOrType(id) !== 0) return env.fail(id, 'size != 0');
    const elem = env.extra(id, 0);
    if (elem === 0 || !typeIdValid(elem)) return env.fail(id, 'Invalid elem');
    const index = env.extra(id, 1);
    if (index === 0 || !typeIdValid(index)) return env.fail(id, 'Invalid index');
    return logAccepted(env, id);
  },
  resolve: (env, v) => {
    const index = env.extra(v.id, 1);
    if (!usable(env, index)) return env.fail(v.id, 'Invalid index');
    if (!isSink(env, env.kind(index)) && !env.isResolved(index)) return env.push(index);
    const indexType = typeAndSize(env, index);
    if (!indexType || env.kind(indexType.id) !== K.BTF_KIND_INT || !isRegularInt(env, indexType.id)) {
      return env.fail(v.id, 'Invalid index');
    }
    const elem = env.extra(v.id, 0);
    if (!usable(env, elem)) return env.fail(v.id, 'Invalid elem');
    if (!isSink(env, env.kind(elem)) && !env.isResolved(elem)) return env.push(elem);
    const elemType = typeAndSize(env, elem);
    if (!elemType) return env.fail(v.id, 'Invalid elem');
    if (env.kind(elemType.id) === K.BTF_KIND_INT && !isRegularInt(env, elemType.id)) {
      return env.fail(v.id, 'Invalid array of int');
    }
    const size = elemType.size * env.extra(v.id, 2);
    if (size > 0xffffffff) return env.fail(v.id, 'Array size overflows U32_MAX');
    return env.popResolved(elemType.id, size);
  },
  checkMember: (env, structId, m, memberTypeId) =>
    checkByteMember(env, structId, m, typeAndSize(env, memberTypeId)?.size ?? 0),
  checkKflagMember: genericKflagMember,
};
