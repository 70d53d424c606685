// SPDX-License-Identifier: MIT
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { returnWords } from './words.ts';

/** Clocks. Reading one may advance it, as the environment's script says. @see kernel/bpf/helpers.c */
export const timeHelpers: readonly HelperRow[] = [
  defineHelper('bpf_ktime_get_ns', { retWidth: 'words', call: (call) => returnWords(call, call.kernel.env.ktimeNs()) }),
  defineHelper('bpf_jiffies64', { retWidth: 'words', call: (call) => returnWords(call, call.kernel.env.jiffies()) }),
];
