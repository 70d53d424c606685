// SPDX-License-Identifier: MIT
import { bytesOfBits } from '../walk.ts';
import { checkNoKflag, checkNoVlen, logAccepted } from '../meta.ts';
import type { KindRules } from '../rules.ts';
import { genericKflagMember } from '../member.ts';

export const floatRules: KindRules = {
  details: (env, id) => `size=${env.sizeOrType(id)}`,
  checkMeta: (env, id) => {
    const err = checkNoVlen(env, id) || checkNoKflag(env, id);
    if (err) return err;
    if (![2, 4, 8, 12, 16].includes(env.sizeOrType(id))) return env.fail(id, 'Invalid type_size');
    return logAccepted(env, id);
  },
  checkMember: (env, structId, m, memberTypeId) => {
    const size = env.sizeOrType(memberTypeId);
    // Sizes that are no power of two align to 4, as on the targets that have them.
    const align = Math.min(8, size === 12 ? 4 : size);
    if (m.offset % (align * 8) !== 0) return env.failMember(structId, m, 'Member is not properly aligned');
    if (bytesOfBits(m.offset) + size > env.sizeOrType(structId)) {
      return env.failMember(structId, m, 'Member exceeds struct_size');
    }
    return 0;
  },
  checkKflagMember: genericKflagMember,
};
