// SPDX-License-Identifier: MIT
import { isLdImm64, type Insn } from '@tsbpf/insn';
import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, ENOENT } from '@tsbpf/uapi';
import { progAt } from '../open/programs.ts';
import { isCall } from '../open/relos.ts';
import type { ProgSpec, Relo } from '../open/spec.ts';
import type { CoreResult } from './core.ts';
import { concat, extRecords, type ExtRecords } from './ext-info.ts';
import type { LoadState } from './state.ts';

/** Relocations that only fds and addresses of the running kernel can settle. */
export type LateRelo = Exclude<Relo, { kind: 'call' } | { kind: 'func' }>;

/** A program with all the functions it calls. */
export interface LinkedProg {
  readonly insns: Insn[];
  readonly relos: LateRelo[];
  readonly poisoned: ReadonlyMap<number, string>;
  /** undefined where the object has none. */
  readonly funcInfo: Uint8Array | undefined;
  readonly funcInfoRecSize: number;
  readonly lineInfo: Uint8Array | undefined;
  readonly lineInfoRecSize: number;
}

/** Links programs of one object. */
export class Linker {
  readonly #state: LoadState;
  readonly #core: ReadonlyMap<ProgSpec, CoreResult>;
  readonly #funcRecords: ExtRecords | undefined;
  readonly #lineRecords: ExtRecords | undefined;

  constructor(state: LoadState, core: ReadonlyMap<ProgSpec, CoreResult>) {
    this.#state = state;
    this.#core = core;
    const { btf, btfExt, elf } = state.spec;
    if (btf === undefined || btfExt === undefined) return;
    this.#funcRecords = extRecords(btf, elf, btfExt.funcInfo);
    this.#lineRecords = extRecords(btf, elf, btfExt.lineInfo);
  }

  /** The program followed by each function it reaches, once, in the order of the first calls. */
  link(main: ProgSpec): LinkedProg {
    const { print, refuse, spec } = this.#state;
    const insns: Insn[] = [];
    const relos: LateRelo[] = [];
    const poisoned = new Map<number, string>();
    const funcInfo: Uint8Array[] = [];
    const lineInfo: Uint8Array[] = [];
    const placed = new Map<ProgSpec, number>();
    let hasFuncInfo = this.#funcRecords !== undefined;
    let hasLineInfo = this.#lineRecords !== undefined;

    const append = (prog: ProgSpec): number => {
      const start = insns.length;
      const code = this.#core.get(prog);
      for (const insn of code?.insns ?? prog.insns) insns.push(insn);
      for (const [idx, text] of code?.poisoned ?? []) poisoned.set(start + idx, text);
      const take = (what: string, records: ExtRecords | undefined, wanted: boolean, into: Uint8Array[]): boolean => {
        if (!wanted || records === undefined) return false;
        const own = records.of(prog, start);
        if (own.length > 0) into.push(...own);
        else if (into.length > 0) {
          refuse(`prog '${main.name}': missing .BTF.ext ${what} info.`, { errno: ENOENT, prog: main.name });
        } else {
          print(
            'warn',
            `prog '${main.name}': missing .BTF.ext ${what} info for the main program, skipping all of .BTF.ext ${what} info.`,
          );
          return false;
        }
        return true;
      };
      hasFuncInfo = take('function', this.#funcRecords, hasFuncInfo, funcInfo);
      hasLineInfo = take('line', this.#lineRecords, hasLineInfo, lineInfo);
      return start;
    };

    const resolve = (prog: ProgSpec, start: number): void => {
      const byInsn = new Map(prog.relos.map((relo) => [relo.insnIdx, relo]));
      for (let i = 0; i < prog.insns.length; i++) {
        const relo = byInsn.get(i);
        const insn = insns[start + i];
        if (relo !== undefined && relo.kind !== 'call' && relo.kind !== 'func') {
          relos.push({ ...relo, insnIdx: start + i });
          continue;
        }
        let secIdx = prog.secIdx;
        let target: number;
        if (relo !== undefined) ({ secIdx, target } = relo);
        else if (isCall(insn) && insn.src === BPF_PSEUDO_CALL) target = prog.secInsnOff + i + 1 + insn.imm;
        else if (isLdImm64(insn) && insn.src === BPF_PSEUDO_FUNC) target = prog.secInsnOff + i + 1 + insn.imm;
        else continue;
        const callee = progAt(spec.progs, secIdx, target);
        if (callee === undefined) {
          return refuse(`prog '${prog.name}': no .text section found yet sub-program call exists`, {
            prog: prog.name,
          });
        }
        let at = placed.get(callee);
        if (at === undefined) {
          at = append(callee);
          placed.set(callee, at);
          print('debug', `prog '${main.name}': added ${callee.insns.length} insns from sub-prog '${callee.name}'`);
          resolve(callee, at);
        }
        const imm = at + (target - callee.secInsnOff) - (start + i) - 1;
        insns[start + i] = isLdImm64(insn) ? { ...insn, src: BPF_PSEUDO_FUNC, imm } : { ...insn, imm };
        print(
          'debug',
          `prog '${prog.name}': insn #${i} relocated, imm ${imm} points to subprog '${callee.name}' (now at ${at} offset)`,
        );
      }
    };
    resolve(main, append(main));
    relos.sort((a, b) => a.insnIdx - b.insnIdx);
    return {
      insns,
      relos,
      poisoned,
      funcInfo: hasFuncInfo ? concat(funcInfo) : undefined,
      funcInfoRecSize: this.#funcRecords?.recSize ?? 0,
      lineInfo: hasLineInfo ? concat(lineInfo) : undefined,
      lineInfoRecSize: this.#lineRecords?.recSize ?? 0,
    };
  }
}
