// SPDX-License-Identifier: MIT
import { checkNoKflag, checkNoVlen, checkRoom, logAccepted, typeIdValid } from '../meta.ts';
import type { KindRules } from '../rules.ts';
import { isResolveSourceOnly, isSink, typeAndSize } from '../walk.ts';
import { pointerBehindModifier } from './ref.ts';

export const varRules: KindRules = {
  details: (env, id) => `type_id=${env.sizeOrType(id)} linkage=${env.extra(id, 0)}`,
  checkMeta: (env, id, metaLeft) => {
    const err = checkRoom(env, id, metaLeft, 4) || checkNoVlen(env, id) || checkNoKflag(env, id);
    if (err) return err;
    const nameOff = env.nameOff(id);
    if (nameOff === 0 || !env.variableNameValid(nameOff)) return env.fail(id, 'Invalid name');
    const typeId = env.sizeOrType(id);
    if (typeId === 0 || !typeIdValid(typeId)) return env.fail(id, 'Invalid type_id');
    if (env.extra(id, 0) > 1) return env.fail(id, 'Linkage not supported');
    return logAccepted(env, id);
  },
  resolve: (env, v) => {
    const next = env.sizeOrType(v.id);
    if (!env.exists(next) || isResolveSourceOnly(env.kind(next))) return env.fail(v.id, 'Invalid type_id');
    if (!isSink(env, env.kind(next)) && !env.isResolved(next)) return env.push(next);
    const pointer = pointerBehindModifier(env, next);
    if (pointer !== undefined) return env.push(pointer);
    const sized = typeAndSize(env, next);
    if (!sized) return env.fail(v.id, 'Invalid type_id');
    return env.popResolved(sized.id, 0);
  },
};
