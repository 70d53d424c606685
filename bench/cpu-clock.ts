// SPDX-License-Identifier: MIT
// CPU time. Wall clocks count the time that other processes had; V8's own threads compile while we measure.
import koffi from 'koffi';

const CLOCK_THREAD_CPUTIME_ID = 3;

/** Nanoseconds of CPU time that this thread has used; of the process where the system has no such clock. */
export const cpuNs: () => number = threadClock() ?? processCpuNs;

function processCpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function threadClock(): (() => number) | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const clockGettime = koffi.load(null).func('int clock_gettime(int clock, _Out_ int64_t *time)') as (
      clock: number,
      time: BigInt64Array,
    ) => number;
    const time = new BigInt64Array(2);
    if (clockGettime(CLOCK_THREAD_CPUTIME_ID, time) !== 0) return undefined;
    return () => {
      clockGettime(CLOCK_THREAD_CPUTIME_ID, time);
      return Number(time[0]) * 1e9 + Number(time[1]);
    };
  } catch {
    return undefined;
  }
}
