// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_PROG_ARRAY. @see kernel/bpf/arraymap.c, prog_array_map_ops
import { BPF_MAP_TYPE_PROG_ARRAY, EINVAL } from '@tsbpf/uapi';
import { defineMapType, type BpfProg, type MapTypeDef } from '@tsbpf/core';
import { ArrayMap, allocArray, arrayNextKey, type ArrayInit } from './array-map.ts';
import {
  pointedTo,
  pointerArrayAllocCheck,
  pointerClear,
  pointerDelete,
  pointerLookup,
  pointerUpdate,
  type PointerHooks,
} from './pointer-array.ts';
import { emitTailCallTarget } from '../emit/array.ts';

/** Kernel memory for the owner: whether there is one, its program type, whether it is JITed. */
const AUX_SIZE = 16;
const [BOUND, TYPE, JITED] = [0, 4, 8];

/** What owns a prog array: all programs that use it or are in it are of one kind. */
export interface ProgArrayOwner {
  readonly type: number;
  readonly jited: boolean;
}

export class ProgArrayMap extends ArrayMap {
  readonly #auxOff: number;

  constructor(init: ArrayInit & { auxOff: number }) {
    super(init);
    this.#auxOff = init.auxOff;
    const aux = this.kernel.types.tryResolve('bpf_array.aux');
    if (aux !== undefined) this.mem.write64(this.off + aux.off, this.mem.toAddr(init.auxOff));
  }

  /** Fixed by the first program, for as long as the array lives. */
  get owner(): ProgArrayOwner | undefined {
    if (this.mem.read32(this.#auxOff + BOUND) === 0) return undefined;
    return { type: this.mem.read32(this.#auxOff + TYPE), jited: this.mem.read32(this.#auxOff + JITED) !== 0 };
  }
  set owner(owner: ProgArrayOwner) {
    this.mem.write32(this.#auxOff + BOUND, 1);
    this.mem.write32(this.#auxOff + TYPE, owner.type);
    this.mem.write32(this.#auxOff + JITED, owner.jited ? 1 : 0);
  }

  override release(): void {
    this.mem.free(this.#auxOff);
    super.release();
  }
}

/** @see kernel/bpf/core.c, bpf_prog_array_compatible */
function compatible(map: ProgArrayMap, prog: ProgArrayOwner & Partial<Pick<BpfProg, 'verified'>>): boolean {
  if (prog.verified?.overridesReturn === true) return false;
  const { owner } = map;
  if (owner !== undefined) return owner.type === prog.type && owner.jited === prog.jited;
  map.owner = { type: prog.type, jited: prog.jited };
  return true;
}

const programs: PointerHooks<BpfProg, ProgArrayMap> = {
  kind: 'prog',
  get(map, fd) {
    const file = map.kernel.fds.get(fd, 'prog');
    if (typeof file === 'number') return file;
    if (!compatible(map, file.prog)) return -EINVAL;
    file.prog.get();
    return file.prog;
  },
  put: (_map, prog) => prog.put(),
};

function makeProgArray(init: ArrayInit): ProgArrayMap | undefined {
  const auxOff = init.kernel.mem.alloc(AUX_SIZE, { kind: 'map', name: 'prog_array' });
  return auxOff === 0 ? undefined : new ProgArrayMap({ ...init, auxOff });
}

export const progArrayMapType: MapTypeDef<ProgArrayMap> = defineMapType<ProgArrayMap>({
  type: BPF_MAP_TYPE_PROG_ARRAY,
  name: 'prog_array',
  since: '4.2',
  kernelStruct: 'bpf_array',
  onlyHelpers: ['tail_call'],
  fdValues: true,
  noInner: true,
  allocCheck: pointerArrayAllocCheck,
  alloc: (params, kernel) => allocArray(params, kernel, progArrayMapType, { make: makeProgArray }),
  opSymbols: { lookup: 'fd_array_map_lookup_elem', delete: 'fd_array_map_delete_elem' },
  ops: {
    sysLookup: (map, keyOff, valueOff) => pointerLookup(map, keyOff, valueOff, programs as PointerHooks<BpfProg>),
    sysUpdate: (map, keyOff, valueOff, flags) => pointerUpdate(map, keyOff, valueOff, flags, programs),
    sysDelete: (map, keyOff) => pointerDelete(map, keyOff, programs),
    getNextKey: arrayNextKey,
    releaseUserRefs: (map) => pointerClear(map, programs),
    tailCallTarget: (map, index) => pointedTo<BpfProg>(map, map.dataOff + index * map.stride, 'prog'),
    progCompatible: compatible,
    fdinfo: ({ owner }) =>
      owner === undefined ? [] : [`owner_prog_type:\t${owner.type}`, `owner_jited:\t${owner.jited ? 1 : 0}`],
    emitWasm: emitTailCallTarget,
    free(map) {
      pointerClear(map, programs);
      map.release();
    },
  },
});
