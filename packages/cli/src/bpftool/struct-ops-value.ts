// SPDX-License-Identifier: MIT
// The value of a struct_ops map, as bpftool prints it: functions by prototype, and with the program behind them.
import {
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_GET_FD_BY_ID,
  type Btf,
  formatValue,
  type ProgInfo,
  type SimulatedKernel,
} from 'tsbpf';
import { functionType } from '../output/prototype.ts';

type Json = ReturnType<typeof formatValue>;

const [PTR, STRUCT, FUNC_PROTO] = [2, 4, 13];

/** The name of the function that a program is: its own where it has no BTF. */
function progFunction(kernel: SimulatedKernel, id: number): string {
  const fd = kernel.bpf(BPF_PROG_GET_FD_BY_ID, { prog_id: id });
  if (fd < 0) return '<unknown_prog_name>';
  try {
    const info: ProgInfo = { func_info: new Uint8Array(8), nr_func_info: 1, func_info_rec_size: 8 } as ProgInfo;
    const err = kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info });
    const record = info.func_info;
    const btf = [...kernel.state.btfs.values()].find((one) => one.id === info.btf_id);
    if (err < 0 || btf === undefined || record === undefined || (info.nr_func_info ?? 0) === 0)
      return '<unknown_prog_name>';
    return btf.btf.name(new DataView(record.buffer, record.byteOffset).getUint32(4, true));
  } finally {
    kernel.close(fd);
  }
}

function functionPointer(btf: Btf, typeId: number): number | undefined {
  const ptr = btf.skipModifiers(typeId);
  if (btf.kind(ptr) !== PTR) return undefined;
  const proto = btf.skipModifiers(btf.sizeOrType(ptr));
  return proto !== 0 && btf.kind(proto) === FUNC_PROTO ? proto : undefined;
}

export function structOpsValue(
  kernel: SimulatedKernel,
  options: { typeId: number; bytes: Uint8Array; plain: boolean; functions: boolean },
): Json {
  const { plain, functions } = options;
  const { btf } = kernel.state.types;
  const walk = (typeId: number, bytes: Uint8Array): Json => {
    const id = btf.skipModifiers(typeId);
    const proto = functions ? functionPointer(btf, id) : undefined;
    if (proto !== undefined) {
      const progId = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
      return `${functionType(btf, proto)} ${progId === 0 ? '0' : `${progFunction(kernel, progId)}/prog_id:${progId}`}`;
    }
    if (btf.kind(id) !== STRUCT) return formatValue(btf, id, bytes, { plain });
    return Object.fromEntries(
      btf.members(id).map((member) => {
        const at = member.bitOffset / 8;
        return [member.name, walk(member.typeId, bytes.subarray(at, at + btf.resolveSize(member.typeId)))];
      }),
    );
  };
  return walk(options.typeId, options.bytes);
}
