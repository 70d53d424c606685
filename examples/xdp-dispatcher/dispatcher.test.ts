// SPDX-License-Identifier: MIT
// How several XDP programs share a device: a dispatcher calls them in order, and each can be swapped while packets go
// through. And how to watch what comes of it, without touching either.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { buildPacket } from '@tsbpf/capture';
import {
  createKernel,
  openObject,
  type BpfLink,
  type BpfObject,
  type BpfProgram,
  type EngineName,
  type SimulatedKernel,
} from 'tsbpf';

const object = (name: string): Uint8Array => readFileSync(new URL(`./${name}.bpf.o`, import.meta.url));

/** A UDP datagram to a port of ours. */
const datagram = (from: string, dstPort: number, lenBytes = 60): Uint8Array =>
  buildPacket(
    [
      { type: 'eth', src: '02:00:00:00:00:01', dst: '02:00:00:00:00:02' },
      { type: 'ipv4', src: from, dst: '10.0.0.254' },
      { type: 'udp', srcPort: 4000, dstPort },
    ],
    new Uint8Array(lenBytes - 42),
  );

/** A device with the dispatcher on it. */
function dispatch(engine: EngineName) {
  const kernel = createKernel({ engine });
  const dispatcher = openObject(object('dispatcher'), { sys: kernel });
  dispatcher.load();
  const eth0 = kernel.net.device('eth0');
  dispatcher.program('dispatcher').attachXdp(eth0);
  const verdict = (frame: Uint8Array) => eth0.receive(frame).action;
  return { kernel, dispatcher, eth0, verdict };
}

/** Loads one of the filters for a slot of the dispatcher: its own unless another is given. */
function filter(
  kernel: SimulatedKernel,
  dispatcher: BpfObject,
  { name, slot }: { name: string; slot?: string },
): { obj: BpfObject; prog: BpfProgram } {
  const obj = openObject(object('filters'), { sys: kernel });
  for (const prog of obj.progs) prog.autoload = prog.name === name;
  const prog = obj.program(name);
  const main = dispatcher.program('dispatcher');
  prog.setAttachTarget(slot === undefined ? { prog: main } : { prog: main, func: slot });
  obj.load();
  return { obj, prog };
}

const GOOD = '10.0.0.1';
const BAD = '10.0.0.66';
/** As it lies in the packet. */
const BAD_KEY = 0x4200000a;

describe.each(['interpreter', 'jit'] as const)('on the %s, the dispatcher', (engine) => {
  it('passes everything while its slots are empty', () => {
    const { verdict } = dispatch(engine);
    expect(verdict(datagram(GOOD, 53))).toBe('XDP_PASS');
  });

  it('asks its filters in order, until one has an answer of its own', () => {
    const { kernel, dispatcher, verdict } = dispatch(engine);
    const count = filter(kernel, dispatcher, { name: 'count' });
    const ports = filter(kernel, dispatcher, { name: 'close_ports' });
    const bans = filter(kernel, dispatcher, { name: 'ban' });
    ports.obj.map('closed_ports').set(9, 1);
    bans.obj.map('banned').set(BAD_KEY, 1);
    for (const { prog } of [count, ports, bans]) prog.attach();

    const asked = (frame: Uint8Array): string[] => {
      const { result, runs } = kernel.tracing.runs.during(() => verdict(frame));
      return [...runs.map(({ name }) => name), String(result)];
    };
    expect(asked(datagram(GOOD, 53))).toEqual(['count', 'close_ports', 'ban', 'XDP_PASS']);
    expect(asked(datagram(BAD, 53))).toEqual(['count', 'close_ports', 'ban', 'XDP_DROP']);
    expect(asked(datagram(GOOD, 9))).toEqual(['count', 'close_ports', 'XDP_DROP']);
    expect(count.obj.map('seen').get(17)).toBe(3n);
  });

  it('does not go on after what its configuration says not to', () => {
    const kernel = createKernel({ engine });
    const dispatcher = openObject(object('dispatcher'), { sys: kernel });
    // After the first slot only an empty one may be passed over.
    dispatcher.rodata['go_on'] = [0x8000_0000, 0x8000_0004, 0x8000_0004, 0x8000_0004];
    dispatcher.load();
    const count = filter(kernel, dispatcher, { name: 'count' });
    const bans = filter(kernel, dispatcher, { name: 'ban' });
    bans.obj.map('banned').set(BAD_KEY, 1);
    for (const { prog } of [count, bans]) prog.attach();
    expect(dispatcher.program('dispatcher').testRun({ data: datagram(BAD, 53) }).retval).toBe(2);
    expect(count.obj.map('seen').get(17)).toBe(1n);
  });

  it('takes another filter from the next packet on', () => {
    const { kernel, dispatcher, verdict } = dispatch(engine);
    const ports = filter(kernel, dispatcher, { name: 'close_ports' });
    const reflect = filter(kernel, dispatcher, { name: 'reflect' });
    ports.obj.map('closed_ports').set(9, 1);
    const verdicts: (string | undefined)[] = [];
    let link: BpfLink | undefined;
    // A stream of packets, and another filter before every third.
    for (let i = 0; i < 9; i++) {
      if (i % 3 === 0) {
        link?.detach();
        link = i === 6 ? undefined : (i === 0 ? ports : reflect).prog.attach();
      }
      verdicts.push(verdict(datagram(GOOD, 9)));
    }
    const three = (action: string): string[] => [action, action, action];
    expect(verdicts).toEqual([...three('XDP_DROP'), ...three('XDP_TX'), ...three('XDP_PASS')]);
  });

  it('lets a packet finish with the filters that it met, when one is swapped meanwhile', () => {
    const { kernel, dispatcher, verdict } = dispatch(engine);
    const reflect = filter(kernel, dispatcher, { name: 'reflect' });
    const count = filter(kernel, dispatcher, { name: 'count', slot: 'slot1' });
    let link = reflect.prog.attach();
    // While `reflect` runs, `count` takes its place.
    const restore = kernel.overrideHelper('bpf_ktime_get_ns', (original) => (call, ...args) => {
      link.detach();
      link = count.prog.attach();
      return original?.(call, ...args) ?? 0;
    });
    expect(verdict(datagram(GOOD, 53))).toBe('XDP_TX');
    restore();
    expect(verdict(datagram(GOOD, 53))).toBe('XDP_PASS');
    expect(count.obj.map('seen').get(17)).toBe(1n);
  });

  it('takes one filter for each slot, and none for a slot that it does not have', () => {
    const { kernel, dispatcher } = dispatch(engine);
    const first = filter(kernel, dispatcher, { name: 'ban', slot: 'slot3' });
    const second = filter(kernel, dispatcher, { name: 'count', slot: 'slot3' });
    first.prog.attach();
    expect(() => second.prog.attach()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    expect(() => filter(kernel, dispatcher, { name: 'ban', slot: 'no_slot' })).toThrow('no_slot');
  });
});

describe.each(['interpreter', 'jit'] as const)('on the %s, a tap', (engine) => {
  interface Report {
    readonly leaving: boolean;
    readonly action: number;
    readonly ifindex: number;
    readonly length: number;
    readonly head: Uint8Array;
  }
  function parse(data: Uint8Array): Report {
    const view = new DataView(data.buffer, data.byteOffset);
    const [leaving, action, ifindex, length] = [0, 4, 8, 12].map((at) => view.getInt32(at, true));
    return { leaving: leaving === 1, action, ifindex, length, head: data.slice(16, 16 + Math.min(length, 64)) };
  }

  it('reports packets as they come in, and what became of them, while the dispatcher runs', async () => {
    const { kernel, dispatcher, eth0, verdict } = dispatch(engine);
    const tap = openObject(object('tap'), { sys: kernel });
    for (const prog of tap.progs) prog.setAttachTarget({ prog: dispatcher.program('dispatcher') });
    tap.map('reports').maxEntries = kernel.possibleCpus();
    tap.load();
    const ring = kernel.tracing.perfBuffer(tap.map('reports'));
    for (const prog of tap.progs) prog.attach();
    const ports = filter(kernel, dispatcher, { name: 'close_ports' });
    ports.obj.map('closed_ports').set(9, 1);
    ports.prog.attach();

    const [open, closed] = [datagram(GOOD, 53), datagram(GOOD, 9, 200)];
    for (const frame of [open, closed]) verdict(frame);
    ring.close();

    const reports: Report[] = [];
    for await (const record of ring) if (record.type === 'sample') reports.push(parse(record.data));
    const { ifindex } = eth0;
    expect(reports).toEqual([
      { leaving: false, action: 0, ifindex, length: 60, head: open },
      { leaving: true, action: 2, ifindex, length: 60, head: open },
      { leaving: false, action: 0, ifindex, length: 200, head: closed.slice(0, 64) },
      { leaving: true, action: 1, ifindex, length: 200, head: closed.slice(0, 64) },
    ]);
  });

  it('cannot be put on a slot that has a filter; nor on the filter, whose packets 5.6 has no type for', () => {
    const { kernel, dispatcher } = dispatch(engine);
    const { prog } = filter(kernel, dispatcher, { name: 'reflect' });
    const link = prog.attach();
    const tap = (target: BpfProgram, func: string): BpfProgram => {
      const obj = openObject(object('tap'), { sys: kernel });
      for (const each of obj.progs) each.autoload = each.name === 'leaving';
      obj.program('leaving').setAttachTarget({ prog: target, func });
      obj.map('reports').maxEntries = kernel.possibleCpus();
      return obj.load().program('leaving');
    };
    const onSlot = tap(dispatcher.program('dispatcher'), 'slot1');
    expect(() => onSlot.attach()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    link.detach();
    using _tapped = onSlot.attach();
    expect(() => prog.attach()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    expect(() => tap(prog, 'reflect')).toThrow('invalid bpf_context access off=0 size=8');
  });
});
