// SPDX-License-Identifier: MIT
import type { BpfAttrs, BpfCmd } from '@tsbpf/uapi';
import type { KernelState } from './kernel-state.ts';

/** A bpf(2) command: returns >= 0 or -errno and writes out-fields to `attr`. */
export type Command<C extends BpfCmd> = (k: KernelState, attr: BpfAttrs[C]) => number;
