// SPDX-License-Identifier: MIT
import { computeCoreRelo, formatCoreSpec, recordsBySection, type Btf, type CoreCandidate } from '@tsbpf/btf';
import type { Insn } from '@tsbpf/insn';
import { BPF_INSN_SIZE, BtfError, EINVAL, LoaderError } from '@tsbpf/uapi';
import type { ProgSpec } from '../open/spec.ts';
import { progAt } from '../open/programs.ts';
import { patchCoreInsn } from './core-patch.ts';
import type { LoadState } from './state.ts';

/** A function's instructions after CO-RE, and which of them could not be relocated: their specifications by index. */
export interface CoreResult {
  readonly insns: Insn[];
  readonly poisoned: ReadonlyMap<number, string>;
}

/** Whether the object has CO-RE relocations at all. */
export function hasCoreRelos(state: Pick<LoadState, 'spec'>): boolean {
  return (state.spec.btfExt?.coreRelo.sections.length ?? 0) > 0;
}

/** Relocates every function that may be loaded. The object's own instructions stay as they were. */
export function applyCore(state: LoadState, needed: (prog: ProgSpec) => boolean): Map<ProgSpec, CoreResult> {
  const { spec, print, refuse } = state;
  const results = new Map<ProgSpec, { insns: Insn[]; poisoned: Map<number, string> }>();
  for (const prog of spec.progs) results.set(prog, { insns: [...prog.insns], poisoned: new Map() });
  const { btf, btfExt } = spec;
  if (btf === undefined || btfExt === undefined || !hasCoreRelos(state)) return results;
  let targets: { btf: Btf; name: string }[] | undefined;
  const candidates = new Map<number, readonly CoreCandidate[]>();
  for (const [secName, relos] of recordsBySection(btf, btfExt.coreRelo)) {
    const section = spec.elf.section(secName);
    if (section === undefined) {
      return refuse(`sec '${secName}': failed to find section of CO-RE relocations`, { errno: EINVAL });
    }
    print('debug', `sec '${secName}': found ${relos.length} CO-RE relocations`);
    relos.forEach((record, reloIdx) => {
      if (record.insnOff % BPF_INSN_SIZE !== 0) {
        refuse(`sec '${secName}': relo #${reloIdx}: invalid offset ${record.insnOff}`);
      }
      const secInsn = record.insnOff / BPF_INSN_SIZE;
      const prog = progAt(spec.progs, section.index, secInsn);
      // The code of an overridden weak function has no symbol any more.
      if (prog === undefined || !needed(prog)) return;
      const result = results.get(prog);
      if (result === undefined) return;
      targets ??= [{ btf: state.customBtf() ?? state.kernelBtf(), name: 'vmlinux' }];
      const at = `prog '${prog.name}': relo #${reloIdx}`;
      try {
        const decision = computeCoreRelo({
          localBtf: btf,
          relo: {
            typeId: record.typeId,
            accessStr: btf.strAt(record.accessStrOff),
            kind: record.kind,
            insnOff: (secInsn - prog.secInsnOff) * BPF_INSN_SIZE,
          },
          targets,
          candidates: candidates.get(record.typeId),
          progName: prog.name,
          reloIdx,
          log: print,
        });
        if (decision.candidates.length > 0) candidates.set(record.typeId, decision.candidates);
        const insnIdx = secInsn - prog.secInsnOff;
        const poisoned = patchCoreInsn({
          insns: result.insns,
          insnIdx,
          decision,
          at,
          print,
          refuse: (text) => refuse(`${at}: ${text}`, { prog: prog.name }),
        });
        if (poisoned) result.poisoned.set(insnIdx, formatCoreSpec(decision.localSpec));
      } catch (cause) {
        if (!(cause instanceof BtfError)) throw cause;
        print('warn', `prog '${prog.name}': relo #${reloIdx}: failed to relocate: ${-cause.errno}`);
        throw new LoaderError(cause.message, { errno: cause.errno, prog: prog.name, cause });
      }
    });
  }
  return results;
}
