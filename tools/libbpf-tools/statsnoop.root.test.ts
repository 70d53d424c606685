// SPDX-License-Identifier: MIT
// statsnoop prints each call of the stat(2) family: who made it, how it went, and the path.
import { expect, it } from 'vitest';
import { describeTool, events, start, world, type Layout, type Settings } from './tool.ts';

const EVENT: Layout = { ts_ns: 'u64', pid: 's32', ret: 's32', comm: 'char[16]', pathname: 'char[255]' };
const AT_FDCWD = -100;
const ENOENT = 2;

describeTool('statsnoop', (engine) => {
  /** PID COMM FD ERR PATH: -1 and the error where it failed. */
  function lines(settings: Settings): string[] {
    const kernel = world(engine);
    const { tracing } = kernel;
    const ring = events(start(kernel, 'statsnoop', settings), EVENT);
    const as = (pid: number, comm: string, what: () => void): void =>
      tracing.tasks.as(tracing.tasks.create({ pid, comm }), what);
    as(31126, 'bash', () => {
      tracing.syscall('stat', ['.', null], 0);
      tracing.syscall('lstat', ['/usr/local/bin/ps', null], -ENOENT);
      tracing.syscall('newfstatat', [AT_FDCWD, '/usr/bin/ps', null, 0], 0);
    });
    as(510, 'df', () => {
      tracing.syscall('statfs', ['/sys/fs/cgroup', null], 0);
      tracing.syscall('statx', [AT_FDCWD, '/home', 0, 0xfff, null], -ENOENT);
      // Has no path, and is not among them.
      tracing.syscall('fstat', [3, null], 0);
    });
    return ring.rows().map(({ pid, comm, ret, pathname }) => {
      const failed = Number(ret) < 0;
      return [pid, comm, failed ? -1 : ret, failed ? -Number(ret) : 0, pathname].join(' ');
    });
  }

  it('prints the whole family', () => {
    expect(lines(() => undefined)).toEqual([
      '31126 bash 0 0 .',
      '31126 bash -1 2 /usr/local/bin/ps',
      '31126 bash 0 0 /usr/bin/ps',
      '510 df 0 0 /sys/fs/cgroup',
      '510 df -1 2 /home',
    ]);
  });

  it('with -x, only what failed; with -p, only one process', () => {
    expect(lines((obj) => (obj.rodata['trace_failed_only'] = true))).toHaveLength(2);
    expect(lines((obj) => (obj.rodata['target_pid'] = 510))).toEqual([
      '510 df 0 0 /sys/fs/cgroup',
      '510 df -1 2 /home',
    ]);
  });
});
