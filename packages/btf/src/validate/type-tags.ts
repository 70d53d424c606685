// SPDX-License-Identifier: MIT
import { EINVAL, ELOOP } from '@tsbpf/uapi';
import { BTF_KIND_TYPE_TAG } from '../kinds.ts';
import type { ValidateEnv } from './env.ts';
import { isModifier } from './walk.ts';

/** Modifiers in a row, at most. */
const MAX_CHAIN = 32;

/** Since Linux 5.17: in a chain of modifiers, type tags come first. */
export function checkTypeTags(env: ValidateEnv): number {
  for (let id = 1; id <= env.nrTypes; id++) {
    let inTags = env.kind(id) === BTF_KIND_TYPE_TAG;
    let at = id;
    for (let steps = 0; isModifier(env.kind(at)); steps++) {
      if (steps === MAX_CHAIN) {
        env.failPlain('Max chain length or cycle detected');
        return ELOOP;
      }
      const isTag = env.kind(at) === BTF_KIND_TYPE_TAG;
      if (isTag && !inTags) return env.failPlain("Type tags don't precede modifiers");
      inTags = isTag;
      at = env.sizeOrType(at);
      if (!env.exists(at)) return EINVAL;
    }
  }
  return 0;
}
