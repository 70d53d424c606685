// SPDX-License-Identifier: MIT
// The machine's CPUs, and staying on one of them.
import { readFileSync } from 'node:fs';
import { EINVAL, InternalError, SyscallError, UsageError } from '@tsbpf/uapi';
import { openLibc } from './libc.ts';

const MASK_BYTES = 128;

/** The CPU numbers in a list such as `0-3,8`. */
export function parseCpuList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/** The number of possible CPUs, which is the number of slots in a per-CPU map's value. */
export function possibleCpus(): number {
  const cpus = parseCpuList(readFileSync('/sys/devices/system/cpu/possible', 'utf8'));
  if (cpus.length === 0) throw new InternalError('/sys/devices/system/cpu/possible names no CPU');
  return cpus.length;
}

/**
 * Keeps the calling thread, which makes all of a host's system calls, on one CPU, so that per-CPU values and
 * bpf_get_smp_processor_id are the same in every run.
 *
 * @throws SyscallError EINVAL where there is no such CPU.
 * @see sched_setaffinity(2)
 */
export function pinToCpu(cpu: number): void {
  if (!Number.isInteger(cpu) || cpu < 0 || cpu >= MASK_BYTES * 8)
    throw new UsageError(`CPU ${cpu} is not an integer from 0 to ${MASK_BYTES * 8 - 1}`, { errno: EINVAL });
  const mask = new Uint8Array(MASK_BYTES);
  mask[cpu >> 3] = 1 << (cpu & 7);
  const result = openLibc().schedSetAffinity(0, mask);
  if (result < 0) throw new SyscallError(`Cannot stay on CPU ${cpu}`, { errno: -result, cmd: 'sched_setaffinity' });
}
