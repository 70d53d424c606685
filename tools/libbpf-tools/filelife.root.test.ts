// SPDX-License-Identifier: MIT
// filelife prints files that were created and deleted again while it watched, and how long they lived.
import { expect, it } from 'vitest';
import type { SimulatedKernel } from 'tsbpf';
import { describeTool, events, ms, start, world, type Layout } from './tool.ts';

const EVENT: Layout = { file: 'char[32]', task: 'char[16]', delta_ns: 'u64', tgid: 's32' };

function files(kernel: SimulatedKernel) {
  const { tracing } = kernel;
  for (const name of ['vfs_create', 'vfs_unlink']) tracing.defineFunction(name, () => 0);
  return {
    dentry: (name: string) => tracing.fakeObject('dentry', { d_name: { name, len: name.length } }),
    create: (dentry: { off: number }) => tracing.call('vfs_create', null, dentry, 0o600, true),
    unlink: (dentry: { off: number }) => tracing.call('vfs_unlink', null, dentry, null),
  };
}

describeTool('filelife', (engine) => {
  it('prints PID COMM AGE(s) FILE of short-lived files', () => {
    const kernel = world(engine);
    const { tasks } = kernel.tracing;
    const { dentry, create, unlink } = files(kernel);
    const ring = events(start(kernel, 'filelife'), EVENT);
    const [object, old] = [dentry('ccJ8IaoT.s'), dentry('there-before')];
    const gcc = tasks.create({ pid: 8556, comm: 'gcc' });

    tasks.as(gcc, () => create(object));
    kernel.state.env.advanceNs(ms(40));
    tasks.as(tasks.create({ pid: 8560, comm: 'rm' }), () => unlink(old));
    tasks.as(gcc, () => unlink(object));

    const printed = ring.rows().map(({ tgid, task, delta_ns, file }) => {
      return [tgid, task, (Number(delta_ns) / 1e9).toFixed(2), file].join(' ');
    });
    expect(printed).toEqual(['8556 gcc 0.04 ccJ8IaoT.s']);
  });

  it('with -p, only those of one process', () => {
    const kernel = world(engine);
    const { tasks } = kernel.tracing;
    const { dentry, create, unlink } = files(kernel);
    const ring = events(
      start(kernel, 'filelife', (obj) => (obj.rodata['targ_tgid'] = 11)),
      EVENT,
    );
    for (const pid of [10, 11, 12]) {
      const file = dentry(`tmp${pid}`);
      tasks.as(tasks.create({ pid, comm: 'sort' }), () => (create(file), unlink(file)));
    }
    expect(ring.rows().map(({ file }) => file)).toEqual(['tmp11']);
  });
});
