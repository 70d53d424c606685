// SPDX-License-Identifier: MIT
import { E2BIG, EEXIST } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import { MAX_RESOLVE_DEPTH, RESOLVE_TBD, type ValidateEnv } from './env.ts';
import { isComposite, isModifier, typeAndSize } from './walk.ts';

/** Whether what the steps left behind is consistent. */
function settledWell(env: ValidateEnv, id: number): boolean {
  if (!env.isResolved(id)) return false;
  const kind = env.kind(id);
  if (isComposite(kind) || kind === K.BTF_KIND_DATASEC) {
    return env.resolvedId(id) === 0 && env.resolvedSize(id) === 0;
  }
  if (kind === K.BTF_KIND_DECL_TAG || kind === K.BTF_KIND_FUNC) {
    return env.resolvedId(id) !== 0 && env.resolvedSize(id) === 0;
  }
  if (isModifier(kind) || kind === K.BTF_KIND_PTR || kind === K.BTF_KIND_VAR) {
    const behind = env.kind(env.resolvedId(id));
    return !isModifier(behind) && behind !== K.BTF_KIND_VAR && behind !== K.BTF_KIND_DATASEC;
  }
  if (kind === K.BTF_KIND_ARRAY) {
    const elem = typeAndSize(env, env.extra(id, 0));
    return (
      elem !== undefined && !isModifier(env.kind(elem.id)) && elem.size * env.extra(id, 2) === env.resolvedSize(id)
    );
  }
  return false;
}

/**
 * Resolves a type and all that it needs, depth first on an explicit stack. Returns 0 or a positive errno.
 * @errno EEXIST types contain one another by value; E2BIG nested deeper than 32
 */
export function resolveType(env: ValidateEnv, id: number): number {
  const shownId = env.logTypeId;
  env.resolveMode = RESOLVE_TBD;
  let err = env.push(id);
  while (!err && env.stack.length > 0) {
    const v = env.stack[env.stack.length - 1];
    env.logTypeId = v.id;
    const { resolve } = env.kindRules(env.kind(v.id));
    err = resolve ? resolve(env, v) : env.failBasic(v.id, 'Unsupported resolve');
  }
  env.logTypeId = shownId;
  if (err === E2BIG) env.fail(id, `Exceeded max resolving depth:${MAX_RESOLVE_DEPTH}`);
  else if (err === EEXIST) env.fail(id, 'Loop detected');
  if (!err && !settledWell(env, id)) return env.fail(id, 'Invalid resolve state');
  return err;
}
