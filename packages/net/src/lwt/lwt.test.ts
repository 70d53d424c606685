// SPDX-License-Identifier: MIT
// Programs on routes: their verdicts, and every answer of their helpers, on both engines.
import { buildPacket } from '@tsbpf/capture';
import {
  BPF_PROG_TYPE_LWT_IN,
  BPF_PROG_TYPE_LWT_OUT,
  BPF_PROG_TYPE_LWT_SEG6LOCAL,
  BPF_PROG_TYPE_LWT_XMIT,
  EBADMSG,
  EFAULT,
  EHOSTUNREACH,
  EINVAL,
  EMSGSIZE,
  ENETUNREACH,
  EPERM,
  ERANGE,
  ETIME,
} from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { ENGINES, loadAsm, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';
import { parseAddress } from '../world/prefix.ts';
import { worldOf } from '../world/world.ts';
import { routeInput, routeOutput } from './forward.ts';
import { bpfEncap, endBpf } from './state.ts';

const MAC = Uint8Array.of(2, 0xaa, 0, 0, 0, 9);
const v4 = (dst: string, ttl = 64): Uint8Array =>
  buildPacket(
    [
      { type: 'ipv4', src: '10.0.0.5', dst, ttl },
      { type: 'udp', srcPort: 7, dstPort: 9 },
    ],
    new Uint8Array(8),
  );
const v6 = (dst: string): Uint8Array =>
  buildPacket(
    [
      { type: 'ipv6', src: '2001:db8::5', dst, hopLimit: 64 },
      { type: 'udp', srcPort: 7, dstPort: 9 },
    ],
    new Uint8Array(8),
  );

/** A segment routing header: segments, the last first, and what follows them. */
function srh(
  segments: readonly string[],
  more: { left?: number; tlvs?: readonly number[]; next?: number; type?: number } = {},
): Uint8Array {
  const { left = segments.length - 1, tlvs = [], next = 17, type = 4 } = more;
  const body = [...segments.flatMap((ip) => [...parseAddress(ip)]), ...tlvs];
  return Uint8Array.of(next, body.length / 8, type, left, segments.length - 1, 0, 0, 0, ...body);
}

/** An IPv6 packet whose segments are these. */
function segmented(header: Uint8Array, inner: Uint8Array = new Uint8Array(16)): Uint8Array {
  const out = new Uint8Array(40 + header.length + inner.length);
  out.set([0x60, 0, 0, 0, 0, header.length + inner.length, 43, 64]);
  out.set(parseAddress('2001:db8::5'), 8);
  out.set(parseAddress('2001:db8:e::1'), 24);
  out.set(header, 40);
  out.set(inner, 40 + header.length);
  return out;
}

/** Assembly that puts bytes on the stack, from r10 - size on. */
function onStack(bytes: Uint8Array): { source: string; size: number } {
  const size = Math.ceil(bytes.length / 8) * 8;
  const padded = new Uint8Array(size);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  const words = Array.from(
    { length: size / 8 },
    (_, i) => `r1 = ${view.getBigUint64(i * 8, true)} ll\n*(u64 *)(r10 - ${size - i * 8}) = r1\n`,
  );
  return { source: words.join(''), size };
}

/** A call with bytes on the stack; the answer goes to `mark`, and the program to `then`. */
function call(id: number, first: number, bytes: Uint8Array, then: number, len = bytes.length): string {
  const { source, size } = onStack(bytes);
  return `r6 = r1\n${source}r1 = r6\nr2 = ${first}\nr3 = r10\nr3 += -${size}\nr4 = ${len}\ncall ${id}\n*(u32 *)(r6 + 8) = r0\nr0 = ${then}\nexit\n`;
}

describe.each(ENGINES)('routes with programs, on %s', (engine) => {
  function setUp() {
    const kernel = realKernel(engine);
    const net = netOf(kernel.state);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => net.createDevice({ name }));
    if (a === undefined || b === undefined || c === undefined) throw new TypeError('no devices');
    const ns = worldOf(kernel.state).main;
    for (const dev of [a, b]) for (const family of [2, 10] as const) ns.setForwarding(dev, family, true);
    ns.addAddress(a, '10.0.0.1/24');
    ns.addAddress(b, '2001:db8:b::1/64');
    ns.addRoute({ to: '10.9.0.0/16', dev: c, via: '192.0.2.9' });
    ns.addRoute({ to: '2001:db8:9::/48', dev: c, via: '2001:db8:c::9' });
    for (const ip of ['192.0.2.1', '2001:db8:b::9']) ns.addNeighbour({ dev: b, ip, mac: MAC });
    for (const ip of ['192.0.2.9', '2001:db8:c::9']) ns.addNeighbour({ dev: c, ip, mac: MAC });
    const load = (type: number, source: string) => loadAsm(kernel, type, source);
    const on = (to: string, fds: Parameters<typeof bpfEncap>[1]) =>
      ns.addRoute({
        to,
        dev: b,
        via: to.includes(':') ? '2001:db8:b::9' : '192.0.2.1',
        encap: bpfEncap(kernel.state, fds),
      });
    return { kernel, net, a, b, c, ns, load, on };
  }
  const returning = (code: number): string => `r0 = ${code}\nexit\n`;

  it('run in the order of the way', () => {
    const { a, b, load, on } = setUp();
    on('10.1.0.0/16', {
      in: load(BPF_PROG_TYPE_LWT_IN, returning(0)),
      out: load(BPF_PROG_TYPE_LWT_OUT, returning(0)),
      xmit: load(BPF_PROG_TYPE_LWT_XMIT, returning(0)),
    });
    const came = routeInput(a, v4('10.1.0.1'));
    expect([came.action, came.dev, came.steps.map(({ hook }) => hook)]).toEqual([
      'sent',
      b,
      ['lwt_in', 'lwt_out', 'lwt_xmit'],
    ]);
    expect(came.packet[8]).toBe(63);
    expect([...(b.transmitted[0]?.data.subarray(0, 14) ?? [])]).toEqual([...MAC, ...b.mac, 8, 0]);
    const own = routeOutput(a, v4('10.1.0.1'));
    expect([own.action, own.packet[8], own.steps.map(({ hook }) => hook)]).toEqual([
      'sent',
      64,
      ['lwt_out', 'lwt_xmit'],
    ]);
  });

  it.each([
    ['in', BPF_PROG_TYPE_LWT_IN],
    ['out', BPF_PROG_TYPE_LWT_OUT],
    ['xmit', BPF_PROG_TYPE_LWT_XMIT],
  ] as const)('%s may drop, and must answer right', (where, type) => {
    const { a, load, on } = setUp();
    [2, 7, 128, 99, -1].forEach((code, i) => on(`10.${10 + i}.0.0/16`, { [where]: load(type, returning(code)) }));
    const answers = [10, 11, 13, 14].map((second) => routeInput(a, v4(`10.${second}.0.1`)));
    const redirected = where === 'xmit' ? ['dropped', -EINVAL] : ['sent', 0];
    expect(answers.map(({ action, error }) => [action, error])).toEqual([
      ['dropped', -EPERM],
      redirected,
      ['dropped', -EINVAL],
      ['dropped', -EINVAL],
    ]);
  });

  it('xmit may redirect, a packet with a link header', () => {
    const { a, c, load, on } = setUp();
    const to = `r1 = ${c.ifindex}\nr2 = 0\ncall 23\nexit\n`;
    on('10.1.0.0/16', { xmit: load(BPF_PROG_TYPE_LWT_XMIT, to) });
    on('10.2.0.0/16', { xmit: load(BPF_PROG_TYPE_LWT_XMIT, `r2 = 14\nr3 = 0\ncall 43\n${to}`) });
    expect(routeInput(a, v4('10.1.0.1'))).toMatchObject({ action: 'dropped', error: -ERANGE, steps: [{ code: 7 }] });
    expect(c.transmitted.length).toBe(0);
    expect(routeInput(a, v4('10.2.0.1'))).toMatchObject({ action: 'redirected', error: 0, steps: [{ code: 7 }] });
    expect(c.transmitted.map(({ data }) => data.length)).toEqual([14 + 36]);
  });

  it('a way ends where it must', () => {
    const { a, b, c, ns } = setUp();
    ns.addRoute({ to: '10.5.0.0/16', dev: b, via: '192.0.2.77' });
    expect(routeInput(a, v4('10.0.0.1'))).toMatchObject({ action: 'delivered', error: 0 });
    expect(routeInput(a, v4('10.77.0.1'))).toMatchObject({ action: 'dropped', error: -ENETUNREACH });
    expect(routeInput(a, v4('10.5.0.1')), 'no neighbour').toMatchObject({ error: -EHOSTUNREACH });
    expect(routeInput(a, v4('10.9.0.1', 1))).toMatchObject({ error: -ETIME });
    expect(routeInput(c, v4('10.9.0.1')), 'c forwards nothing').toMatchObject({ error: -EHOSTUNREACH });
    c.mtu = 30;
    expect(routeInput(a, v4('10.9.0.1'))).toMatchObject({ error: -EMSGSIZE });
  });

  it('is told when its programs are none', () => {
    const { kernel, load } = setUp();
    const errno = (act: () => unknown): number => {
      try {
        act();
        return 0;
      } catch (error) {
        return (error as { errno: number }).errno;
      }
    };
    const xmit = load(BPF_PROG_TYPE_LWT_XMIT, returning(0));
    expect(errno(() => bpfEncap(kernel.state, {}))).toBe(EINVAL);
    expect(errno(() => bpfEncap(kernel.state, { in: xmit }))).toBe(EINVAL);
    expect(errno(() => bpfEncap(kernel.state, { xmit, headroom: 257 }))).toBe(ERANGE);
    expect(errno(() => endBpf(kernel.state, xmit))).toBe(EINVAL);
    expect(errno(() => bpfEncap(kernel.state, { xmit: 999 }))).toBe(9);
  });

  describe('lwt_push_encap', () => {
    const outer4 = Uint8Array.of(0x45, 0, 0, 48, 0, 0, 0, 0, 64, 4, 0, 0, 192, 0, 2, 1, 10, 9, 0, 1);
    const outer6 = new Uint8Array(40);
    outer6.set([0x60, 0, 0, 0, 0, 36, 41, 64]);
    outer6.set(parseAddress('2001:db8::1'), 8);
    outer6.set(parseAddress('2001:db8:9::1'), 24);

    it.each(['in', 'xmit'] as const)('puts an IP header before the packet, and %s sends it there', (where) => {
      const { a, c, load, on } = setUp();
      const type = where === 'in' ? BPF_PROG_TYPE_LWT_IN : BPF_PROG_TYPE_LWT_XMIT;
      on('10.1.0.0/16', { [where]: load(type, call(73, 2, outer4, 128)) });
      on('10.2.0.0/16', { [where]: load(type, call(73, 2, outer6, 128)) });
      const [four, six] = [routeInput(a, v4('10.1.0.1')), routeInput(a, v4('10.2.0.1'))];
      expect([four.action, four.dev, four.packet.length]).toEqual(['sent', c, 20 + 36]);
      expect([...four.packet.subarray(0, 2), four.packet[9]]).toEqual([0x45, 0, 4]);
      expect([six.action, six.dev, six.packet[0], six.packet.length]).toEqual(['sent', c, 0x60, 40 + 36]);
    });

    it('without asking for another route, of the same protocol only', () => {
      const { a, b, load, on } = setUp();
      on('10.1.0.0/16', { xmit: load(BPF_PROG_TYPE_LWT_XMIT, call(73, 2, outer4, 0)) });
      on('10.2.0.0/16', { xmit: load(BPF_PROG_TYPE_LWT_XMIT, call(73, 2, outer6, 0)) });
      // It keeps the route it had, and that route's router.
      const kept = routeInput(a, v4('10.1.0.1'));
      expect([kept.action, kept.dev, kept.packet.length, b.transmitted.length]).toEqual(['sent', b, 56, 1]);
      expect(routeInput(a, v4('10.2.0.1'))).toMatchObject({ action: 'dropped', error: -EINVAL });
    });

    /** What the helper answers: the program leaves it in the packet's mark, which a rule shows. */
    const answer = (type: number, mode: number, bytes: Uint8Array, packet = v4('10.1.0.1')): number => {
      const { a, load, on, kernel } = setUp();
      const fd = load(type, call(73, mode, bytes, 2).replace('*(u32 *)(r6 + 8) = r0\nr0 = 2\n', ''));
      const file = kernel.state.fds.get(fd, 'prog');
      if (typeof file === 'number') throw new TypeError('no program');
      const dst = (packet[0] ?? 0) >> 4 === 4 ? '10.1.0.0/16' : '2001:db8:1::/48';
      on(dst, { [type === BPF_PROG_TYPE_LWT_IN ? 'in' : 'xmit']: fd });
      return routeInput(a, packet).steps[0]?.code ?? 1;
    };
    it.each([
      [BPF_PROG_TYPE_LWT_XMIT, 0, outer4],
      [BPF_PROG_TYPE_LWT_XMIT, 1, outer4],
      [BPF_PROG_TYPE_LWT_IN, 3, outer4],
      [BPF_PROG_TYPE_LWT_IN, 2, outer4.subarray(0, 19)],
      [BPF_PROG_TYPE_LWT_IN, 2, new Uint8Array(257).fill(0x45)],
      [BPF_PROG_TYPE_LWT_IN, 2, Uint8Array.of(0x46, ...outer4.subarray(1))],
      [BPF_PROG_TYPE_LWT_IN, 2, Uint8Array.of(0x55, ...outer4.subarray(1))],
      [BPF_PROG_TYPE_LWT_IN, 2, outer6.subarray(0, 32)],
      [BPF_PROG_TYPE_LWT_IN, 0, srh(['2001:db8:9::1'], { type: 3 })],
      [BPF_PROG_TYPE_LWT_IN, 0, srh(['2001:db8:9::1'], { left: 1 })],
      [BPF_PROG_TYPE_LWT_IN, 0, srh(['2001:db8:9::1']).subarray(0, 16)],
      [BPF_PROG_TYPE_LWT_IN, 0, srh(['2001:db8:9::1'], { tlvs: [1, 9, 0, 0, 0, 0, 0, 0] })],
    ])('of type %i, mode %i: EINVAL', (type, mode, bytes) => expect(answer(type, mode, bytes)).toBe(-EINVAL));

    it('with segments around or in a packet', () => {
      const { a, c, load, on } = setUp();
      const header = srh(['2001:db8:77::1', '2001:db8:9::1'], { tlvs: [4, 6, 1, 2, 3, 4, 5, 6] });
      on('2001:db8:1::/48', { in: load(BPF_PROG_TYPE_LWT_IN, call(73, 0, header, 128)) });
      on('2001:db8:2::/48', { in: load(BPF_PROG_TYPE_LWT_IN, call(73, 1, header, 128)) });
      const around = routeInput(a, v6('2001:db8:1::1'));
      expect([around.action, around.dev, around.packet.length]).toEqual(['sent', c, 40 + header.length + 56]);
      expect([around.packet[6], around.packet[40], [...around.packet.subarray(24, 40)]]).toEqual([
        43,
        41,
        [...parseAddress('2001:db8:9::1')],
      ]);
      const within = routeInput(a, v6('2001:db8:2::1'));
      expect([within.packet.length, within.packet[40]]).toEqual([header.length + 56, 17]);
      expect([...within.packet.subarray(48, 64)], 'the first destination is the last segment').toEqual([
        ...parseAddress('2001:db8:2::1'),
      ]);
      expect(answer(BPF_PROG_TYPE_LWT_IN, 1, header)).toBe(-EBADMSG);
      expect(answer(BPF_PROG_TYPE_LWT_IN, 0, srh(['2001:db8:dead::1']), v6('2001:db8:1::1'))).toBe(-ENETUNREACH);
    });
  });

  describe('End.BPF', () => {
    const TWO = srh(['2001:db8:9::1', '2001:db8:e::1'], { tlvs: [4, 6, 1, 2, 3, 4, 5, 6] });
    const through = (source: string, packet = segmented(TWO)) => {
      const world = setUp();
      const { a, ns, kernel, load, b } = world;
      ns.addRoute({
        to: '2001:db8:e::/48',
        dev: b,
        encap: endBpf(kernel.state, load(BPF_PROG_TYPE_LWT_SEG6LOCAL, source)),
      });
      ns.addRoute({ to: '2001:db8:9::/48', dev: b, via: '2001:db8:b::9', table: 77 });
      return { ...world, outcome: routeInput(a, packet) };
    };
    const code = (source: string, packet?: Uint8Array): number | undefined =>
      through(source, packet).outcome.steps[0]?.code;

    it('goes on to the next segment', () => {
      const { outcome, c } = through(returning(0));
      expect([outcome.action, outcome.dev, outcome.packet[43]]).toEqual(['sent', c, 0]);
      expect([...outcome.packet.subarray(24, 40)]).toEqual([...parseAddress('2001:db8:9::1')]);
    });

    it('drops what it cannot work on, and what a program says', () => {
      const bad = (packet: Uint8Array) => through(returning(0), packet).outcome;
      expect(bad(segmented(srh(['2001:db8:9::1'], { left: 0 })))).toMatchObject({ error: -EINVAL, steps: [] });
      expect(bad(segmented(srh(['2001:db8:9::1', '2001:db8:e::1'], { type: 3 })))).toMatchObject({
        error: -EINVAL,
        steps: [],
      });
      expect(bad(v6('2001:db8:e::1'))).toMatchObject({ error: -EINVAL, steps: [] });
      for (const answer of [2, 128, 5]) expect(through(returning(answer)).outcome.error).toBe(-EINVAL);
    });

    it('lets flags, tag and what follows the segments be written', () => {
      const store = (offset: number, bytes: number[], then = 'exit\n') =>
        call(74, offset, Uint8Array.from(bytes), 0).replace('*(u32 *)(r6 + 8) = r0\nr0 = 0\nexit\n', then);
      const { outcome } = through(store(45, [9, 8, 7], 'r0 = 0\nexit\n'));
      expect([...outcome.packet.subarray(44, 48)]).toEqual([1, 9, 8, 7]);
      expect([...through(store(82, [9, 9], 'r0 = 0\nexit\n')).outcome.packet.subarray(80, 84)]).toEqual([4, 6, 9, 9]);
      expect([code(store(44, [1])), code(store(47, [1, 2])), code(store(50, [1])), code(store(87, [1, 2]))]).toEqual(
        new Array<number>(4).fill(-EFAULT),
      );
      expect(through(store(81, [99], 'r0 = 0\nexit\n')).outcome, 'a length that is none').toMatchObject({
        action: 'dropped',
        error: -EINVAL,
      });
    });

    it('makes room, and takes it', () => {
      const adjust = (offset: number, len: number, then: string) =>
        `r6 = r1\nr2 = ${offset}\nr3 = ${len}\ncall 75\n${then}exit\n`;
      expect([code(adjust(40, 8, '')), code(adjust(89, 8, '')), code(adjust(80, -16, ''))]).toEqual([
        -EFAULT,
        -EFAULT,
        -EFAULT,
      ]);
      const less = through(adjust(80, -8, 'r0 = 0\n')).outcome;
      expect([less.action, less.packet.length, less.packet[5], less.packet[41]]).toEqual(['sent', 40 + 40 + 16, 56, 4]);
      expect(through(adjust(80, -4, 'r0 = 0\n')).outcome, 'not a multiple of eight').toMatchObject({ error: -EINVAL });
      const tlv = onStack(Uint8Array.of(9, 6, 0, 0, 0, 0, 0, 0));
      const fill = `${tlv.source}r1 = r6\nr2 = 88\nr3 = r10\nr3 += -8\nr4 = 8\ncall 74\nr0 = 0\n`;
      const more = through(adjust(88, 8, fill)).outcome;
      expect([more.action, more.packet.length, more.packet[41], more.packet[88]]).toEqual(['sent', 40 + 56 + 16, 6, 9]);
    });

    it('acts', () => {
      const action = (id: number, param: Uint8Array, then = 7) =>
        call(76, id, param, then).replace(
          `*(u32 *)(r6 + 8) = r0\nr0 = ${then}\n`,
          then === 7 ? 'if r0 != 0 goto out\nr0 = 7\nout:\n' : '',
        );
      const int = (value: number): Uint8Array => new Uint8Array(new Int32Array([value]).buffer);
      const x = through(action(2, parseAddress('2001:db8:9::5')));
      expect([x.outcome.action, x.outcome.dev]).toEqual(['sent', x.c]);
      const t = through(action(3, int(77)));
      expect([t.outcome.action, t.outcome.dev]).toEqual(['sent', t.b]);
      expect([code(action(2, int(1))), code(action(3, parseAddress('::1'))), code(action(3, int(99)))]).toEqual([
        -EINVAL,
        -EINVAL,
        -EINVAL,
      ]);
      expect([code(action(1, int(1))), code(action(8, int(1)))]).toEqual([-EINVAL, -EINVAL]);
      const inner = v6('2001:db8:9::7');
      const wrapped = segmented(srh(['2001:db8:9::1', '2001:db8:e::1'], { next: 41 }), inner);
      const d = through(action(7, int(77)), wrapped);
      expect([d.outcome.action, d.outcome.packet.length]).toEqual(['sent', inner.length]);
      expect(code(action(7, int(77))), 'nothing inside').toBe(-EBADMSG);
      const b6 = through(action(9, srh(['2001:db8:9::2', '2001:db8:9::3'])));
      expect([b6.outcome.action, b6.outcome.packet[6], b6.outcome.packet[40]]).toEqual(['sent', 43, 43]);
      expect(code(action(9, srh(['2001:db8:9::2'], { type: 3 })))).toBe(-EINVAL);
      const around = through(action(10, srh(['2001:db8:9::2', '2001:db8:9::3'])));
      expect([around.outcome.action, around.outcome.packet[40]]).toEqual(['sent', 41]);
    });
  });

  it('programs of segments have none outside of a packet that has', () => {
    const { kernel, load } = setUp();
    const fd = load(BPF_PROG_TYPE_LWT_SEG6LOCAL, 'r2 = 0\nr3 = 8\ncall 75\nexit\n');
    const ask = { prog_fd: fd, data_in: new Uint8Array(64), data_out: new Uint8Array(256), retval: 0 };
    expect(kernel.bpf(10, ask)).toBe(0);
    expect(ask.retval | 0).toBe(-EINVAL);
  });
});
