// SPDX-License-Identifier: MIT
import type { KernelServices } from '@tsbpf/core';

/** Interrupts off, no reschedule due, no interrupt, preemption not off: where the script says nothing else. */
const LATENCY = 'd...';
/** What traces call the task that runs where nobody wants the CPU. */
const IDLE = { pid: 0, comm: '<idle>' };

/**
 * A line as trace_pipe shows it: task, CPU, flags, seconds of the trace clock, and `0` for the instruction pointer, which
 * v5.6 gives as 0 (the name bpf_trace_printk came with v5.9).
 * @see kernel/trace/trace_output.c, trace_print_context, trace_print_print
 */
export function traceLine(kernel: KernelServices, text: string): string {
  const { cpu, latency = LATENCY } = kernel.env;
  const current = kernel.env.current.pid === IDLE.pid ? IDLE : kernel.env.current;
  const us = kernel.env.ktimeNs() / 1000n;
  const task = `${current.comm.padStart(16)}-${current.pid.toString().padEnd(5)}`;
  const time = `${(us / 1_000_000n).toString().padStart(5)}.${(us % 1_000_000n).toString().padStart(6, '0')}`;
  return `${task} [${cpu.toString().padStart(3, '0')}] ${latency} ${time}: 0: ${text}`;
}
