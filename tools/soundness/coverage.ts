// SPDX-License-Identifier: MIT
// How often programs had each type of register and each class of argument.
import type { ArgType, FuncProto, RegType } from '../../packages/core/src/index.ts';
import type { Insn } from '../../packages/insn/src/index.ts';
import type { ObservedFrame } from '../../packages/verifier/src/index.ts';
import type { PathGraph } from './path-graph.ts';
import { registersRead } from './registers-read.ts';

/** Register types of v5.6 that an instruction can read. */
export const REG_TYPES: readonly RegType[] = [
  'SCALAR_VALUE',
  'PTR_TO_CTX',
  'CONST_PTR_TO_MAP',
  'PTR_TO_MAP_VALUE',
  'PTR_TO_MAP_VALUE_OR_NULL',
  'PTR_TO_STACK',
  'PTR_TO_PACKET_META',
  'PTR_TO_PACKET',
  'PTR_TO_PACKET_END',
  'PTR_TO_FLOW_KEYS',
  'PTR_TO_SOCKET',
  'PTR_TO_SOCKET_OR_NULL',
  'PTR_TO_SOCK_COMMON',
  'PTR_TO_SOCK_COMMON_OR_NULL',
  'PTR_TO_TCP_SOCK',
  'PTR_TO_TCP_SOCK_OR_NULL',
  'PTR_TO_TP_BUFFER',
  'PTR_TO_XDP_SOCK',
  'PTR_TO_BTF_ID',
];

/** Argument classes of v5.6. No helper of v5.6 takes an ARG_PTR_TO_INT. */
export const ARG_TYPES: readonly ArgType[] = [
  'ARG_ANYTHING',
  'ARG_CONST_MAP_PTR',
  'ARG_PTR_TO_MAP_KEY',
  'ARG_PTR_TO_MAP_VALUE',
  'ARG_PTR_TO_UNINIT_MAP_VALUE',
  'ARG_PTR_TO_MAP_VALUE_OR_NULL',
  'ARG_PTR_TO_MEM',
  'ARG_PTR_TO_MEM_OR_NULL',
  'ARG_PTR_TO_UNINIT_MEM',
  'ARG_CONST_SIZE',
  'ARG_CONST_SIZE_OR_ZERO',
  'ARG_PTR_TO_CTX',
  'ARG_PTR_TO_SPIN_LOCK',
  'ARG_PTR_TO_SOCK_COMMON',
  'ARG_PTR_TO_INT',
  'ARG_PTR_TO_LONG',
  'ARG_PTR_TO_SOCKET',
  'ARG_PTR_TO_BTF_ID',
];

const UNREACHABLE: ReadonlySet<string> = new Set<ArgType>(['ARG_PTR_TO_INT']);
const CALL = 0x85;

/** Times seen: by the verifier, in programs that it accepted, and in runs of them. */
interface Hits {
  verified: number;
  ran: number;
}

export class Coverage {
  readonly #regs = new Map<string, Hits>();
  readonly #args = new Map<string, Hits>();

  #of(table: Map<string, Hits>, key: string): Hits {
    let hits = table.get(key);
    if (hits === undefined) table.set(key, (hits = { verified: 0, ran: 0 }));
    return hits;
  }

  /** All that the verifier looked at in a program. */
  verified(graph: PathGraph, insns: readonly Insn[], protoOf: (id: number) => FuncProto | undefined): void {
    for (const { insnIdx, frames } of graph.steps()) {
      const insn = insns[insnIdx];
      const proto = insn.code === CALL && insn.src === 0 ? protoOf(insn.imm) : undefined;
      const read = registersRead(insn, proto?.args.length ?? 0);
      const { regs } = frames[frames.length - 1];
      for (let r = 0; r < 11; r++) if ((read & (1 << r)) !== 0) this.#of(this.#regs, regs[r].type).verified++;
      if (proto !== undefined) for (const arg of proto.args) this.#of(this.#args, arg).verified++;
    }
  }

  /** An instruction that a run comes to. */
  ran(frames: readonly ObservedFrame[] | undefined, read: number, proto: FuncProto | undefined): void {
    if (frames === undefined) return;
    const { regs } = frames[frames.length - 1];
    for (let r = 0; r < 11; r++) if ((read & (1 << r)) !== 0) this.#of(this.#regs, regs[r].type).ran++;
    if (proto !== undefined) for (const arg of proto.args) this.#of(this.#args, arg).ran++;
  }

  /** What was seen less often than that, of what programs can have. */
  below(limit: number): string[] {
    const few = (table: Map<string, Hits>, keys: readonly string[]): string[] =>
      keys.filter((key) => !UNREACHABLE.has(key) && (table.get(key)?.verified ?? 0) < limit);
    return [...few(this.#regs, REG_TYPES), ...few(this.#args, ARG_TYPES)];
  }

  table(): string {
    const lines = ['                                  verified         ran'];
    const add = (table: Map<string, Hits>, keys: readonly string[]): void => {
      for (const key of keys) {
        const { verified, ran } = table.get(key) ?? { verified: 0, ran: 0 };
        const why = UNREACHABLE.has(key) ? '  no helper of v5.6 has one' : '';
        lines.push(`${key.padEnd(30)} ${String(verified).padStart(11)} ${String(ran).padStart(11)}${why}`);
      }
    };
    add(this.#regs, REG_TYPES);
    add(this.#args, ARG_TYPES);
    return lines.join('\n');
  }

  /** For a run that goes on later. */
  save(): unknown {
    return { regs: [...this.#regs], args: [...this.#args] };
  }

  /** Adds what was saved. */
  add(saved: unknown): void {
    const { regs, args } = saved as { regs: [string, Hits][]; args: [string, Hits][] };
    for (const [table, rows] of [
      [this.#regs, regs],
      [this.#args, args],
    ] as const) {
      for (const [key, { verified, ran }] of rows) {
        const hits = this.#of(table, key);
        hits.verified += verified;
        hits.ran += ran;
      }
    }
  }
}
