// SPDX-License-Identifier: MIT
import { EISDIR, ENOENT, ENOTDIR } from '@tsbpf/uapi';
import { createTestSys } from '@tsbpf/testkit';
import { expect, test } from 'vitest';
import { cgroupsOf } from './cgroups.ts';
import { cgroupRegistries } from './registries.ts';

const O_DIRECTORY = 0o200000;

test('files of the cgroup file system and of /proc', () => {
  const sys = createTestSys({ rows: cgroupRegistries(), env: { task: { pid: 4000 } } });
  const cgroups = cgroupsOf(sys.state);
  cgroups.create('/web');
  const task = cgroups.spawn({ cgroup: '/web' });
  const read = (path: string): string | number => {
    const bytes = sys.readFile(path);
    return typeof bytes === 'number' ? bytes : new TextDecoder().decode(bytes);
  };
  expect(read('/sys/fs/cgroup/cgroup.procs')).toBe('4000\n');
  expect(read('/sys/fs/cgroup/web/cgroup.procs')).toBe(`${task.task.pid}\n`);
  expect([read('/sys/fs/cgroup/web'), read('/sys/fs/cgroup/none/cgroup.procs')]).toEqual([-EISDIR, -ENOENT]);
  expect(task.run(() => read('/proc/self/cgroup'))).toBe('0::/web\n');
  expect(read('/proc/sys/kernel/ostype')).toBe('Linux\n');
  expect(read('/proc/sys/kernel/unprivileged_bpf_disabled'), 'the kernel has that one itself').toBe('0\n');

  expect(sys.open('/sys/fs/cgroup/web/cgroup.procs', O_DIRECTORY)).toBe(-ENOTDIR);
  expect(sys.open('/sys/fs/cgroup/none', 0)).toBe(-ENOENT);
  expect(() => cgroups.remove('/web')).toThrow('in use');
  task.exit();
  const fd = sys.open('/sys/fs/cgroup/web', O_DIRECTORY);
  const { id } = cgroups.get('/web');
  cgroups.remove('/web');
  expect([cgroups.find('/web'), cgroups.byId(id)?.dead]).toEqual([undefined, true]);
  sys.close(fd);
  expect(cgroups.byId(id)).toBe(undefined);
});
