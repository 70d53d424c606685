// SPDX-License-Identifier: MIT
import type { HelperRow } from '@tsbpf/core';
import { cpuHelpers } from './cpu.ts';
import { spinLockHelpers } from './lock/spin-lock.ts';
import { mapElementHelpers } from './map/elements.ts';
import { probeReadHelpers } from './probe/probe-read.ts';
import { probeWriteHelpers } from './probe/probe-write.ts';
import { strtoHelpers } from './string/strto.ts';
import { tailCallHelpers } from './tail-call.ts';
import { currentTaskHelpers } from './task/current.ts';
import { timeHelpers } from './time.ts';
import { tracePrintkHelpers } from './print/trace-printk.ts';

/** Helpers that belong to no subsystem. @see kernel/bpf/helpers.c, bpf_base_func_proto; kernel/trace/bpf_trace.c */
export const helperRows: readonly HelperRow[] = [
  ...mapElementHelpers,
  ...cpuHelpers,
  ...timeHelpers,
  ...tailCallHelpers,
  ...spinLockHelpers,
  ...currentTaskHelpers,
  ...probeReadHelpers,
  ...probeWriteHelpers,
  ...strtoHelpers,
  ...tracePrintkHelpers,
];
