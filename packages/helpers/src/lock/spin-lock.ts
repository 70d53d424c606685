// SPDX-License-Identifier: MIT
import { EBUSY, NotSupportedError } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';

const FREE = 0;
const HELD = 1;

/**
 * The lock word in a map value, 1 while held. There is one thread, so the only one that could find a lock held is a run
 * nested in the holder's: Linux would spin for ever.
 * @see kernel/bpf/helpers.c, bpf_spin_lock
 */
export const spinLockHelpers: readonly HelperRow[] = [
  defineHelper('bpf_spin_lock', {
    retWidth: 'sext',
    call({ kernel }, lock) {
      if (kernel.mem.read32(lock >>> 0) !== FREE) {
        throw new NotSupportedError('a bpf_spin_lock is taken while the run it is nested in holds it: a deadlock', {
          errno: EBUSY,
          feature: 'waiting for a bpf_spin_lock',
        });
      }
      kernel.mem.write32(lock >>> 0, HELD);
      return 0;
    },
  }),
  defineHelper('bpf_spin_unlock', {
    retWidth: 'sext',
    call({ kernel }, lock) {
      kernel.mem.write32(lock >>> 0, FREE);
      return 0;
    },
  }),
];
