// SPDX-License-Identifier: MIT
// tcpstates prints each change of a TCP connection's state, and how long the one before lasted.
import { expect, it } from 'vitest';
import { ipv4Text, ipv4Word, swapPort } from './ipv4.ts';
import { describeTool, events, ms, start, world, type Layout, type Settings } from './tool.ts';

const EVENT: Layout = {
  ...{ saddr: 'u8[16]', daddr: 'u8[16]', skaddr: 'u64', ts_us: 'u64', delta_us: 'u64', pid: 'u32' },
  ...{ oldstate: 's32', newstate: 's32', family: 'u16', sport: 'u16', dport: 'u16', task: 'char[16]' },
};
const NAMES = ['', 'ESTABLISHED', 'SYN_SENT', 'SYN_RECV', 'FIN_WAIT1', 'FIN_WAIT2', 'TIME_WAIT', 'CLOSE'];
const state = (name: string): number => NAMES.indexOf(name);
const [AF_INET, IPPROTO_TCP] = [2, 6];

describeTool('tcpstates', (engine) => {
  /** C-PID C-COMM LADDR LPORT RADDR RPORT OLDSTATE -> NEWSTATE MS */
  function lines(settings: Settings = () => undefined): string[] {
    const kernel = world(engine);
    const { tracing } = kernel;
    const ring = events(start(kernel, 'tcpstates', settings), EVENT);
    const sk = tracing.fakeObject('inet_sock', {
      'sk.__sk_common': { skc_family: AF_INET, skc_daddr: ipv4Word('127.0.0.1'), skc_dport: swapPort(8000) },
      ...{ 'sk.__sk_common.skc_rcv_saddr': ipv4Word('10.0.0.7'), 'sk.sk_protocol': IPPROTO_TCP },
      ...{ inet_saddr: ipv4Word('10.0.0.7'), inet_sport: swapPort(41000) },
    });
    const change = (from: string, to: string, afterMs: number): void => {
      kernel.state.env.advanceNs(ms(afterMs));
      tracing.emit('inet_sock_set_state', sk, state(from), state(to));
    };
    tracing.tasks.as(tracing.tasks.create({ pid: 4242, comm: 'curl' }), () => {
      change('CLOSE', 'SYN_SENT', 5);
      change('SYN_SENT', 'ESTABLISHED', 12);
      change('ESTABLISHED', 'FIN_WAIT1', 300);
      change('FIN_WAIT1', 'CLOSE', 1);
    });
    return ring.rows().map((row) => {
      const [from, to] = [row.oldstate, row.newstate].map((n) => NAMES[Number(n)]);
      const [local, remote] = [row.saddr, row.daddr].map((bytes) => ipv4Text(bytes as Uint8Array));
      return `${row.pid} ${row.task} ${local} ${row.sport} ${remote} ${row.dport} ${from} -> ${to} ${Number(row.delta_us) / 1000}`;
    });
  }

  it('prints the life of a connection', () => {
    const who = '4242 curl 10.0.0.7 41000 127.0.0.1 8000';
    expect(lines()).toEqual([
      `${who} CLOSE -> SYN_SENT 0`,
      `${who} SYN_SENT -> ESTABLISHED 12`,
      `${who} ESTABLISHED -> FIN_WAIT1 300`,
      `${who} FIN_WAIT1 -> CLOSE 1`,
    ]);
  });

  it('with -D, only those to a port', () => {
    expect(lines((obj) => (obj.rodata['filter_by_dport'] = true))).toEqual([]);
  });
});
