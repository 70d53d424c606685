// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  BPF_FLOW_DISSECTOR,
  BPF_PROG_ATTACH,
  BPF_PROG_DETACH,
  BPF_PROG_QUERY,
  BPF_PROG_TYPE_FLOW_DISSECTOR,
  BPF_PROG_TYPE_SCHED_CLS,
  EBADF,
  EEXIST,
  EINVAL,
  ENOENT,
} from '@tsbpf/uapi';
import { buildPacket } from '@tsbpf/capture';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';
import { skbOfFrame } from '../skb/ethernet.ts';
import { dissectSkb } from './skb-flow.ts';

const attach_type = BPF_FLOW_DISSECTOR;
const FIXED = `r2 = *(u64 *)(r1 + 144)
r3 = 0x0800
*(u16 *)(r2 + 4) = r3
r3 = 0x04030201
*(u32 *)(r2 + 16) = r3
*(u32 *)(r2 + 20) = r3
r3 = 17
*(u8 *)(r2 + 9) = r3
r3 = 1000
*(u16 *)(r2 + 2) = r3
r0 = 0
exit
`;
const frame = (srcPort: number): Uint8Array =>
  buildPacket([
    { type: 'eth' },
    { type: 'ipv4', src: '10.0.0.1', dst: '10.0.0.2' },
    { type: 'udp', srcPort, dstPort: 53 },
  ]);

const world = () => {
  const kernel = realKernel();
  const net = netOf(kernel.state);
  const load = (source = FIXED): number => loadAsm(kernel, BPF_PROG_TYPE_FLOW_DISSECTOR, source);
  const attach = (attach_bpf_fd: number): number =>
    kernel.bpf(BPF_PROG_ATTACH, { target_fd: 0, attach_bpf_fd, attach_type });
  return { kernel, net, load, attach };
};

describe('flow dissectors', () => {
  it('are attached to a namespace; that of the first excludes others', () => {
    const { kernel, net, load, attach } = world();
    const [first, second] = [load(), load()];
    const other = net.createNamespace();
    expect(kernel.bpf(BPF_PROG_DETACH, { target_fd: 0, attach_type })).toBe(-ENOENT);
    expect([attach(first), attach(first), net.attachFlowDissector(second, other)]).toEqual([0, -EINVAL, -EEXIST]);
    const ask = (target_fd: number) => {
      const attr = { target_fd, attach_type, prog_ids: new Uint8Array(8), prog_cnt: 2 };
      return [kernel.bpf(BPF_PROG_QUERY, attr), attr.prog_cnt];
    };
    expect(ask(net.openNamespace())).toEqual([0, 1]);
    expect(ask(net.openNamespace(other))).toEqual([0, 0]);
    expect([ask(999)[0], ask(first)[0]]).toEqual([-EBADF, -EINVAL]);
    expect([attach(second), kernel.bpf(BPF_PROG_DETACH, { target_fd: 0, attach_type })]).toEqual([0, 0]);
    expect([net.attachFlowDissector(second, other), attach(first)]).toEqual([0, -EEXIST]);
  });

  it('decide the hash of a packet, and where its headers are', () => {
    const { kernel, net, load, attach } = world();
    const eth0 = net.createDevice({ name: 'eth0' });
    const hashes: number[] = [];
    const cls = loadAsm(kernel, BPF_PROG_TYPE_SCHED_CLS, 'call 34\nr0 = r0\nexit\n');
    kernel.state.overrideHelper('bpf_get_hash_recalc', (original) => (...args) => {
      const hash = original?.(...args) ?? 0;
      hashes.push(hash >>> 0);
      return hash;
    });
    eth0.attachTc(cls, { direction: 'ingress', directAction: true });
    for (const port of [1, 2]) eth0.receive(frame(port));
    expect(hashes[0]).not.toBe(hashes[1]);
    expect(attach(load())).toBe(0);
    for (const port of [1, 2]) eth0.receive(frame(port));
    expect(hashes[2]).toBe(hashes[3]);
    const skb = skbOfFrame(kernel.state, eth0, frame(1));
    const keys = skb === undefined ? undefined : dissectSkb(skb);
    // The offset of the transport header is brought into the packet.
    expect(keys).toMatchObject({ found: true, nhoff: 0, thoff: 28, addrProto: 0x800, nProto: 0x800, ipProto: 17 });
    expect(keys?.src).toEqual(new Uint8Array([1, 2, 3, 4]));
  });

  it('run as packets arrive where they are steered by hash', () => {
    const { kernel, net, load, attach } = world();
    const eth0 = net.createDevice({ name: 'eth0' });
    expect(attach(load('r0 = 1\nexit\n'))).toBe(0);
    kernel.state.env.bpfStatsEnabled = true;
    const prog = kernel.state.progs;
    const runs = (): number => [...Array(20).keys()].reduce((sum, id) => sum + (prog.get(id)?.runCnt ?? 0), 0);
    eth0.receive(frame(1));
    expect(runs()).toBe(0);
    eth0.steering = true;
    eth0.receive(frame(1));
    expect(runs()).toBe(1);
  });
});
