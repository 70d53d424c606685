// SPDX-License-Identifier: MIT
// Every answer of bpf_fib_lookup, on both engines. The kernel's own answers are compared in fib-lookup.root.test.ts.
import { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP, EAFNOSUPPORT, EINVAL, ENODEV } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { askFib } from '../../test/fib-scenario.ts';
import { ENGINES, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';
import { INET, INET6, parseAddress } from '../world/prefix.ts';
import { worldOf } from '../world/world.ts';
import { FIB_LKUP } from './fib-lookup.ts';

const MAC = Uint8Array.of(2, 0xaa, 0, 0, 0, 9);

describe.each(ENGINES)('bpf_fib_lookup on %s', (engine) => {
  const kernel = realKernel(engine);
  const net = netOf(kernel.state);
  const [a, b] = ['a', 'b'].map((name) => net.createDevice({ name }));
  if (a === undefined || b === undefined) throw new TypeError('no devices');
  const ns = worldOf(kernel.state).main;
  ns.setForwarding(a, INET, true);
  ns.setForwarding(a, INET6, true);
  ns.addRoute({ to: '10.1.0.0/16', dev: b, via: '192.0.2.1', metric: 6 });
  ns.addRoute({ to: '10.2.0.0/16', dev: b, via: '192.0.2.2' });
  ns.addRoute({ to: '10.3.0.0/16', kind: 'blackhole' });
  ns.addRoute({ to: '10.4.0.0/16', kind: 'unreachable' });
  ns.addRoute({ to: '10.5.0.0/16', kind: 'prohibit' });
  ns.addRoute({ to: '10.6.0.0/16', dev: b, encap: { kind: 'bpf', headroom: 0 } });
  ns.addRoute({ to: '10.7.0.0/16', dev: a, kind: 'local' });
  ns.addRoute({ to: '10.8.0.0/16', dev: b, via: '2001:db8::1' });
  ns.addRoute({ to: '10.9.0.0/16', dev: b, table: 9 });
  ns.addRoute({ to: '2001:db8:1::/48', dev: b, via: '2001:db8::1' });
  ns.addNeighbour({ dev: b, ip: '192.0.2.1', mac: MAC });
  ns.addNeighbour({ dev: b, ip: '2001:db8::1', mac: MAC });

  const ask = (what: { to?: string; dev?: number; flags?: number; family?: number; len?: number; type?: number }) => {
    const { to = '10.1.0.1', dev = a.ifindex, flags = 0, len = 100, type = BPF_PROG_TYPE_XDP } = what;
    const daddr = parseAddress(to);
    const params = new Uint8Array(64);
    const view = new DataView(params.buffer);
    params[0] = what.family ?? (daddr.length === 4 ? INET : INET6);
    view.setUint16(6, len, true);
    view.setUint32(8, dev, true);
    params.set(daddr, 32);
    const [answer = ''] = askFib(kernel, type, [{ params, flags }]);
    const [code, bytes = ''] = answer.split(' ');
    return { code: Number(code), bytes: Uint8Array.from(bytes.match(/../g) ?? [], (pair) => parseInt(pair, 16)) };
  };

  it('refuses questions that are none', () => {
    expect(ask({ flags: 64 }).code).toBe(-EINVAL);
    expect(ask({ family: 1 }).code).toBe(-EAFNOSUPPORT);
    expect(ask({ dev: 77 }).code).toBe(-ENODEV);
    expect(ask({ dev: 77, to: '2001:db8:1::1' }).code).toBe(-ENODEV);
  });

  it.each([
    [{}, FIB_LKUP.SUCCESS],
    [{ to: '2001:db8:1::7' }, FIB_LKUP.SUCCESS],
    [{ to: '10.3.0.1' }, FIB_LKUP.BLACKHOLE],
    [{ to: '10.4.0.1' }, FIB_LKUP.UNREACHABLE],
    [{ to: '10.5.0.1' }, FIB_LKUP.PROHIBIT],
    [{ to: '10.5.0.1', flags: 1 }, FIB_LKUP.PROHIBIT],
    [{ to: '10.7.0.1' }, FIB_LKUP.NOT_FWDED],
    [{ to: '10.9.0.1' }, FIB_LKUP.NOT_FWDED],
    [{ to: 'fe80::1' }, FIB_LKUP.NOT_FWDED],
    [{ to: 'ff02::1' }, FIB_LKUP.NOT_FWDED],
    [{ dev: 1 }, FIB_LKUP.FWD_DISABLED],
    [{ to: '10.6.0.1' }, FIB_LKUP.UNSUPP_LWT],
    [{ to: '10.2.0.1' }, FIB_LKUP.NO_NEIGH],
    [{ len: 1501 }, FIB_LKUP.FRAG_NEEDED],
    [{ flags: 2 }, FIB_LKUP.NOT_FWDED],
  ])('%o: %i', (what, code) => expect(ask(what).code).toBe(code));

  it('tells how to forward', () => {
    const { bytes } = ask({});
    expect([...bytes.subarray(8, 16)]).toEqual([b.ifindex, 0, 0, 0, 6, 0, 0, 0]);
    expect([...bytes.subarray(32, 36)], 'the router').toEqual([192, 0, 2, 1]);
    expect([...bytes.subarray(48)]).toEqual([0, 0, 0, 0, ...b.mac, ...MAC]);
    const other = ask({ to: '10.8.0.1' });
    expect([other.code, other.bytes[0], other.bytes[33]], 'a router of IPv6').toEqual([0, INET6, 1]);
  });

  it('of a classifier looks whether its packet may leave', () => {
    const type = BPF_PROG_TYPE_SCHED_CLS;
    expect(ask({ type, len: 0 }).code).toBe(FIB_LKUP.SUCCESS);
    const { mtu } = b;
    b.mtu = 20;
    expect(ask({ type, len: 0 }).code).toBe(FIB_LKUP.FRAG_NEEDED);
    b.mtu = mtu;
  });

  it('asks the table of a VRF', () => {
    expect(ask({ to: '10.9.0.1', flags: 1 }).code).toBe(FIB_LKUP.NOT_FWDED);
    ns.setVrf(a, 9);
    expect(ask({ to: '10.9.0.1', flags: 1 }).code).toBe(FIB_LKUP.NO_NEIGH);
    expect(ask({ to: '10.9.0.1' }).code).toBe(FIB_LKUP.NOT_FWDED);
  });
});
