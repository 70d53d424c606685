// SPDX-License-Identifier: MIT
import { checkNamed, checkNoVlen, logAccepted } from '../meta.ts';
import type { KindRules } from '../rules.ts';

export const fwdRules: KindRules = {
  details: (env, id) => (env.kflag(id) ? 'union' : 'struct'),
  checkMeta: (env, id) => {
    const err = checkNoVlen(env, id);
    if (err) return err;
    if (env.sizeOrType(id) !== 0) return env.fail(id, 'type != 0');
    return checkNamed(env, id) || logAccepted(env, id);
  },
};
