// SPDX-License-Identifier: MIT
// A scripted remote control, and programs that decode it, on both engines.
import {
  BPF_LIRC_MODE2,
  BPF_PROG_ATTACH,
  BPF_PROG_DETACH,
  BPF_PROG_QUERY,
  BPF_PROG_TYPE_LIRC_MODE2,
  BPF_PROG_TYPE_XDP,
  E2BIG,
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  ENOENT,
  type ProgQueryAttr,
} from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { ENGINES, loadAsm, realKernel } from '../../test/real-kernel.ts';
import { LIRC_MODE2_TIMEOUT, receiversOf } from './remote.ts';

/** A key for each pulse, with its length; a repeat for each space; motion where there is a timeout. */
const DECODER = `
r6 = r1
r7 = *(u32 *)(r1 + 0)
r8 = r7
r8 &= 0xffffff
r7 >>= 24
if r7 == 1 goto pulse
if r7 == 3 goto timeout
r1 = r6
call 77
r0 = 5
exit
pulse:
r3 = 1 ll
r3 <<= 40
r3 |= r8
r1 = r6
r2 = 4
r4 = 7
call 78
exit
timeout:
r1 = r6
r2 = -3
r3 = 9
call 92
exit
`;

describe.each(ENGINES)('lirc on %s', (engine) => {
  function setUp() {
    const kernel = realKernel(engine);
    const receivers = receiversOf(kernel.state);
    const receiver = receivers.add();
    const target_fd = kernel.open('/dev/lirc0', 0);
    const load = (source = 'r0 = 0\nexit\n') => loadAsm(kernel, BPF_PROG_TYPE_LIRC_MODE2, source);
    const attach = (attach_bpf_fd: number, more = {}) =>
      kernel.bpf(BPF_PROG_ATTACH, { target_fd, attach_bpf_fd, attach_type: BPF_LIRC_MODE2, ...more });
    const detach = (attach_bpf_fd: number, more = {}) =>
      kernel.bpf(BPF_PROG_DETACH, { target_fd, attach_bpf_fd, attach_type: BPF_LIRC_MODE2, ...more });
    const query = (more: Partial<ProgQueryAttr> = {}) => {
      const ask: ProgQueryAttr = {
        target_fd,
        attach_type: BPF_LIRC_MODE2,
        prog_ids: new Uint8Array(16),
        prog_cnt: 4,
        ...more,
      };
      return { ret: kernel.bpf(BPF_PROG_QUERY, ask), ask };
    };
    return { kernel, receivers, receiver, load, attach, detach, query, target_fd };
  }

  it('hands samples to programs, and events to whoever listens', () => {
    const { receiver, load, attach } = setUp();
    expect(receiver.send([100, 200]), 'nobody decodes').toEqual([]);
    expect(attach(load(DECODER))).toBe(0);
    expect(receiver.send([900, 450])).toEqual([
      { kind: 'keydown', protocol: 4, scancode: (1n << 40n) | 900n, toggle: true },
      { kind: 'repeat' },
    ]);
    expect(receiver.sample(LIRC_MODE2_TIMEOUT | 5)).toEqual([{ kind: 'pointer', x: -3, y: 9 }]);
    expect(attach(load(DECODER)), 'another program').toBe(0);
    expect(receiver.send([1]).length, 'each decodes').toBe(2);
    expect(receiver.events.length).toBe(5);
  });

  it('takes programs as Linux does', () => {
    const { kernel, receivers, load, attach, detach, query, target_fd } = setUp();
    const prog = load();
    expect([
      attach(prog, { attach_flags: 1 }),
      attach(prog, { target_fd: 99 }),
      attach(prog, { target_fd: prog }),
    ]).toEqual([-EINVAL, -EBADF, -EINVAL]);
    expect(attach(loadAsm(kernel, BPF_PROG_TYPE_XDP, 'r0 = 0\nexit\n'))).toBe(-EINVAL);
    expect([detach(prog), attach(prog), attach(prog), detach(prog), detach(prog)]).toEqual([
      -ENOENT,
      0,
      -EEXIST,
      0,
      -ENOENT,
    ]);
    expect([detach(99), detach(target_fd), detach(prog, { target_fd: 99 })]).toEqual([-EBADF, -EINVAL, -EBADF]);
    receivers.add({ raw: false });
    const decoded = kernel.open('/dev/lirc1', 0);
    expect([attach(prog, { target_fd: decoded }), query({ target_fd: decoded }).ret]).toEqual([-EINVAL, -EINVAL]);
    for (let i = 0; i < 64; i++) expect(attach(load())).toBe(0);
    expect(attach(load())).toBe(-E2BIG);
    expect(kernel.open('/dev/lirc7', 0)).toBe(-ENOENT);
  });

  it('tells what is attached', () => {
    const { load, attach, query } = setUp();
    expect(query()).toMatchObject({ ret: 0, ask: { prog_cnt: 0, attach_flags: 0 } });
    const progs = [load(), load()];
    for (const prog of progs) attach(prog);
    const { ret, ask } = query();
    const ids = new Uint32Array((ask.prog_ids as Uint8Array).slice().buffer);
    expect([ret, ask.prog_cnt, ids[0] !== 0, ids[1] !== 0, ids[2]]).toEqual([0, 2, true, true, 0]);
    expect(query({ prog_cnt: 0 })).toMatchObject({ ret: 0, ask: { prog_cnt: 2 } });
    expect(query({ prog_cnt: 1 }).ret, 'the room is not looked at').toBe(0);
    expect(query({ prog_cnt: 1, prog_ids: new Uint8Array(4) }).ret).toBe(-EFAULT);
    expect(query({ query_flags: 1 }).ret).toBe(-EINVAL);
    expect(query({ target_fd: 99 }).ret).toBe(-EBADF);
  });

  it('comes back from a checkpoint', () => {
    const { kernel, receiver, load, attach } = setUp();
    attach(load(DECODER));
    const saved = kernel.state.checkpointables.map((part) => part.save());
    receiver.send([5]);
    attach(load(DECODER));
    kernel.state.checkpointables.forEach((part, i) => part.restore(saved[i]));
    expect([receiver.events.length, receiver.progs.length, receiver.send([5]).length]).toEqual([0, 1, 1]);
  });
});
