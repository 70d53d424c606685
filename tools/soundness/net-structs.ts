// SPDX-License-Identifier: MIT
// Kernel structures that programs are given pointers to, and the functions they are attached to.
import { BTF_KIND_FUNC, BTF_KIND_TYPEDEF } from '../../packages/btf/src/index.ts';
import type { BpfMap } from '../../packages/core/src/index.ts';
import type { KernelState } from '../../packages/kernel/src/index.ts';
import { InternalError } from '../../packages/uapi/src/index.ts';
import type { Flavour } from './flavours.ts';

/** Structures of the simulated kernel that are made for programs. */
export type StructName = 'sk_buff' | 'task_struct' | 'sock' | 'request_sock';

export interface Structs {
  objectOf(name: StructName): bigint;
  attachBtfId(flavour: Flavour): number;
  sizeOfStruct(btfId: number): number;
  fillXskMap(map: BpfMap): void;
}

const PACKET_BYTES = 64;
const ALL: readonly StructName[] = ['sk_buff', 'task_struct', 'sock', 'request_sock'];

export function createStructs(state: KernelState): Structs {
  const { mem, types, vmlinux } = state;
  const { btf } = vmlinux;
  const made = new Map<string, number>();
  for (const name of ALL) made.set(name, mem.alloc(types.sizeOf(name), { kind: 'object', name }));
  const at = (name: string): number => made.get(name) ?? 0;
  const point = (path: string, to: number): void => {
    const field = types.tryResolve(path);
    if (field !== undefined) mem.write64(at(path.split('.')[0]) + field.off, mem.toAddr(to));
  };
  const data = mem.alloc(PACKET_BYTES, { kind: 'packet' });
  const skb = at('sk_buff');
  point('sk_buff.data', data);
  point('sk_buff.head', data);
  point('sk_buff.sk', at('sock'));
  mem.write32(skb + types.resolve('sk_buff.len').off, PACKET_BYTES);
  point('task_struct.real_parent', at('task_struct'));

  const ids = new Map<string, number>();
  return {
    objectOf: (name) => mem.toAddr(at(name)),
    attachBtfId({ attachTo }) {
      if (attachTo === undefined) return 0;
      let id = ids.get(attachTo);
      if (id === undefined) {
        id = btf.findByName(attachTo, attachTo.startsWith('btf_trace_') ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC);
        if (id === undefined) throw new InternalError(`the kernel's BTF has no ${attachTo}`);
        ids.set(attachTo, id);
      }
      return id;
    },
    sizeOfStruct: (btfId) => btf.sizeOrType(btfId),
    fillXskMap(map) {
      // The simulated kernel has no AF_XDP sockets; what programs read of one is a few words.
      const slot = (map as BpfMap & { slot(index: number): number }).slot(0);
      const socket = mem.alloc(types.tryResolve('xdp_sock.queue_id') === undefined ? 1024 : types.sizeOf('xdp_sock'), {
        kind: 'object',
        name: 'xdp_sock',
      });
      mem.write64(slot, mem.toAddr(socket));
    },
  };
}
