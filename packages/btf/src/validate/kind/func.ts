// SPDX-License-Identifier: MIT
import { BTF_FUNC_GLOBAL, BTF_KIND_FUNC_PROTO } from '../../kinds.ts';
import type { ValidateEnv } from '../env.ts';
import { checkNamed, checkNoKflag, logAccepted } from '../meta.ts';
import type { KindRules } from '../rules.ts';

/** A FUNC refers to a FUNC_PROTO whose parameters all have names. */
export function checkFunc(env: ValidateEnv, id: number): number {
  const proto = env.sizeOrType(id);
  if (!env.exists(proto) || env.kind(proto) !== BTF_KIND_FUNC_PROTO) return env.fail(id, 'Invalid type_id');
  const nargs = env.vlen(proto);
  for (let i = 0; i < nargs; i++) {
    if (env.extra(proto, 2 * i) === 0 && env.extra(proto, 2 * i + 1) !== 0) {
      return env.fail(id, `Invalid arg#${i + 1}`);
    }
  }
  return 0;
}

export const funcRules: KindRules = {
  details: (env, id) => `type_id=${env.sizeOrType(id)}`,
  checkMeta: (env, id) => {
    const err = checkNamed(env, id);
    if (err) return err;
    if (env.vlen(id) > BTF_FUNC_GLOBAL) return env.fail(id, 'Invalid func linkage');
    return checkNoKflag(env, id) || logAccepted(env, id);
  },
  // Reached only where the rules say that functions are resolved.
  resolve: (env, v) => checkFunc(env, v.id) || env.popResolved(env.sizeOrType(v.id), 0),
};
