// SPDX-License-Identifier: MIT
// opensnoop prints each open(2) and openat(2): the process, the fd or the error, and the path.
import { expect, it } from 'vitest';
import type { SimulatedKernel } from 'tsbpf';
import { describeTool, events, start, world, type Layout, type Settings } from './tool.ts';

const EVENT: Layout = {
  ...{ ts: 'u64', pid: 's32', uid: 'u32', ret: 's32', flags: 's32', caller0: 'u64', caller1: 'u64' },
  ...{ comm: 'char[16]', fname: 'char[255]' },
};
const AT_FDCWD = -100;

/** What the tool sets without -u. */
const ANY_UID = 0xffffffff;

/** PID COMM FD ERR PATH: an fd of -1 where there is an error. */
function lines(kernel: SimulatedKernel, settings: Settings, run: () => void): string[] {
  const tool = start(kernel, 'opensnoop', (obj) => {
    obj.rodata['targ_uid'] = ANY_UID;
    settings(obj);
  });
  const ring = events(tool, EVENT);
  run();
  return ring.rows().map(({ pid, comm, ret, fname }) => {
    const result = Number(ret);
    return [pid, comm, result < 0 ? -1 : result, result < 0 ? -result : 0, fname].join(' ');
  });
}

describeTool('opensnoop', (engine) => {
  /** Two processes that open files, one of them in vain. */
  function scenario(kernel: SimulatedKernel): void {
    const { tracing } = kernel;
    const cat = tracing.tasks.create({ pid: 2001, comm: 'cat', uid: 1000 });
    const cron = tracing.tasks.create({ pid: 512, tgid: 500, comm: 'cron' });
    tracing.tasks.as(cat, () => {
      tracing.syscall('openat', [AT_FDCWD, '/etc/ld.so.cache', 0o2000000, 0], 3);
      tracing.syscall('openat', [AT_FDCWD, 'notes.txt', 0, 0], -2);
    });
    tracing.tasks.as(cron, () => tracing.syscall('open', ['/etc/crontab', 0, 0], 5));
  }

  it('prints what processes open, and what they fail to', () => {
    const kernel = world(engine);
    const printed = lines(
      kernel,
      () => undefined,
      () => scenario(kernel),
    );
    expect(printed).toEqual(['2001 cat 3 0 /etc/ld.so.cache', '2001 cat -1 2 notes.txt', '500 cron 5 0 /etc/crontab']);
  });

  it.each<[string, Settings, string[]]>([
    ['-x', (obj) => (obj.rodata['targ_failed'] = true), ['2001 cat -1 2 notes.txt']],
    ['-p 500', (obj) => (obj.rodata['targ_tgid'] = 500), ['500 cron 5 0 /etc/crontab']],
    ['-t 512', (obj) => (obj.rodata['targ_pid'] = 512), ['500 cron 5 0 /etc/crontab']],
    ['-u 1000', (obj) => (obj.rodata['targ_uid'] = 1000), ['2001 cat 3 0 /etc/ld.so.cache', '2001 cat -1 2 notes.txt']],
  ])('with %s, only some of them', (_flags, settings, expected) => {
    const kernel = world(engine);
    expect(lines(kernel, settings, () => scenario(kernel))).toEqual(expected);
  });

  it('prints an empty path where user memory cannot be read', () => {
    const kernel = world(engine);
    const printed = lines(
      kernel,
      () => undefined,
      () => {
        kernel.tracing.tasks.as(kernel.tracing.tasks.create({ pid: 9, comm: 'crashme' }), () =>
          kernel.tracing.syscall('open', [0xdead_0000n, 0, 0], -14),
        );
      },
    );
    expect(printed).toEqual(['9 crashme -1 14 ']);
  });
});
