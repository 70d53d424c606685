// SPDX-License-Identifier: MIT
import { EINVAL, ENOMEM, NotSupportedError, type ProgLoadAttr } from '@tsbpf/uapi';
import type {
  BpfMap,
  BpfProg,
  KernelBtf,
  LoadedProg,
  MapFacts,
  ProgTypeDef,
  VerifiedProg,
  VerifierResult,
} from '@tsbpf/core';
import { progCharge } from './prog-pages.ts';
import { unrunnable } from './unrunnable.ts';
import type { KernelState } from '../kernel-state.ts';

interface Loaded {
  readonly attr: ProgLoadAttr;
  readonly def: ProgTypeDef;
  readonly expected: number;
  readonly gplCompatible: boolean;
  readonly btf: KernelBtf | undefined;
  readonly targetProg: BpfProg | undefined;
  readonly result: VerifierResult;
  readonly verified: VerifiedProg;
}

/** Bytes of the kernel structure that stands for a program: programs only compare its address. */
const PROG_OBJECT_SIZE = 64;

/** In this kernel every map the verifier saw came from its own fd table. */
const asMap = (facts: MapFacts): BpfMap => facts as BpfMap;

/** Whether the maps take the program; a prog_array's owner is fixed here. @see kernel/bpf/core.c, bpf_check_tail_call */
function mapsFit(maps: readonly BpfMap[], type: number): boolean {
  return maps.every((map) => map.def.ops.progCompatible?.(map, { type, jited: true }) ?? true);
}

/**
 * Makes the program object of a verified program: references, id, engine. One reference is the caller's. A program that
 * is made takes over what it was charged for.
 */
export function createProg(k: KernelState, from: Loaded): BpfProg | number {
  const { attr, def, result, verified } = from;
  const maps = verified.usedMaps.map(asMap);
  if (!mapsFit(maps, def.type)) return -EINVAL;
  const off = k.mem.alloc(PROG_OBJECT_SIZE, { kind: 'prog', name: attr.prog_name ?? '' });
  if (off === 0) return -ENOMEM;

  for (const map of maps) k.mapGet(map);
  from.btf?.get();
  from.targetProg?.get();
  const free = (): void => {
    prog.def.ops.unloaded?.(k, prog);
    prog.loaded.unload();
    for (const map of maps) k.mapPut(map);
    from.btf?.put();
    from.targetProg?.put();
    k.objects.gone(prog);
    k.mem.free(off);
  };
  let loaded: LoadedProg | undefined;
  const prog: BpfProg = {
    kind: 'prog',
    off,
    id: 0,
    type: def.type,
    def,
    name: attr.prog_name ?? '',
    tag: result.tag,
    gplCompatible: from.gplCompatible,
    expectedAttachType: from.expected,
    attachBtfId: attr.attach_btf_id ?? 0,
    attach: result.attach,
    ifindex: attr.prog_ifindex ?? 0,
    btf: from.btf,
    funcInfo: result.funcInfo,
    uid: k.env.current.uid,
    loadTimeNs: k.env.bootNs(),
    verified,
    maps,
    jited: true,
    get loaded() {
      return (loaded ??= load());
    },
    get slots() {
      return prog.loaded.slots;
    },
    runCnt: 0,
    runTimeNs: 0n,
    refs: 1,
    get() {
      prog.refs++;
    },
    put() {
      if (--prog.refs > 0) return;
      k.progs.remove(prog.id);
      k.rcu.callRcu(() => {
        free();
        k.memlock.uncharge(progCharge(verified.insns.length));
      });
    },
  };
  const load = (): LoadedProg => {
    try {
      return k.executor.load(verified, { prog });
    } catch (error) {
      if (error instanceof NotSupportedError) return unrunnable(error);
      throw error;
    }
  };
  k.objects.add(prog);
  const err = def.ops.loaded?.(k, prog) ?? 0;
  if (err < 0) {
    prog.refs = 0;
    free();
    return err;
  }
  prog.id = k.progs.add(prog);
  return prog;
}
