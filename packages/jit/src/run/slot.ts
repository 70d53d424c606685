// SPDX-License-Identifier: MIT
import type { BpfProg, FuncEntry, FuncSlot, KernelText, TextSymbol } from '@tsbpf/core';

export interface SlotInit {
  readonly prog: BpfProg;
  readonly subprog: number;
  readonly name: string;
  readonly body: FuncEntry;
  /** Told of every change of what is attached. */
  readonly patched: (entry: FuncEntry | undefined) => void;
}

/** A function's patchable entry, and its symbol in the kernel's text. */
export function makeSlot(text: KernelText, init: SlotInit): { slot: FuncSlot; symbol: TextSymbol } {
  const { prog, subprog, name, body } = init;
  let patched: FuncEntry | undefined;
  const tag = Array.from(prog.tag, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const plain = `bpf_prog_${tag}_${name}`;
  // kallsyms may list a name twice, a table by name may not.
  let symbolName = plain;
  for (let n = 1; text.byName(symbolName) !== undefined; n++) symbolName = `${plain}.${n}`;
  const symbol = text.define(symbolName, (regs) => (patched ?? body)(regs));
  const slot: FuncSlot = {
    prog,
    subprog,
    name,
    addr: symbol.addr,
    body,
    get patched() {
      return patched;
    },
    set patched(entry) {
      patched = entry;
      init.patched(entry);
    },
  };
  return { slot, symbol };
}
