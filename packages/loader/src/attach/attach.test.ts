// SPDX-License-Identifier: MIT
import { beforeEach, describe, expect, it } from 'vitest';
import { createBtfBuilder } from '@tsbpf/btf';
import { ENOENT, LoaderError, NotSupportedError } from '@tsbpf/uapi';
import { FakeSys } from '../../test/fake-sys.ts';
import { fixture } from '../../test/fixture.ts';
import { findSecDef } from '../sections/sec-def.ts';
import { attachAuto } from './auto.ts';
import { openObject, type BpfObject } from '../handle/object.ts';

function kernelBtf(): Uint8Array {
  const b = createBtfBuilder();
  const int = b.int('int', 4, { encoding: 1 });
  b.func('bpf_fentry_test1', b.funcProto(int, [{ name: 'a', typeId: int }]));
  b.typedef('btf_trace_sched_switch', b.ptr(b.funcProto(0, [])));
  return b.bytes();
}

const FILES = {
  '/sys/kernel/btf/vmlinux': kernelBtf(),
  '/sys/bus/event_source/devices/kprobe/type': '8\n',
  '/sys/kernel/debug/tracing/events/sched/sched_switch/id': '314\n',
};

let sys: FakeSys;
let obj: BpfObject;
const last = (verb: string): unknown => sys.calls.filter((c) => c.verb === verb).at(-1)?.args;

beforeEach(() => {
  sys = new FakeSys({ files: FILES });
  obj = openObject(fixture('sections'), { sys });
  obj.progs['on_nothing'].autoload = false;
  obj.load();
});

describe('attaching', () => {
  it('loads tracing programs with the id of their target', () => {
    expect(sys.progByName('on_fentry')).toMatchObject({ expected_attach_type: 24, attach_btf_id: 3 });
    expect(sys.progByName('on_tp_btf')).toMatchObject({ expected_attach_type: 23, attach_btf_id: 6 });
    const other = openObject(fixture('sections'), { sys });
    for (const prog of other.progs) prog.autoload = prog.name === 'on_fentry';
    other.progs['on_fentry'].setAttachTarget({ func: 'not_there' });
    expect(() => other.load()).toThrow("prog 'on_fentry': failed to find kernel BTF type ID of 'not_there': -2");
  });

  it('puts XDP on a device and takes it off', () => {
    {
      using link = obj.progs['on_xdp'].attachXdp({ ifindex: 4, flags: 2 | 1 });
      expect(link.attached).toBe(true);
      expect(last('setLinkXdp')).toEqual({ ifindex: 4, progFd: obj.progs['on_xdp'].fd, flags: 3 });
    }
    expect(last('setLinkXdp')).toEqual({ ifindex: 4, progFd: -1, flags: 2 });
    expect(() => obj.progs['on_xdp'].attachXdp({ ifindex: 0 })).toThrow(/xdp on ifindex 0: No such device/);
  });

  it('attaches to cgroups, sockets and sockmaps', () => {
    const prog = obj.progs['on_sysctl'];
    const link = prog.attachCgroup(77, { flags: 2 });
    expect(last('bpf 8')).toEqual({ target_fd: 77, attach_bpf_fd: prog.fd, attach_type: 18, attach_flags: 2 });
    link.detach();
    link.detach();
    expect(sys.calls.filter((c) => c.verb === 'bpf 9').map((c) => c.args)).toEqual([
      { target_fd: 77, attach_bpf_fd: prog.fd, attach_type: 18 },
    ]);
    obj.progs['on_egress'].attachSocketFilter(9).detach();
    expect(
      sys.calls.filter((c) => c.verb === 'setsockopt').map((c) => (c.args as { optname: number }).optname),
    ).toEqual([50, 27]);
    obj.progs['on_xdp'].attachTc({ ifindex: 2 }, { direction: 'egress' }).detach();
    expect(last('attachTc')).toMatchObject({ ifindex: 2, direction: 'egress', directAction: true });
    expect(last('detachTc')).toEqual({ ifindex: 2, direction: 'egress', handle: 7 });
  });

  it('attaches by the section where that says enough', () => {
    const links = obj.attach();
    expect(links.map((l) => [l.progName, l.target])).toEqual([
      ['on_kprobe', "kprobe 'do_nanosleep+0x0'"],
      ['on_kretprobe', "kretprobe 'do_nanosleep+0x0'"],
      ['on_tracepoint', "tracepoint 'sched/sched_switch'"],
      ['on_raw_tp', "raw tracepoint 'sched_switch'"],
      ['on_tp_btf', 'its target'],
      ['on_fentry', 'its target'],
      ['on_fexit', 'its target'],
    ]);
    const perf = sys.calls.filter((c) => c.verb === 'perfEventOpen').map((c) => c.args);
    expect(perf).toEqual([
      { type: 8, config: 0n, path: 'do_nanosleep', probeOffset: 0n, retprobe: false, pid: -1, cpu: 0 },
      { type: 8, config: 0n, path: 'do_nanosleep', probeOffset: 0n, retprobe: true, pid: -1, cpu: 0 },
      { type: 2, config: 314n, pid: -1, cpu: 0 },
    ]);
    const raw = sys.calls.filter((c) => c.verb === 'bpf 17').map((c) => c.args);
    expect(raw.map((a) => (a as { name?: string }).name)).toEqual(['sched_switch', undefined, undefined, undefined]);
    for (const link of links) link.detach();
    for (const link of links) expect(sys.openFds.has(link.fd!)).toBe(false);
    expect(() => obj.progs['on_xdp'].attach()).toThrow(LoaderError);
    expect(() => obj.progs['on_xdp'].attach()).toThrow(/section 'xdp' does not say where to attach/);
  });

  it('says that newer ways to attach are not in Linux 5.6', () => {
    const { name, fd, type, expectedAttachType } = obj.progs['on_kprobe'];
    const sectionName = 'kprobe.multi/do_*';
    const prog = { name, fd, type, expectedAttachType, sys, sectionName, secDef: findSecDef(sectionName) };
    expect(() => attachAuto(prog)).toThrow(NotSupportedError);
  });

  it('finds the function of a system call', () => {
    const secDef = findSecDef('ksyscall/bpf');
    const funcOf = (known: string): unknown => {
      const system = new FakeSys({ files: FILES });
      const opened: object[] = [];
      system.perfEventOpen = (attr: { path?: string }) => {
        if (attr.path !== known) return -ENOENT;
        opened.push(attr);
        return 7;
      };
      attachAuto({
        name: 'p',
        fd: 5,
        type: 2,
        expectedAttachType: 0,
        sys: system,
        sectionName: 'ksyscall/bpf',
        secDef,
      });
      return opened.at(-1);
    };
    expect(funcOf('__x64_sys_bpf')).toMatchObject({ path: '__x64_sys_bpf', retprobe: false });
    expect(funcOf('__se_sys_bpf')).toMatchObject({ path: '__se_sys_bpf' });
  });

  it('needs a tracepoint that exists', () => {
    expect(() => obj.progs['on_tracepoint'].attachTracepoint({ category: 'no', name: 'such' })).toThrow(
      /failed to determine tracepoint 'no\/such' perf event ID/,
    );
  });
});
