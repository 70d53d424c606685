// SPDX-License-Identifier: MIT
// exitsnoop prints each process that ends: how old it got, and why it ended.
import { expect, it } from 'vitest';
import { describeTool, events, ms, seconds, start, world, type Layout, type Settings } from './tool.ts';

const EVENT: Layout = {
  ...{ start_time: 'u64', exit_time: 'u64', pid: 's32', tid: 's32', ppid: 's32', sig: 'u32', exit_code: 's32' },
  ...{ comm: 'char[16]' },
};
const SIGKILL = 9;

describeTool('exitsnoop', (engine) => {
  /** PCOMM PID PPID TID AGE(s) EXIT_CODE */
  function lines(settings: Settings): string[] {
    const kernel = world(engine);
    const { tasks } = kernel.tracing;
    const ring = events(start(kernel, 'exitsnoop', settings), EVENT);
    const bash = tasks.create({ pid: 100, comm: 'bash' });
    const sleep = tasks.create({ pid: 101, comm: 'sleep', parent: bash });
    const thread = tasks.create({ pid: 103, tgid: 102, comm: 'worker', parent: bash });
    const grep = tasks.create({ pid: 104, comm: 'grep', parent: bash });
    kernel.state.env.advanceNs(ms(250));
    tasks.exit(grep, { code: 1 });
    tasks.exit(thread);
    kernel.state.env.advanceNs(seconds(2));
    tasks.exit(sleep, { signal: SIGKILL });
    return ring.rows().map((row) => {
      const age = (Number(row.exit_time) - Number(row.start_time)) / 1e9;
      const why = row.sig === 0 ? `code ${row.exit_code}` : `signal ${row.sig}`;
      return [row.comm, row.pid, row.ppid, row.tid, age.toFixed(2), why].join(' ');
    });
  }

  it('prints processes, not threads', () => {
    expect(lines(() => undefined)).toEqual(['grep 104 100 104 0.25 code 1', 'sleep 101 100 101 2.25 signal 9']);
  });

  it('with -T, prints threads; with -x, errors; with -p, one process', () => {
    expect(lines((obj) => (obj.rodata['trace_by_process'] = false))[1]).toBe('worker 102 100 103 0.25 code 0');
    expect(lines((obj) => (obj.rodata['trace_failed_only'] = true))).toHaveLength(2);
    expect(lines((obj) => (obj.rodata['target_pid'] = 104))).toEqual(['grep 104 100 104 0.25 code 1']);
  });
});
