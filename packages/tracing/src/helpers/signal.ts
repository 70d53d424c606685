// SPDX-License-Identifier: MIT
import { EINVAL, EPERM } from '@tsbpf/uapi';
import { defineHelper, type HelperImpl, type HelperRow } from '@tsbpf/core';
import { tracingOf } from '../tracing.ts';

const IDLE_PID = 0;
const MAX_SIGNAL = 64;

/** Signals are noted, not delivered: `Tracing.signals`. @see kernel/trace/bpf_trace.c, bpf_send_signal_common */
const sender = (thread: boolean): HelperImpl => ({
  retWidth: 'sext',
  call({ kernel }, sig) {
    const { pid } = kernel.env.current;
    if (pid === IDLE_PID) return -EPERM;
    const signal = sig >>> 0;
    if (signal > MAX_SIGNAL) return -EINVAL;
    tracingOf(kernel).signals.push({ pid, signal, thread });
    return 0;
  },
});

export const signalHelpers: readonly HelperRow[] = [
  defineHelper('bpf_send_signal', sender(false)),
  defineHelper('bpf_send_signal_thread', sender(true)),
];
