// SPDX-License-Identifier: MIT
import { EINVAL, EPERM } from '@tsbpf/uapi';
import { callHelper, createTestKernel, signed } from '@tsbpf/testkit';
import { expect, test } from 'vitest';
import { tracingOf } from '../tracing.ts';
import { signalHelpers as rows } from './signal.ts';

test('signals to the current task are noted', () => {
  const kernel = createTestKernel({ env: { task: { pid: 42 } } });
  const send = (variant: string, sig: number): number => signed(callHelper(kernel, { rows, variant }, { args: [sig] }));
  expect(send('bpf_send_signal', 9)).toBe(0);
  expect(send('bpf_send_signal_thread', 64)).toBe(0);
  expect(send('bpf_send_signal', 65)).toBe(-EINVAL);
  expect(send('bpf_send_signal', 0xffffffff)).toBe(-EINVAL);
  kernel.env.current = { ...kernel.env.current, pid: 0 };
  expect(send('bpf_send_signal', 9)).toBe(-EPERM);
  expect(tracingOf(kernel).signals).toEqual([
    { pid: 42, signal: 9, thread: false },
    { pid: 42, signal: 64, thread: true },
  ]);
});
