// SPDX-License-Identifier: MIT
// Makes the end of a verifier log speak of what the loader replaced by calls of helpers that no kernel has.
import { POISON_CORE } from './core-patch.ts';
import { POISON_KFUNC_BASE, POISON_MAP_BASE } from './relocate.ts';

export interface PoisonNames {
  /** Specification of a CO-RE relocation by instruction. */
  readonly core: ReadonlyMap<number, string>;
  mapName(idx: number): string | undefined;
  externName(idx: number): string | undefined;
}

const CALL_LINE = /^(\d+): \([0-9a-f]{2}\) .*$/;

/** The log with the lines of a poisoned instruction rewritten; any other log as it is. */
export function explainPoison(log: string, names: PoisonNames): string {
  const lines = log.split('\n');
  for (let i = Math.max(1, lines.length - 10); i < lines.length; i++) {
    const imm = /^invalid func unknown#(\d+)$/.exec(lines[i])?.[1];
    const insn = CALL_LINE.exec(lines[i - 1])?.[1];
    if (imm === undefined || insn === undefined) continue;
    const id = Number(imm);
    if (id === POISON_CORE) {
      const spec = names.core.get(Number(insn));
      if (spec === undefined) return log;
      lines[i - 1] = `${insn}: <invalid CO-RE relocation>`;
      lines[i] = `failed to resolve CO-RE relocation ${spec}`;
    } else if (id >= POISON_KFUNC_BASE && names.externName(id - POISON_KFUNC_BASE) !== undefined) {
      lines[i - 1] = `${insn}: <invalid kfunc call>`;
      lines[i] = `kfunc '${names.externName(id - POISON_KFUNC_BASE)}' is referenced but wasn't resolved`;
    } else if (id >= POISON_MAP_BASE && names.mapName(id - POISON_MAP_BASE) !== undefined) {
      lines[i - 1] = `${insn}: <invalid BPF map reference>`;
      lines[i] = `BPF map '${names.mapName(id - POISON_MAP_BASE)}' is referenced but wasn't created`;
    }
    return lines.join('\n');
  }
  return log;
}

const STATISTICS = /^(processed \d+ insns|verification time|stack depth|mark_precise|$)/;

/** The line that says why: the last but for statistics. */
export function verdictLine(log: string): string | undefined {
  return log
    .trimEnd()
    .split('\n')
    .reverse()
    .find((line) => !STATISTICS.test(line));
}

/** The last instruction the log shows. */
export function lastInsn(log: string): number | undefined {
  let last: number | undefined;
  for (const line of log.split('\n')) {
    const idx = CALL_LINE.exec(line)?.[1] ?? /^(\d+): /.exec(line)?.[1];
    if (idx !== undefined) last = Number(idx);
  }
  return last;
}
