// SPDX-License-Identifier: MIT
// The same tools where kernel structures are laid out as the running kernel has them: 5.6's rules, later types.
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeTool, events, ms, only, start, world, type Layout } from './tool.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const missing = !existsSync(VMLINUX);
if (missing) console.log(`tools with the running kernel's types: skipped, no ${VMLINUX}`);

const EXEC: Layout = {
  pid: 's32',
  ppid: 's32',
  uid: 'u32',
  retval: 's32',
  args_count: 's32',
  args_size: 'u32',
  comm: 'char[16]',
};
const SLOW: Layout = { task: 'char[16]', prev_task: 'char[16]', delta_us: 'u64', pid: 's32', prev_pid: 's32' };
const EXIT: Layout = {
  start_time: 'u64',
  exit_time: 'u64',
  pid: 's32',
  tid: 's32',
  ppid: 's32',
  sig: 'u32',
  exit_code: 's32',
};

describeTool('execsnoop', (engine) => {
  it.skipIf(missing)('walks task_struct as it is there; so do exitsnoop and runqslower', () => {
    const kernel = world(engine, { vmlinux: readFileSync(VMLINUX) });
    const { tracing } = kernel;
    const execs = events(start(kernel, 'execsnoop'), EXEC);
    const exits = events(start(kernel, 'exitsnoop'), EXIT);
    const slow = events(
      start(kernel, 'runqslower', (obj) => only(obj, ({ name }) => name.startsWith('handle_'))),
      SLOW,
    );
    const sh = tracing.tasks.create({ pid: 69, comm: 'sh', uid: 1000 });
    const task = tracing.tasks.create({ pid: 70, comm: 'sh', uid: 1000, parent: sh });
    tracing.tasks.wakeUp(task, { fresh: true });
    kernel.state.env.advanceNs(ms(30));
    tracing.tasks.switchTo(task, { leaves: 'interruptible' });
    tracing.syscall('execve', ['/bin/ls', ['ls'], []], () => (tracing.tasks.exec('/bin/ls'), 0));
    tracing.tasks.exit(task, { code: 1 });

    expect(slow.rows().map(({ task: comm, delta_us, prev_task }) => [comm, delta_us, prev_task])).toEqual([
      ['sh', 30_000n, 'tsbpf'],
    ]);
    expect(execs.rows().map(({ comm, pid, ppid, uid }) => [comm, pid, ppid, uid])).toEqual([['ls', 70, 69, 1000]]);
    expect(exits.rows().map(({ pid, ppid, exit_code }) => [pid, ppid, exit_code])).toEqual([[70, 69, 1]]);
  });
});
