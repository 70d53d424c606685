// SPDX-License-Identifier: MIT
import { InternalError } from '@tsbpf/uapi';
import { defineHelper, type HelperRow } from '@tsbpf/core';

/**
 * Tail calls replace the running program, which only an engine can do: the row says that they exist, and engines know it
 * by `special`. @see kernel/bpf/core.c, bpf_tail_call_proto
 */
export const tailCallHelpers: readonly HelperRow[] = [
  defineHelper('bpf_tail_call', {
    retWidth: 'sext',
    call() {
      throw new InternalError('bpf_tail_call was called as a function: engines make tail calls themselves');
    },
  }),
];
