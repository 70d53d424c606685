// SPDX-License-Identifier: MIT
import * as K from '../../kinds.ts';
import { RESOLVE_TBD } from '../env.ts';
import { checkNoKflag, checkRoom, logAccepted, typeIdValid } from '../meta.ts';
import type { KindRules } from '../rules.ts';
import { isSink, typeAndSize } from '../walk.ts';

export const datasecRules: KindRules = {
  details: (env, id) => `size=${env.sizeOrType(id)} vlen=${env.vlen(id)}`,
  checkMeta: (env, id, metaLeft) => {
    const vlen = env.vlen(id);
    const roomErr = checkRoom(env, id, metaLeft, 12 * vlen);
    if (roomErr) return roomErr;
    if (vlen === 0 && !env.rules.emptyDatasec) return env.fail(id, 'vlen == 0');
    const secSize = env.sizeOrType(id);
    if (secSize === 0) return env.fail(id, 'size == 0');
    const kflagErr = checkNoKflag(env, id);
    if (kflagErr) return kflagErr;
    const nameOff = env.nameOff(id);
    if (nameOff === 0 || !env.sectionNameValid(nameOff)) return env.fail(id, 'Invalid name');
    logAccepted(env, id);
    let lastEnd = 0;
    let sum = 0;
    for (let i = 0; i < vlen; i++) {
      const typeId = env.extra(id, 3 * i);
      const offset = env.extra(id, 3 * i + 1);
      const size = env.extra(id, 3 * i + 2);
      if (typeId === 0 || !typeIdValid(typeId)) return env.failVarSecinfo(id, i, 'Invalid type_id');
      if (offset < lastEnd || offset >= secSize) return env.failVarSecinfo(id, i, 'Invalid offset');
      if (size === 0 || size > secSize) return env.failVarSecinfo(id, i, 'Invalid size');
      lastEnd = offset + size;
      if (lastEnd > secSize) return env.failVarSecinfo(id, i, 'Invalid offset+size');
      env.logVarSecinfo(id, i);
      sum += size;
    }
    return secSize < sum ? env.fail(id, 'Invalid btf_info size') : 0;
  },
  resolve: (env, v) => {
    if (env.rules.datasecResetsMode) env.resolveMode = RESOLVE_TBD;
    const vlen = env.vlen(v.id);
    for (let i = v.nextMember; i < vlen; i++) {
      const varId = env.extra(v.id, 3 * i);
      if (!env.exists(varId) || env.kind(varId) !== K.BTF_KIND_VAR) {
        return env.failVarSecinfo(v.id, i, 'Not a VAR kind member');
      }
      if (!isSink(env, K.BTF_KIND_VAR) && !env.isResolved(varId)) {
        v.nextMember = i + 1;
        return env.push(varId);
      }
      const sized = typeAndSize(env, env.sizeOrType(varId));
      if (!sized) return env.failVarSecinfo(v.id, i, 'Invalid type');
      if (env.extra(v.id, 3 * i + 2) < sized.size) return env.failVarSecinfo(v.id, i, 'Invalid size');
    }
    return env.popResolved(0, 0);
  },
};
