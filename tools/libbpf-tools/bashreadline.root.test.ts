// SPDX-License-Identifier: MIT
// bashreadline prints the lines that users type into shells: what readline() returned.
import { expect, it } from 'vitest';
import { decode, describeTool, only, start, world, type Layout } from './tool.ts';

const EVENT: Layout = { pid: 'u32', str: 'char[80]' };
const BASH = '/bin/bash';
const READLINE = 0xd5000n;

describeTool('bashreadline', (engine) => {
  it('prints PID COMMAND', () => {
    const kernel = world(engine);
    const { tracing } = kernel;
    const { obj } = start(kernel, 'bashreadline', (object) => only(object, () => true), { attach: false });
    // The tool looks readline up in the library or in bash, and attaches to its return there.
    obj.program('printret').attachUprobe({ path: BASH, offset: READLINE, retprobe: true });
    const ring = tracing.perfBuffer(obj.map('events'));
    const typed = (comm: string, pid: number, line: string | null): void => {
      tracing.tasks.as(tracing.tasks.create({ pid, comm }), () =>
        tracing.fireUprobe(BASH, READLINE, { ret: tracing.user.word(line) }),
      );
    };
    typed('bash', 21176, 'ls -l');
    typed('python3', 999, 'import os');
    typed('bash', 21190, 'date');
    typed('bash', 21190, null);
    const printed = ring
      .take()
      .flatMap((record) => (record.type === 'sample' ? [decode(record.data, EVENT)] : []))
      .map(({ pid, str }) => `${pid} ${str}`);
    expect(printed).toEqual(['21176 ls -l', '21190 date']);
  });
});
