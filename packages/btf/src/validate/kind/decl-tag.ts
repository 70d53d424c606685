// SPDX-License-Identifier: MIT
import * as K from '../../kinds.ts';
import { checkNoKflag, checkNoVlen, checkRoom, logAccepted } from '../meta.ts';
import type { KindRules } from '../rules.ts';
import { isComposite, isSink } from '../walk.ts';

export const declTagRules: KindRules = {
  details: (env, id) => `type=${env.sizeOrType(id)} component_idx=${env.extra(id, 0) | 0}`,
  checkMeta: (env, id, metaLeft) => {
    const roomErr = checkRoom(env, id, metaLeft, 4);
    if (roomErr) return roomErr;
    if (env.strings[env.nameOff(id)] === 0) return env.fail(id, 'Invalid value');
    const err = checkNoVlen(env, id) || (env.rules.tagKflag ? 0 : checkNoKflag(env, id));
    if (err) return err;
    if ((env.extra(id, 0) | 0) < -1) return env.fail(id, 'Invalid component_idx');
    return logAccepted(env, id);
  },
  resolve: (env, v) => {
    const next = env.sizeOrType(v.id);
    const kind = env.exists(next) ? env.kind(next) : 0;
    const taggable =
      isComposite(kind) || kind === K.BTF_KIND_FUNC || kind === K.BTF_KIND_VAR || kind === K.BTF_KIND_TYPEDEF;
    if (!taggable) return env.fail(v.id, 'Invalid type_id');
    if (!isSink(env, kind) && !env.isResolved(next)) return env.push(next);
    const component = env.extra(v.id, 0) | 0;
    if (component !== -1) {
      if (kind === K.BTF_KIND_VAR || kind === K.BTF_KIND_TYPEDEF) return env.fail(v.id, 'Invalid component_idx');
      let count: number;
      if (isComposite(kind)) count = env.vlen(next);
      else {
        const proto = env.sizeOrType(next);
        if (!env.exists(proto) || env.kind(proto) !== K.BTF_KIND_FUNC_PROTO) return env.fail(v.id, 'Invalid type_id');
        count = env.vlen(proto);
      }
      if (component >= count) return env.fail(v.id, 'Invalid component_idx');
    }
    return env.popResolved(next, 0);
  },
};
