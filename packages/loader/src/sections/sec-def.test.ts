// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { findSecDef, secTarget } from './sec-def.ts';
import { SEC_DEFS } from './generated/sec-table.ts';

describe('findSecDef', () => {
  it.each([
    ['xdp', 'xdp', 6, 37, undefined],
    ['xdp/foo', undefined, 0, 0, undefined],
    ['xdpfoo', undefined, 0, 0, undefined],
    ['xdp/devmap', 'xdp/devmap', 6, 33, undefined],
    ['kprobe/do_x', 'kprobe', 2, 0, 'do_x'],
    ['kprobe', 'kprobe', 2, 0, undefined],
    ['kprobe.multi/do_*', 'kprobe.multi', 2, 42, 'do_*'],
    ['tp/sched/sched_switch', 'tp', 5, 0, 'sched/sched_switch'],
    ['fentry.s/f', 'fentry.s', 26, 24, 'f'],
    ['cgroup/connect4', 'cgroup/connect4', 18, 10, undefined],
    ['cgroup/skb', 'cgroup/skb', 8, 0, undefined],
    ['classifier/x', undefined, 0, 0, undefined],
    ['struct_ops/init', 'struct_ops', 27, 0, 'init'],
    ['iter/task', 'iter', 26, 28, 'task'],
    ['tc/ingress', 'tc/ingress', 3, 46, undefined],
    ['lsm/file_open', 'lsm', 29, 27, 'file_open'],
  ])('%s', (name, sec, progType, attachType, target) => {
    const def = findSecDef(name);
    expect(def?.sec).toBe(sec);
    if (def === undefined) return;
    expect([def.progType, def.expectedAttachType, secTarget(def, name)]).toEqual([progType, attachType, target]);
  });

  it('has every section name of libbpf once', () => {
    expect(new Set(SEC_DEFS.map((def) => def.sec)).size).toBe(SEC_DEFS.length);
    expect(SEC_DEFS.length).toBeGreaterThan(110);
    expect(findSecDef('fentry.s/x')?.sleepable).toBe(true);
    expect(findSecDef('xdp.frags')?.xdpFrags).toBe(true);
    expect(findSecDef('xdp')?.expAttachOpt).toBe(true);
  });
});
