// SPDX-License-Identifier: MIT
// biolatency shows how long block devices take for requests, as a histogram of microseconds.
import { expect, it } from 'vitest';
import type { EngineName, BpfObject } from 'tsbpf';
import { describeTool, log2Hist, only, start, us, world, type Settings } from './tool.ts';

/** Programs for kernels without typed tracepoints: 5.6 takes no typed pointer from the stack, as the others pass it. */
const rawTracepoints: Settings = (obj) => only(obj, ({ name }) => !name.endsWith('_btf'));

const REQ_OP_WRITE = 1;
const REQ_SYNC = 1 << 11;
const DISKS = { sda: { major: 8, first_minor: 0 }, sdb: { major: 8, first_minor: 16 } };

/** Requests: inserted, issued after a while in the queue, completed after another. */
function scenario(engine: EngineName, settings: Settings): BpfObject {
  const kernel = world(engine);
  const { tracing } = kernel;
  const { obj } = start(kernel, 'biolatency', (object) => {
    rawTracepoints(object);
    settings(object);
  });
  const request = (disk: keyof typeof DISKS, flags: number, { queuedUs, servedUs }: Record<string, number>): void => {
    const rq = tracing.fakeObject('request', {
      ...{ rq_disk: DISKS[disk], cmd_flags: flags, __data_len: 4096 },
      // A queue with an I/O scheduler, in which requests wait.
      q: { elevator: {} },
    });
    tracing.emit('block_rq_insert', null, rq);
    kernel.state.env.advanceNs(us(queuedUs));
    tracing.emit('block_rq_issue', null, rq);
    kernel.state.env.advanceNs(us(servedUs));
    tracing.emit('block_rq_complete', rq, 0, 4096);
    rq.free();
  };
  request('sda', 0, { queuedUs: 10, servedUs: 90 });
  request('sda', REQ_OP_WRITE | REQ_SYNC, { queuedUs: 300, servedUs: 120 });
  request('sdb', REQ_OP_WRITE | REQ_SYNC, { queuedUs: 1, servedUs: 2050 });
  return obj;
}

/** The histograms, by what the tool asked for. */
function hists(obj: BpfObject): Record<string, Record<string, number>> {
  const entries = [...obj.map('hists').entries()] as [{ cmd_flags: number; dev: number }, { slots: number[] }][];
  return Object.fromEntries(
    entries.map(([{ cmd_flags, dev }, { slots }]) => [`flags ${cmd_flags} dev ${dev}`, log2Hist(slots)]),
  );
}

describeTool('biolatency', (engine) => {
  it('counts the time from issue to completion', () => {
    expect(hists(scenario(engine, () => undefined))).toEqual({
      'flags 0 dev 0': { '64 -> 127': 2, '2048 -> 4095': 1 },
    });
  });

  it('with -Q, includes the time in the queue', () => {
    expect(hists(scenario(engine, (obj) => (obj.rodata['targ_queued'] = true)))).toEqual({
      'flags 0 dev 0': { '64 -> 127': 1, '256 -> 511': 1, '2048 -> 4095': 1 },
    });
  });

  it('with -D, tells disks apart', () => {
    expect(hists(scenario(engine, (obj) => (obj.rodata['targ_per_disk'] = true)))).toEqual({
      // Major and minor as device numbers have them: 8:0 and 8:16.
      [`flags 0 dev ${8 << 20}`]: { '64 -> 127': 2 },
      [`flags 0 dev ${(8 << 20) | 16}`]: { '2048 -> 4095': 1 },
    });
  });

  it('with -F, tells flags apart', () => {
    expect(hists(scenario(engine, (obj) => (obj.rodata['targ_per_flag'] = true)))).toEqual({
      'flags 0 dev 0': { '64 -> 127': 1 },
      [`flags ${REQ_OP_WRITE | REQ_SYNC} dev 0`]: { '64 -> 127': 1, '2048 -> 4095': 1 },
    });
  });
});
