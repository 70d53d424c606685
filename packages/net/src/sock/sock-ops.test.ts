// SPDX-License-Identifier: MIT
// Events of TCP sockets, as a simulation of TCP tells of them.
import { BPF_CGROUP_SOCK_OPS } from '@tsbpf/uapi';
import type { CgroupHooks } from '@tsbpf/core';
import { createTestKernel } from '@tsbpf/testkit';
import { describe, expect, it } from 'vitest';
import { readField, writeField, writePointerField } from '../dev/fields.ts';
import { netOf } from '../net-state.ts';
import { createSock, TCP_NEW_SYN_RECV } from './sock.ts';
import * as ops from './sock-ops.ts';

interface Told {
  readonly cgroup: bigint;
  readonly op: number;
  readonly args: readonly number[];
  readonly full: number;
}

/** A kernel whose cgroups note what they are told, and answer `reply` where it is set. */
function world() {
  const kernel = createTestKernel();
  const told: Told[] = [];
  const state = { verdict: 1, reply: undefined as number | undefined, enabled: true };
  const word = (ctx: number, member: string): number => readField(kernel, ctx, `bpf_sock_ops_kern.${member}`) | 0;
  kernel.cgroups = {
    enabled: (_cgroup, type) => state.enabled && type === BPF_CGROUP_SOCK_OPS,
    run(cgroup, _type, ctx) {
      const args = [0, 1, 2, 3].map((i) => word(ctx, `args[${i}]`));
      told.push({ cgroup, op: word(ctx, 'op'), args, full: word(ctx, 'is_fullsock') });
      if (state.reply !== undefined) writeField(kernel, ctx, 'bpf_sock_ops_kern.reply', state.reply);
      return state.verdict;
    },
    currentCgroupId: () => 7n,
    ancestorId: () => 1n,
  } satisfies CgroupHooks;
  const make = (): number => createSock(kernel, { netns: netOf(kernel).initNs, struct: 'tcp_sock' })?.off ?? 0;
  return { kernel, told, state, make };
}

describe('TCP events', () => {
  it('carry arguments, and come back with the reply', () => {
    const { kernel, told, state, make } = world();
    const sk = make();
    expect(ops.callSockOps(kernel, sk, ops.SOCK_OPS_BASE_RTT, [5, -1]), 'nobody replied').toBe(5);
    state.reply = -3;
    expect(ops.callSockOps(kernel, sk, ops.SOCK_OPS_BASE_RTT)).toBe(-3);
    state.verdict = 0;
    expect(ops.callSockOps(kernel, sk, ops.SOCK_OPS_BASE_RTT, [5])).toBe(-1);
    state.enabled = false;
    expect(ops.callSockOps(kernel, sk, ops.SOCK_OPS_BASE_RTT, [5])).toBe(5);
    expect(told).toEqual([
      { cgroup: 1n, op: 7, args: [5, -1, 0, 0], full: 1 },
      { cgroup: 1n, op: 7, args: [0, 0, 0, 0], full: 1 },
      { cgroup: 1n, op: 7, args: [5, 0, 0, 0], full: 1 },
    ]);
  });

  it('of a request go to its listener’s cgroup; of time-wait to none', () => {
    const { kernel, told, make } = world();
    const [request, listener] = [make(), make()];
    const cgroup = { kind: 'cgroup', off: kernel.mem.alloc(64), id: 42n } as const;
    kernel.objects.add(cgroup);
    writePointerField(kernel, listener, 'sock.sk_cgrp_data', cgroup.off);
    writeField(kernel, request, 'sock_common.skc_state', TCP_NEW_SYN_RECV);
    writePointerField(kernel, request, 'sock_common.skc_listener', listener);
    expect(ops.needsEcn(kernel, request)).toBe(false);
    ops.setTcpState(kernel, listener, 6);
    expect(ops.initialRto(kernel, listener, 1000)).toBe(1000);
    expect(told).toEqual([{ cgroup: 42n, op: 6, args: [0, 0, 0, 0], full: 0 }]);
  });

  it('that a program must ask for come only when it did', () => {
    const { kernel, told, make } = world();
    const sk = make();
    const all = (): void => {
      ops.setTcpState(kernel, sk, 2);
      ops.setTcpState(kernel, sk, 1);
      ops.tellRoundTrip(kernel, sk);
      ops.tellRetransmit(kernel, sk, { seq: 9, segs: 2, err: -11 });
      ops.tellTimeout(kernel, sk, { retransmits: 1, rto: 200, expired: true });
    };
    all();
    expect(told).toEqual([]);
    writeField(kernel, sk, 'tcp_sock.bpf_sock_ops_cb_flags', ops.SOCK_OPS_ALL_CB_FLAGS);
    all();
    expect(told.map(({ op, args }) => [op, ...args])).toEqual([
      [10, 1, 2, 0, 0],
      [10, 2, 1, 0, 0],
      [12, 0, 0, 0, 0],
      [9, 9, 2, -11, 0],
      [8, 1, 200, 1, 0],
    ]);
    expect(readField(kernel, sk, 'sock_common.skc_state')).toBe(1);
  });

  it('decide how a connection begins', () => {
    const { kernel, state, make } = world();
    const sk = make();
    const begin = () => [ops.initialRto(kernel, sk, 1000), ops.initialRwnd(kernel, sk), ops.needsEcn(kernel, sk)];
    expect(begin()).toEqual([1000, 0, false]);
    state.reply = 1;
    expect(begin()).toEqual([1, 1, true]);
    state.reply = 40;
    expect(begin()).toEqual([40, 40, false]);
    state.reply = -5;
    expect(begin()).toEqual([1000, 0, false]);
  });
});
