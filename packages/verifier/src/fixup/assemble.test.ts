// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { callHelper, callPseudo, exit, ldMapFd, ldMapValue, ldxMem } from '@tsbpf/insn';
import type { HelperRow } from '@tsbpf/core';
import { BPF_W } from '@tsbpf/uapi';
import { fakeMap, fakeVerification } from '../../test/verification.ts';
import { assembleFuncInfo, assembleVerified } from './assemble.ts';

const map = fakeMap();
const tail: HelperRow = {
  variant: 'bpf_tail_call',
  proto: { id: 12, name: 'tail_call', ret: 'RET_VOID', args: [], special: 'tailCall' },
};
const lookup: HelperRow = {
  variant: 'bpf_map_lookup_elem',
  proto: { id: 1, name: 'map_lookup_elem', ret: 'RET_PTR_TO_MAP_VALUE_OR_NULL', args: [], special: 'mapLookup' },
};

describe('assembled program', () => {
  it('says what constants, calls and loads stand for', () => {
    const insns = [
      ...ldMapFd(1, 3),
      ...ldMapValue(2, 3, 8),
      callHelper(1),
      callHelper(1),
      { code: 0xf5, dst: 0, src: 0, off: 0, imm: 1 },
      { code: 0xf5, dst: 0, src: 0, off: 0, imm: 0 },
      ldxMem(BPF_W, 0, 1, 0),
      exit(),
    ];
    const v = fakeVerification({
      insns,
      facts: {
        0: { map },
        2: { map, mapValueOff: 8 },
        4: { helper: lookup, callMap: map },
        5: { helper: lookup, callMap: map, mapOp: { op: 'lookup', map } },
        6: { helper: tail, callMap: map, callKey: 7n },
        7: { helper: tail, callMap: map, callKey: 7n },
        8: { probeMem: true },
      },
    });
    const { aux, insns: out, origIdx, subprogs } = assembleVerified(v);
    expect(aux).toEqual([
      { map, mapValueOff: undefined },
      undefined,
      { map, mapValueOff: 8 },
      undefined,
      { map, callee: { kind: 'helper', row: lookup }, constKey: undefined },
      { map, callee: { kind: 'mapOp', op: 'lookup', map }, constKey: undefined },
      { map, callee: { kind: 'helper', row: tail }, constKey: 7 },
      { map, callee: { kind: 'helper', row: tail }, constKey: undefined },
      { probeMem: true },
      undefined,
    ]);
    expect([out[0].src, out[2].src]).toEqual([0, 0]);
    expect([...origIdx]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(subprogs).toEqual([
      {
        start: 0,
        stackDepth: 512,
        name: 'f0',
        typeId: 0,
        linkage: 'static',
        unreliable: false,
        hasTailCall: true,
      },
    ]);
  });

  it('moves func_info to where the functions are', () => {
    const v = fakeVerification({ insns: [callPseudo(1), exit(), exit()], subprogs: [0, 2] });
    expect(assembleFuncInfo(v)).toBeUndefined();
    v.funcInfo = [0, 1].map((insnIdx) => ({ insnIdx, typeId: insnIdx + 5, rest: new Uint8Array() }));
    expect(assembleFuncInfo(v)).toEqual({
      recSize: 8,
      bytes: new Uint8Array(new Uint32Array([0, 5, 2, 6]).buffer),
    });
  });

  it('is empty where nothing is to say', () => {
    const { aux, cgroupStorage } = assembleVerified(fakeVerification({ insns: [exit()] }));
    expect(aux).toEqual([undefined]);
    expect(cgroupStorage).toEqual([undefined, undefined]);
  });
});
