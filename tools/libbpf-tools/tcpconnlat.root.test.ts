// SPDX-License-Identifier: MIT
// tcpconnlat prints how long active TCP connections took, from connect(2) to the answer of the other side.
import { expect, it } from 'vitest';
import { ipv4Text, ipv4Word, swapPort } from './ipv4.ts';
import { describeTool, events, only, start, us, world, type Layout, type Settings } from './tool.ts';

const EVENT: Layout = {
  ...{ saddr: 'u8[16]', daddr: 'u8[16]', comm: 'char[16]', delta_us: 'u64', ts_us: 'u64', tgid: 'u32', af: 's32' },
  ...{ lport: 'u16', dport: 'u16' },
};
const [AF_INET, SYN_SENT, ESTABLISHED] = [2, 2, 1];

describeTool('tcpconnlat', (engine) => {
  /** PID COMM IP SADDR DADDR DPORT LAT(ms) */
  function lines(settings: Settings = () => undefined): string[] {
    const kernel = world(engine);
    const { tracing } = kernel;
    const tool = start(kernel, 'tcpconnlat', (obj) => {
      // 5.6 takes no typed pointer as a key, as those for fentry pass it.
      only(obj, ({ name }) => !name.startsWith('fentry_'));
      settings(obj);
    });
    const ring = events(tool, EVENT);
    const connect = (pid: number, comm: string, tookUs: number): void => {
      const sk = tracing.fakeObject('inet_sock', {
        'sk.__sk_common': { skc_family: AF_INET, skc_daddr: ipv4Word('10.0.0.9'), skc_dport: swapPort(443) },
        ...{ 'sk.__sk_common.skc_rcv_saddr': ipv4Word('10.0.0.1'), inet_sport: swapPort(50000) },
      });
      tracing.defineFunction('tcp_v4_connect', () => (sk.set('sk.__sk_common.skc_state', SYN_SENT), 0));
      tracing.defineFunction('tcp_rcv_state_process', () => (sk.set('sk.__sk_common.skc_state', ESTABLISHED), 0));
      tracing.tasks.as(tracing.tasks.create({ pid, comm }), () => tracing.call('tcp_v4_connect', sk, null, 16));
      kernel.state.env.advanceNs(us(tookUs));
      // The answer comes in an interrupt, whoever runs; the second one finds the connection there.
      for (let i = 0; i < 2; i++) tracing.call('tcp_rcv_state_process', sk, null);
    };
    connect(1201, 'wget', 300);
    connect(1202, 'curl', 18_500);
    return ring.rows().map((row) => {
      const [from, to] = [row.saddr, row.daddr].map((bytes) => ipv4Text(bytes as Uint8Array));
      const port = swapPort(Number(row.dport));
      return [row.tgid, row.comm, row.af === AF_INET ? 4 : 6, from, to, port, Number(row.delta_us) / 1000].join(' ');
    });
  }

  it('prints each connection', () => {
    expect(lines()).toEqual(['1201 wget 4 10.0.0.1 10.0.0.9 443 0.3', '1202 curl 4 10.0.0.1 10.0.0.9 443 18.5']);
  });

  it('with a limit, only slower ones', () => {
    expect(lines((obj) => (obj.rodata['targ_min_us'] = 1000n))).toEqual(['1202 curl 4 10.0.0.1 10.0.0.9 443 18.5']);
  });
});
