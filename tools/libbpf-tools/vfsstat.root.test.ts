// SPDX-License-Identifier: MIT
// vfsstat counts calls of the file systems' common functions.
import { expect, it } from 'vitest';
import { describeTool, only, start, world } from './tool.ts';

/** READ WRITE FSYNC OPEN CREATE */
const COLUMNS = ['vfs_read', 'vfs_write', 'vfs_fsync', 'vfs_open', 'vfs_create'] as const;

describeTool('vfsstat', (engine) => {
  // The tool takes fentry where the kernel has it.
  it.each(['fentry', 'kprobe'])('counts by %s', (how) => {
    const kernel = world(engine);
    const { tracing } = kernel;
    const { obj } = start(kernel, 'vfsstat', (object) => only(object, ({ name }) => name.startsWith(how)));
    for (const name of COLUMNS) tracing.defineFunction(name, () => 0);

    for (let i = 0; i < 7; i++) tracing.call('vfs_read', null, null, 4096, null);
    for (let i = 0; i < 3; i++) tracing.call('vfs_write', null, null, 512, null);
    tracing.call('vfs_open', null, null);
    tracing.call('vfs_open', null, null);
    tracing.call('vfs_create', null, null, 0o644, false);

    expect(obj.bss['stats']).toEqual([7n, 3n, 0n, 2n, 1n]);
  });
});
