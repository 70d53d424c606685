// SPDX-License-Identifier: MIT
import { ELOOP } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { ValidateEnv } from './env.ts';
import { isModifier } from './walk.ts';

/** Type tags and modifiers behind a pointer, at most. */
const MAX_CHAIN = 128;

/** Since Linux 5.17: between a pointer and what it points at, tags come before modifiers. */
export function checkTypeTags(env: ValidateEnv): number {
  for (let id = 1; id <= env.nrTypes; id++) {
    const kind = env.kind(id);
    // A FUNC_PROTO's or composite's parts are reached through the ids they name.
    if (!isModifier(kind) && kind !== K.BTF_KIND_PTR) continue;
    let at = env.sizeOrType(id);
    let inTags = kind === K.BTF_KIND_TYPE_TAG || kind === K.BTF_KIND_PTR || kind === K.BTF_KIND_TYPEDEF;
    for (let steps = 0; env.exists(at) && isModifier(env.kind(at)); steps++) {
      if (steps === MAX_CHAIN) {
        env.fail(id, 'Max chain length or cycle detected');
        return ELOOP;
      }
      if (env.kind(at) === K.BTF_KIND_TYPEDEF) break;
      if (env.kind(at) === K.BTF_KIND_TYPE_TAG) {
        if (!inTags) return env.fail(id, "Type tags don't precede modifiers");
      } else {
        inTags = false;
      }
      at = env.sizeOrType(at);
    }
  }
  return 0;
}
