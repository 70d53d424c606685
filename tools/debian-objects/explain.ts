// SPDX-License-Identifier: MIT
// What Debian's libbpf 1.1 does otherwise than later versions, whose model the loader follows.
import type { LoadEvent } from '../../packages/loader/test/capture/events.ts';

export interface VersionRule {
  readonly name: string;
  /** Which version changed it, and how. */
  readonly why: string;
  /** What libbpf 1.1 would have made of our event; undefined where the rule does not apply. */
  readonly asIn11?: (event: LoadEvent) => LoadEvent | undefined;
  /** Whether 1.1 refuses an object with these words that later versions take. */
  readonly refuses?: RegExp;
}

/** A call that a loader made invalid, its immediate of the kind that stands for an extern. */
const POISONED_CALL = /^85000000[0-9a-f]{4}5477$/gm;

export const VERSION_RULES: readonly VersionRule[] = [
  {
    name: 'weak-kfunc-1.2',
    why: 'a call of a weak kernel function that is not there becomes invalid; 1.1 leaves a call of function 0',
    asIn11(event) {
      if (event.event !== 'prog' || typeof event.fields['insns'] !== 'string') return undefined;
      const insns = event.fields['insns'].replace(POISONED_CALL, '8520000000000000');
      if (insns === event.fields['insns']) return undefined;
      return { ...event, fields: { ...event.fields, insns } };
    },
  },
  {
    name: 'custom-bss-1.3',
    why: 'sections named .bss.* are maps',
    refuses: /bad map relo against '[^']*' in section '\.bss\./,
  },
  {
    name: 'struct-ops-members-1.4',
    why: 'members of struct_ops that the kernel lacks may be zero',
    refuses: /struct_ops init_kern .*: Cannot find member/i,
  },
  {
    name: 'unknown-section',
    why: 'a program of a section without a known name loads once it is given a type; bpftool gives it none',
    refuses: /failed to guess program type from ELF section/,
  },
  {
    name: 'legacy-maps',
    why: 'we open legacy map definitions, which libbpf 1.x refuses',
    refuses: /legacy map definitions in 'maps' section are not supported/,
  },
];
