// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { BpfProg, KernelObject } from '@tsbpf/core';
import { TestMap, createTestSys, u32s } from '@tsbpf/testkit';
import { BPF_MAP_TYPE_PROG_ARRAY, E2BIG, EBADF, EINVAL, ENOENT, InternalError } from '@tsbpf/uapi';
import { ProgArrayMap, mapTypes } from '../index.ts';

type Sys = ReturnType<typeof createTestSys>;

/** As much of a program as a prog array looks at. */
function addProg(
  sys: Sys,
  type: number,
  extra: Partial<BpfProg> = {},
): { fd: number; prog: BpfProg; refs: () => number } {
  let refs = 1;
  const prog = {
    kind: 'prog',
    off: sys.state.mem.alloc(64),
    type,
    jited: true,
    get: () => void refs++,
    put: () => void refs--,
    ...extra,
  } as unknown as BpfProg;
  (prog as { id: number }).id = sys.state.progs.add(prog);
  sys.state.objects.add(prog as KernelObject);
  const fd = sys.state.fds.install({ kind: 'prog', name: 'bpf-prog', prog, release: () => undefined } as never);
  return { fd, prog, refs: () => refs };
}

function progArray(sys: Sys): { handle: TestMap; map: ProgArrayMap } {
  const attr = { map_type: BPF_MAP_TYPE_PROG_ARRAY, key_size: 4, value_size: 4, max_entries: 4 };
  const handle = new TestMap(sys, attr);
  const file = sys.state.fds.get(handle.fd, 'map');
  if (typeof file === 'number' || !(file.map instanceof ProgArrayMap)) throw new InternalError('no prog array');
  return { handle, map: file.map };
}

describe('prog arrays', () => {
  it('hold programs by fd, and tell their ids', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { handle, map } = progArray(sys);
    const { fd, prog, refs } = addProg(sys, 6);
    expect(handle.lookup(u32s(1))).toBe(-ENOENT);
    expect(handle.update(u32s(1), u32s(fd), 2)).toBe(-EINVAL);
    expect(handle.update(u32s(4), u32s(fd))).toBe(-E2BIG);
    expect(handle.update(u32s(1), u32s(999))).toBe(-EBADF);
    expect(handle.update(u32s(1), u32s(handle.fd))).toBe(-EINVAL);
    expect(handle.update(u32s(1), u32s(fd))).toBe(0);
    expect(refs()).toBe(2);
    expect(handle.lookup(u32s(1))).toEqual(u32s(prog.id));
    expect(map.def.ops.tailCallTarget?.(map, 1)).toBe(prog);
    expect(map.def.ops.tailCallTarget?.(map, 0)).toBeUndefined();
    expect(handle.keys().length).toBe(4);
    expect(handle.delete(u32s(4))).toBe(-E2BIG);
    expect(handle.delete(u32s(0))).toBe(-ENOENT);
    expect(handle.delete(u32s(1))).toBe(0);
    expect(refs()).toBe(1);
    expect(handle.lookup(u32s(1))).toBe(-ENOENT);
  });

  it('belong to the first kind of program, even when empty again', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { handle, map } = progArray(sys);
    const { ops } = map.def;
    expect(ops.fdinfo?.(map)).toEqual([]);
    expect(map.owner).toBeUndefined();
    const overriding = addProg(sys, 2, { verified: { overridesReturn: true } as never });
    expect(handle.update(u32s(0), u32s(overriding.fd))).toBe(-EINVAL);
    expect(map.owner).toBeUndefined();
    expect(handle.update(u32s(0), u32s(addProg(sys, 6).fd))).toBe(0);
    expect(handle.delete(u32s(0))).toBe(0);
    expect(ops.fdinfo?.(map)).toEqual(['owner_prog_type:\t6', 'owner_jited:\t1']);
    expect(handle.update(u32s(0), u32s(addProg(sys, 3).fd))).toBe(-EINVAL);
    expect(ops.progCompatible?.(map, { type: 6, jited: true })).toBe(true);
    expect(ops.progCompatible?.(map, { type: 6, jited: false })).toBe(false);
  });

  it('let go of their programs when user space lets go of them', () => {
    const sys = createTestSys({ rows: { mapTypes } });
    const { handle, map } = progArray(sys);
    const { fd, refs } = addProg(sys, 6);
    handle.update(u32s(2), u32s(fd));
    sys.state.mapGet(map);
    handle.close();
    expect(refs()).toBe(1);
    expect(map.def.ops.tailCallTarget?.(map, 2)).toBeUndefined();
    sys.state.mapPut(map);
    expect([...sys.state.mem.regions()].filter(({ kind }) => kind === 'map')).toEqual([]);
  });
});
