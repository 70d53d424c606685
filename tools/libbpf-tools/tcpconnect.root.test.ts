// SPDX-License-Identifier: MIT
// tcpconnect prints each active TCP connection: who made it, from where, to where.
import { expect, it } from 'vitest';
import type { SimulatedKernel } from 'tsbpf';
import { ipv4Text, ipv4Word, swapPort } from './ipv4.ts';
import { describeTool, events, start, world, type Layout, type Settings } from './tool.ts';

const EVENT: Layout = {
  ...{ saddr: 'u8[16]', daddr: 'u8[16]', task: 'char[16]', ts_us: 'u64' },
  ...{ af: 'u32', pid: 'u32', uid: 'u32', sport: 'u16', dport: 'u16' },
};
const AF_INET = 2;
const ANY_UID = 0xffffffff;
const ENETUNREACH = 101;

/** A process connects: the kernel's function fills in the socket's addresses, or fails. */
function connect(kernel: SimulatedKernel, to: string, port: number, outcome = 0): void {
  const { tracing } = kernel;
  const sk = tracing.fakeObject('inet_sock', { 'sk.__sk_common.skc_family': AF_INET });
  tracing.defineFunction('tcp_v4_connect', () => {
    if (outcome < 0) return outcome;
    sk.set('sk.__sk_common.skc_rcv_saddr', ipv4Word('192.168.1.5'));
    sk.set('sk.__sk_common.skc_daddr', ipv4Word(to));
    sk.set('sk.__sk_common.skc_dport', swapPort(port));
    sk.set('inet_sport', swapPort(45000));
    return 0;
  });
  tracing.call('tcp_v4_connect', sk, { sa_family: AF_INET }, 16);
  sk.free();
}

function scenario(kernel: SimulatedKernel): void {
  const { tasks } = kernel.tracing;
  tasks.as(tasks.create({ pid: 1479, comm: 'telnet', uid: 1000 }), () => connect(kernel, '127.0.0.1', 23));
  tasks.as(tasks.create({ pid: 1469, comm: 'curl' }), () => connect(kernel, '10.201.219.236', 80));
  tasks.as(tasks.create({ pid: 1470, comm: 'curl' }), () => connect(kernel, '10.9.9.9', 80, -ENETUNREACH));
}

/** What the tool sets where no user is asked for. */
const anyUser =
  (more: Settings = () => undefined): Settings =>
  (obj) => {
    obj.rodata['filter_uid'] = ANY_UID;
    more(obj);
  };

describeTool('tcpconnect', (engine) => {
  /** PID COMM IP SADDR DADDR DPORT */
  function lines(settings: Settings): string[] {
    const kernel = world(engine);
    const ring = events(start(kernel, 'tcpconnect', anyUser(settings)), EVENT);
    scenario(kernel);
    return ring.rows().map(({ pid, task, af, saddr, daddr, dport }) => {
      const ip = af === AF_INET ? 4 : 6;
      const [from, to] = [saddr, daddr].map((bytes) => ipv4Text(bytes as Uint8Array));
      return [pid, task, ip, from, to, swapPort(Number(dport))].join(' ');
    });
  }

  it('prints connections, not what failed', () => {
    expect(lines(() => undefined)).toEqual([
      '1479 telnet 4 192.168.1.5 127.0.0.1 23',
      '1469 curl 4 192.168.1.5 10.201.219.236 80',
    ]);
  });

  it('with -P 80, only those to a port', () => {
    const printed = lines((obj) => {
      const ports = new Array<number>(64).fill(0);
      // The tool compares ports in network order.
      ports[0] = swapPort(80);
      obj.rodata['filter_ports'] = ports;
      obj.rodata['filter_ports_len'] = 1;
    });
    expect(printed).toEqual(['1469 curl 4 192.168.1.5 10.201.219.236 80']);
  });

  it('with -c, counts connections for each source, destination and port', () => {
    const kernel = world(engine);
    const { obj } = start(
      kernel,
      'tcpconnect',
      anyUser((object) => (object.rodata['do_count'] = true)),
    );
    scenario(kernel);
    scenario(kernel);
    const counted = [...obj.map('ipv4_count').entries()] as [{ saddr: number; daddr: number; dport: number }, bigint][];
    expect(counted.map(([{ daddr, dport }, count]) => [daddr, swapPort(dport), count])).toEqual(
      expect.arrayContaining([
        [ipv4Word('127.0.0.1'), 23, 2n],
        [ipv4Word('10.201.219.236'), 80, 2n],
      ]),
    );
    expect(counted).toHaveLength(2);
  });
});
