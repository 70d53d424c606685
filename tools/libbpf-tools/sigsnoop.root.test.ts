// SPDX-License-Identifier: MIT
// sigsnoop prints signals: who sent which to whom, and how that went.
import { expect, it } from 'vitest';
import { describeTool, events, only, start, world, type Layout } from './tool.ts';

const EVENT: Layout = { pid: 'u32', tpid: 'u32', sig: 's32', ret: 's32', comm: 'char[16]' };
const [SIGTERM, SIGCHLD, ESRCH] = [15, 17, 3];

describeTool('sigsnoop', (engine) => {
  it('prints PID COMM SIG TPID RESULT of all signals', () => {
    const kernel = world(engine);
    const { tasks } = kernel.tracing;
    const ring = events(
      start(kernel, 'sigsnoop', (obj) => only(obj, ({ name }) => name === 'sig_trace')),
      EVENT,
    );
    const [bash, sleep] = [tasks.create({ pid: 50, comm: 'bash' }), tasks.create({ pid: 60, comm: 'sleep' })];
    tasks.as(bash, () => kernel.tracing.emit('signal_generate', SIGTERM, null, sleep, 1, 0));
    tasks.as(sleep, () => kernel.tracing.emit('signal_generate', SIGCHLD, null, bash, 1, 0));
    expect(ring.rows().map(({ pid, comm, sig, tpid, ret }) => [pid, comm, sig, tpid, ret].join(' '))).toEqual([
      '50 bash 15 60 0',
      '60 sleep 17 50 0',
    ]);
  });

  it('with -k, of kill(2) and its relatives', () => {
    const kernel = world(engine);
    const { tracing } = kernel;
    const ring = events(
      start(kernel, 'sigsnoop', (obj) => only(obj, ({ name }) => name !== 'sig_trace')),
      EVENT,
    );
    tracing.tasks.as(tracing.tasks.create({ pid: 50, comm: 'bash' }), () => {
      tracing.syscall('kill', [60, SIGTERM], 0);
      tracing.syscall('tkill', [61, SIGTERM], -ESRCH);
      tracing.syscall('tgkill', [62, 63, 9], 0);
    });
    expect(ring.rows().map(({ pid, sig, tpid, ret }) => [pid, sig, tpid, ret])).toEqual([
      [50, SIGTERM, 60, 0],
      [50, SIGTERM, 61, -ESRCH],
      [50, 9, 63, 0],
    ]);
  });
});
