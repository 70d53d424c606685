// SPDX-License-Identifier: MIT
import {
  BPF_LDX,
  BPF_MAP_TYPE_CGROUP_STORAGE,
  BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE,
  BPF_MEM,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  BPF_STX,
  BPF_XADD,
  E2BIG,
  EBUSY,
  EINVAL,
} from '@tsbpf/uapi';
import { type Insn, insnClass, insnMode, isLdImm64, opcodeInTable } from '@tsbpf/insn';
import type { MapFacts } from '@tsbpf/core';
import { refuse } from '../refuse.ts';
import { reject } from '../reject.ts';
import type { Verification } from '../verification.ts';
import { checkMapForProg } from './map-compat.ts';
import { progTag } from './tag.ts';

/** Different maps that one program may refer to. */
const MAX_USED_MAPS = 64;
/** Bytes: offsets into map values are below it. */
const MAX_VALUE_OFF = 1 << 29;

/**
 * First look at every instruction: opcodes, reserved fields of loads and stores, and 64-bit immediates, whose map fds
 * become kernel addresses. Collects the maps the program refers to, and computes its tag.
 *
 * The immediates keep their `src` (1 or 2) until the program is assembled, as in Linux.
 * @errno EINVAL, EBADF a bad instruction or fd; ENOTSUPP a value that cannot be pointed into; E2BIG too many maps;
 * EBUSY cgroup storage
 * @see kernel/bpf/verifier.c, replace_map_fd_with_map_ptr
 */
export function resolvePseudoImmediates(v: Verification): void {
  v.tag = progTag(v.insns);
  for (let i = 0; i < v.insns.length; i++) {
    const insn = v.insns[i];
    checkReservedFields(v, insn);
    if (isLdImm64(insn)) {
      checkWideImmediate(v, insn, v.insns[i + 1]);
      if (insn.src !== 0) resolveMap(v, i);
      i++;
    } else if (!opcodeInTable(insn.code, v.env.version)) {
      refuse(v, EINVAL, `unknown opcode ${insn.code.toString(16).padStart(2, '0')}\n`);
    }
  }
}

function checkReservedFields(v: Verification, insn: Insn): void {
  const cls = insnClass(insn);
  const mode = insnMode(insn);
  if (cls === BPF_LDX && (mode !== BPF_MEM || insn.imm !== 0)) refuse(v, EINVAL, 'BPF_LDX uses reserved fields\n');
  if (cls === BPF_STX && ((mode !== BPF_MEM && mode !== BPF_XADD) || insn.imm !== 0)) {
    refuse(v, EINVAL, 'BPF_STX uses reserved fields\n');
  }
}

function checkWideImmediate(v: Verification, first: Insn, second: Insn | undefined): void {
  if (second === undefined || second.code !== 0 || second.dst !== 0 || second.src !== 0 || second.off !== 0) {
    refuse(v, EINVAL, 'invalid bpf_ld_imm64 insn\n');
  }
  const known =
    first.src === 0 || first.src === BPF_PSEUDO_MAP_VALUE || (first.src === BPF_PSEUDO_MAP_FD && second.imm === 0);
  if (!known) refuse(v, EINVAL, 'unrecognized bpf_ld_imm64 insn\n');
}

function resolveMap(v: Verification, idx: number): void {
  const insn = v.insns[idx];
  const map = v.env.mapByFd(insn.imm);
  if (typeof map === 'number') refuse(v, -map, `fd ${insn.imm} is not pointing to valid bpf_map\n`);
  checkMapForProg(v, map);

  const facts = v.insnFacts[idx];
  let addr = map.addr;
  if (insn.src === BPF_PSEUDO_MAP_VALUE) {
    const off = v.insns[idx + 1].imm >>> 0;
    addr = valueAddress(v, map, off);
    facts.mapValueOff = off;
  }
  facts.map = map;
  v.insns[idx] = { ...insn, imm: Number(BigInt.asIntN(32, addr)) };
  v.insns[idx + 1] = { ...v.insns[idx + 1], imm: Number(BigInt.asIntN(32, addr >> 32n)) };
  useMap(v, map);
}

function valueAddress(v: Verification, map: MapFacts, off: number): bigint {
  if (off >= MAX_VALUE_OFF) refuse(v, EINVAL, `direct value offset of ${off} is not allowed\n`);
  if (map.def.directValue === undefined) refuse(v, EINVAL, 'no direct value access support for this map type\n');
  const addr = map.def.directValue(map, off);
  if (typeof addr === 'bigint') return addr;
  return refuse(v, -addr, `invalid access to map value pointer, value_size=${map.valueSize} off=${off}\n`);
}

function useMap(v: Verification, map: MapFacts): void {
  if (v.usedMaps.includes(map)) return;
  if (v.usedMaps.length >= MAX_USED_MAPS) reject(E2BIG);
  v.usedMaps.push(map);

  const kind = [BPF_MAP_TYPE_CGROUP_STORAGE, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE].indexOf(map.type);
  if (kind < 0) return;
  if (map.ownedByProg === true || v.cgroupStorage[kind] !== undefined) {
    refuse(v, EBUSY, 'only one cgroup storage of each type is allowed\n');
  }
  v.cgroupStorage[kind] = map;
}
