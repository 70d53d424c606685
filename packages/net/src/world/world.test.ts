// SPDX-License-Identifier: MIT
import { EACCES, EEXIST, EHOSTUNREACH, EINVAL, ENETUNREACH, ENOENT } from '@tsbpf/uapi';
import { createTestKernel } from '@tsbpf/testkit';
import { describe, expect, it } from 'vitest';
import { netOf } from '../net-state.ts';
import { tableLookup } from './fib.ts';
import { formatAddress, INET, INET6, parseAddress, parsePrefix } from './prefix.ts';
import { RT_TABLE_LOCAL, RT_TABLE_MAIN } from './route.ts';
import { worldOf } from './world.ts';

function setUp() {
  const kernel = createTestKernel();
  const net = netOf(kernel);
  const [a, b] = ['a', 'b'].map((name) => net.createDevice({ name }));
  if (a === undefined || b === undefined) throw new TypeError('no devices');
  const world = worldOf(kernel);
  const ns = world.main;
  const to = (ip: string, more: object = {}) => {
    const way = world.resolve(net.initNs, { daddr: parseAddress(ip), ...more });
    return typeof way === 'number' ? way : `${way.dev.name} ${formatAddress(way.nextHop)}`;
  };
  return { kernel, net, world, ns, a, b, to };
}

describe('routes', () => {
  it('lead by the longest prefix, then the metric', () => {
    const { ns, a, b, to } = setUp();
    expect(to('10.1.2.3')).toBe(-ENETUNREACH);
    ns.addRoute({ to: 'default', dev: a, via: '192.0.2.1' });
    ns.addRoute({ to: '10.0.0.0/8', dev: b, metric: 5 });
    ns.addRoute({ to: '10.0.0.0/8', dev: a, via: '192.0.2.2', metric: 9 });
    ns.addRoute({ to: '10.1.0.0/16', dev: b, via: '192.0.2.3' });
    expect([to('8.8.8.8'), to('10.9.9.9'), to('10.1.2.3')]).toEqual(['a 192.0.2.1', 'b 10.9.9.9', 'b 192.0.2.3']);
    b.up = false;
    expect([to('10.9.9.9'), to('10.1.2.3')]).toEqual(['a 192.0.2.2', 'a 192.0.2.2']);
    b.up = true;
    expect(to('10.1.2.3', { oif: a.ifindex }), 'only where it may leave').toBe('a 192.0.2.2');
  });

  it('of IPv6 prefer the device asked for among equals', () => {
    const { ns, a, b, to } = setUp();
    ns.addRoute({ to: 'default6', dev: a, via: 'fe80::1' });
    ns.addRoute({ to: '2001:db8::/32', dev: a });
    ns.addRoute({ to: '2001:db8::/32', dev: b });
    expect(to('2001:db8::9', { oif: b.ifindex })).toBe('b 2001:db8::9');
    expect(to('2001:db8::9')).toBe('a 2001:db8::9');
    expect(to('2001:db9::9', { oif: b.ifindex })).toBe('a fe80::1');
  });

  it('may refuse', () => {
    const { ns, a, to } = setUp();
    ns.addRoute({ to: 'default', dev: a });
    ns.addRoute({ to: '10.1.0.0/16', kind: 'blackhole' });
    ns.addRoute({ to: '10.2.0.0/16', kind: 'unreachable' });
    ns.addRoute({ to: '10.3.0.0/16', kind: 'prohibit' });
    ns.addRoute({ to: '10.4.0.0/16', kind: 'throw' });
    expect(['10.1.0.1', '10.2.0.1', '10.3.0.1', '10.4.0.1'].map((ip) => to(ip))).toEqual([
      -EINVAL,
      -EHOSTUNREACH,
      -EACCES,
      -ENETUNREACH,
    ]);
  });

  it('come with addresses, and are asked for by rules', () => {
    const { ns, a, b, to } = setUp();
    ns.addAddress(a, '10.0.0.1/24');
    const daddr = parseAddress('10.0.0.1');
    expect(tableLookup(ns, RT_TABLE_MAIN, { daddr })?.kind, 'one table until there is a rule').toBe('local');
    ns.addRoute({ to: 'default', dev: b, table: 7 });
    ns.addRule({ priority: 100, from: '10.0.0.0/24', then: 7 });
    ns.addRule({ priority: 50, to: '10.66.0.0/16', then: 'prohibit' });
    expect(tableLookup(ns, RT_TABLE_MAIN, { daddr })?.kind).toBe('unicast');
    expect(tableLookup(ns, RT_TABLE_LOCAL, { daddr })?.kind).toBe('local');
    expect(to('10.0.0.7')).toBe('a 10.0.0.7');
    expect(to('10.0.0.7', { saddr: parseAddress('10.0.0.9') })).toBe('b 10.0.0.7');
    expect(to('10.66.1.1')).toBe(-EACCES);
  });

  it('say what is wrong with what is given', () => {
    const { ns, a } = setUp();
    const errno = (action: () => unknown): number => {
      try {
        action();
        return 0;
      } catch (error) {
        return (error as { errno: number }).errno;
      }
    };
    ns.addRoute({ to: '10.0.0.0/8', dev: a });
    expect(errno(() => ns.addRoute({ to: '10.0.0.0/8', dev: a }))).toBe(EEXIST);
    expect(errno(() => ns.addRoute({ to: '10.0.0.1/8', dev: a }))).toBe(EINVAL);
    expect(errno(() => ns.addRoute({ to: '10.0.0.0/33', dev: a }))).toBe(EINVAL);
    expect(errno(() => ns.addRoute({ to: '11.0.0.0/8' }))).toBe(EINVAL);
    expect(errno(() => ns.addRoute({ to: '2001:db8::/32', dev: a, via: '10.0.0.1' }))).toBe(EINVAL);
    expect(errno(() => ns.addNeighbour({ dev: a, ip: '10.0.0.1', mac: new Uint8Array(5) }))).toBe(EINVAL);
    const [route] = ns.routes;
    if (route === undefined) throw new TypeError('no route');
    ns.removeRoute(route);
    expect(errno(() => ns.removeRoute(route))).toBe(ENOENT);
    expect(parsePrefix('10.1.2.3').bits).toBe(32);
  });

  it('and neighbours come back from a checkpoint', () => {
    const { world, ns, a, b, net, to } = setUp();
    const mac = Uint8Array.of(2, 0, 0, 0, 0, 9);
    ns.addRoute({ to: 'default', dev: a });
    ns.addNeighbour({ dev: a, ip: '10.0.0.9', mac });
    ns.setForwarding(a, INET, true);
    const saved = world.save();
    ns.addRoute({ to: '10.0.0.0/8', dev: b });
    ns.addNeighbour({ dev: a, ip: '10.0.0.9', mac: new Uint8Array(6) });
    ns.setForwarding(a, INET, false);
    ns.setForwarding(b, INET6, true);
    world.restore(saved);
    const again = world.main;
    expect([to('10.0.0.9'), again.neighbour(a, parseAddress('10.0.0.9'))?.mac]).toEqual(['a 10.0.0.9', mac]);
    expect([again.forwarding(a, INET), again.forwarding(b, INET6)]).toEqual([true, false]);
    net.removeDevice(a);
    expect(to('10.0.0.9')).toBe(-ENETUNREACH);
  });
});
