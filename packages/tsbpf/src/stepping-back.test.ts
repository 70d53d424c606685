// SPDX-License-Identifier: MIT
// A run that goes back, in a whole kernel with the JIT as its engine: maps, packets, random numbers.
import {
  exit,
  jmpReg,
  ldMapFd,
  ldxMem,
  mov64Imm,
  mov64Reg,
  alu64Imm,
  callHelper,
  program,
  stMem,
  stxMem,
} from '@tsbpf/insn';
import { describe, expect, it } from 'vitest';
import {
  BPF_ADD,
  BPF_B,
  BPF_DW,
  BPF_JGT,
  BPF_MAP_CREATE,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_HASH,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_XDP,
  BPF_W,
  createKernel,
  createRecorder,
  encodeInsns,
  InternalError,
} from './index.ts';

const PACKET = 64;

/** Writes a random number into the packet and, by a key of 7, into a hash. */
const writer = (fd: number) =>
  program(
    mov64Reg(6, 1),
    callHelper(7),
    stxMem(BPF_DW, 10, 0, -16),
    mov64Reg(7, 0),
    ldxMem(BPF_W, 2, 6, 0),
    ldxMem(BPF_W, 3, 6, 4),
    mov64Reg(4, 2),
    alu64Imm(BPF_ADD, 4, 14),
    jmpReg(BPF_JGT, 4, 3, 'out'),
    stxMem(BPF_B, 2, 7, 3),
    stMem(BPF_W, 10, -4, 7),
    ldMapFd(1, fd),
    mov64Reg(2, 10),
    alu64Imm(BPF_ADD, 2, -4),
    mov64Reg(3, 10),
    alu64Imm(BPF_ADD, 3, -16),
    mov64Imm(4, 0),
    callHelper(2),
    'out',
    mov64Reg(0, 7),
    exit(),
  );

describe('stepping back', () => {
  it('takes maps, packets and random numbers along, both ways', () => {
    const kernel = createKernel();
    expect(kernel.engine.name).toBe('jit');
    const { state } = kernel;
    const { mem, types } = state;
    const map_fd = kernel.bpf(BPF_MAP_CREATE, {
      map_type: BPF_MAP_TYPE_HASH,
      key_size: 4,
      value_size: 8,
      max_entries: 8,
    });
    const fd = kernel.bpf(BPF_PROG_LOAD, {
      prog_type: BPF_PROG_TYPE_XDP,
      insns: encodeInsns(writer(map_fd)),
      license: 'GPL',
    });
    const file = state.fds.get(fd, 'prog');
    if (typeof file === 'number') throw new InternalError(`the program does not load: ${fd}`);
    const packet = mem.alloc(PACKET, { kind: 'packet' });
    const ctx = mem.alloc(types.sizeOf('xdp_buff'), { kind: 'ctx' });
    mem.write64(ctx + types.resolve('xdp_buff.data').off, mem.toAddr(packet));
    mem.write64(ctx + types.resolve('xdp_buff.data_end').off, mem.toAddr(packet + PACKET));

    const look = (): unknown => {
      const value = new Uint8Array(8);
      const key = Uint8Array.of(7, 0, 0, 0);
      return [kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd, key, value }), [...value], mem.read8(packet + 3)];
    };
    const recorder = createRecorder(state, file.prog.loaded.start(ctx), { every: 4, keep: 4 });
    const seen = [look()];
    while (recorder.step()) seen.push(look());
    seen.push(look());
    const end = recorder.position;
    const r0 = recorder.run.r0;
    expect(seen[0]).not.toEqual(seen.at(-1));
    for (let position = end; position > 0; position--) {
      recorder.seek(position);
      expect(look(), `position ${position}`).toEqual(seen[position]);
    }
    while (recorder.back());
    expect(recorder.position).toBe(0);
    expect(look()).toEqual(seen[0]);
    recorder.seek(end);
    expect(recorder.run.done).toBe(true);
    expect(recorder.run.r0).toBe(r0);
    expect(look()).toEqual(seen.at(-1));
  });
});
