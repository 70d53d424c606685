// SPDX-License-Identifier: MIT
// Translates a struct_ops variable into the kernel's own layout.
import {
  BTF_KIND_FUNC_PROTO,
  BTF_KIND_PTR,
  BTF_KIND_STRUCT,
  essentialName,
  type Btf,
  type BtfMember,
} from '@tsbpf/btf';
import { EINVAL, EOPNOTSUPP, ESRCH } from '@tsbpf/uapi';
import type { BpfMap } from '../handle/map.ts';
import type { BpfProgram } from '../handle/program.ts';
import type { LoadState } from './state.ts';

/** A struct_ops map as the kernel has it. */
export interface KernelStructOps {
  /** The struct `bpf_struct_ops_NAME` in the kernel's BTF. */
  readonly valueTypeId: number;
  /** Bytes of the map's value, without the programs' fds. */
  readonly value: Uint8Array;
  /** Programs by the offset of their member in `value`. */
  readonly funcs: { readonly offset: number; readonly prog: BpfProgram }[];
}

interface KernelType {
  readonly typeId: number;
  readonly valueTypeId: number;
  /** Byte offset of the struct in the value. */
  readonly dataOff: number;
}

function kernelType(state: LoadState, kernel: Btf, map: BpfMap, name: string): KernelType {
  const { refuse } = state;
  const typeId = kernel.findByName(name, BTF_KIND_STRUCT);
  if (typeId === undefined) {
    return refuse(`struct_ops init_kern: struct ${name} is not found in kernel BTF`, { errno: ESRCH, map: map.name });
  }
  const valueName = `bpf_struct_ops_${name}`;
  const valueTypeId = kernel.findByName(valueName, BTF_KIND_STRUCT);
  if (valueTypeId === undefined) {
    return refuse(`struct_ops init_kern: struct ${valueName} is not found in kernel BTF`, {
      errno: ESRCH,
      map: map.name,
    });
  }
  const data = kernel.members(valueTypeId).find((m) => m.typeId === typeId);
  if (data === undefined) {
    return refuse(`struct_ops init_kern: struct ${name} data is not found in struct ${valueName}`, { map: map.name });
  }
  return { typeId, valueTypeId, dataOff: data.bitOffset / 8 };
}

/** Works out one map; programs that its members name get their type's BTF id and member's index. */
export function initStructOps(state: LoadState, map: BpfMap): KernelStructOps {
  const { refuse, print, spec, progs } = state;
  const { structOps, data } = map.spec;
  const local = spec.btf;
  if (structOps === undefined || data === undefined || local === undefined) {
    return refuse(`map '${map.name}': not a struct_ops map`, { map: map.name });
  }
  const kernel = state.kernelBtf();
  const name = essentialName(local.name(structOps.typeId));
  const kern = kernelType(state, kernel, map, name);
  const value = new Uint8Array(kernel.resolveSize(kern.valueTypeId));
  const funcs: { offset: number; prog: BpfProgram }[] = [];
  const kernMembers = kernel.members(kern.typeId);
  const bad = (text: string, errno = EINVAL): never =>
    refuse(`struct_ops init_kern ${map.name}: ${text}`, { errno, map: map.name });

  const member = (m: BtfMember): void => {
    const off = m.bitOffset / 8;
    const memberName = essentialName(m.name);
    const index = kernMembers.findIndex((k) => k.name === memberName);
    const isSet = (): boolean => {
      const end = off + local.resolveSize(m.typeId);
      return data.subarray(off, end).some((byte) => byte !== 0) || structOps.funcs.some((f) => f.offset === off);
    };
    if (index < 0) {
      if (isSet()) bad(`Cannot find member ${m.name} in kernel BTF`, EOPNOTSUPP);
      print('info', `struct_ops ${map.name}: member ${m.name} not found in kernel, skipping it as it's set to zero`);
      return;
    }
    const k = kernMembers[index];
    if (m.bitSize !== 0 || k.bitSize !== 0) bad(`bitfield ${m.name} is not supported`, EOPNOTSUPP);
    const kernOff = kern.dataOff + k.bitOffset / 8;
    const localType = local.skipModifiers(m.typeId);
    const kernType = kernel.skipModifiers(k.typeId);
    if (local.kind(localType) !== kernel.kind(kernType)) {
      bad(`Unmatched member type ${m.name} ${local.kind(localType)} != ${kernel.kind(kernType)}(kernel)`, EOPNOTSUPP);
    }
    if (local.kind(localType) === BTF_KIND_PTR) {
      const func = structOps.funcs.find((f) => f.offset === off);
      if (func === undefined) return;
      const prog = progs.find((p) => p.name === func.progName);
      if (prog === undefined) return;
      if (kernel.kind(kernel.skipModifiers(kernel.sizeOrType(kernType))) !== BTF_KIND_FUNC_PROTO) {
        bad(`kernel member ${m.name} is not a func ptr`, EOPNOTSUPP);
      }
      prog.adoptAttachBtfId(kern.typeId);
      prog.expectedAttachType = index;
      funcs.push({ offset: kernOff, prog });
      print(
        'debug',
        `struct_ops init_kern ${map.name}: func ptr ${m.name} is set to prog ${prog.name} from data(+${off}) to kern_data(+${k.bitOffset / 8})`,
      );
      return;
    }
    const size = local.resolveSize(localType);
    const kernSize = kernel.resolveSize(kernType);
    if (size !== kernSize) bad(`Error in size of member ${m.name}: ${size} != ${kernSize}(kernel)`, EOPNOTSUPP);
    value.set(data.subarray(off, off + size), kernOff);
    print(
      'debug',
      `struct_ops init_kern ${map.name}: copy ${m.name} ${size} bytes from data(+${off}) to kern_data(+${k.bitOffset / 8})`,
    );
  };
  for (const m of local.members(structOps.typeId)) member(m);
  return { valueTypeId: kern.valueTypeId, value, funcs };
}

/** The value to put into the map: the variable with the fds of its programs. */
export function structOpsValue(kern: KernelStructOps, littleEndian: boolean): Uint8Array {
  const value = kern.value.slice();
  const view = new DataView(value.buffer);
  for (const { offset, prog } of kern.funcs) {
    if (prog.loaded) view.setBigUint64(offset, BigInt(prog.fd), littleEndian);
  }
  return value;
}
