// SPDX-License-Identifier: MIT
import { InternalError } from '@tsbpf/uapi';
import type { KernelText, TextSymbol } from '@tsbpf/core';

/** Where the simulated kernel's text starts: the address x86-64 kernels have without randomisation. */
const TEXT_BASE = 0xffffffff81000000n;
const SYMBOL_STRIDE = 64n;

/** Functions of the simulated kernel, by name and address. Addresses are handed out in order of definition. */
export function createKernelText(): KernelText {
  const byName = new Map<string, TextSymbol>();
  const byAddr = new Map<bigint, TextSymbol>();
  let next = TEXT_BASE;
  const text: KernelText = {
    callBase: TEXT_BASE,
    define(name, entry) {
      const old = byName.get(name);
      if (old !== undefined) {
        if (entry !== undefined && old.entry !== undefined && old.entry !== entry) {
          throw new InternalError(`two definitions of kernel function ${name}`);
        }
        old.entry ??= entry;
        return old;
      }
      const symbol: TextSymbol = { name, addr: next, entry };
      next += SYMBOL_STRIDE;
      byName.set(name, symbol);
      byAddr.set(symbol.addr, symbol);
      return symbol;
    },
    byName: (name) => byName.get(name),
    byAddr: (addr) => byAddr.get(addr),
    symbols: () => byAddr.values(),
    remove(symbol) {
      if (byName.get(symbol.name) === symbol) byName.delete(symbol.name);
      byAddr.delete(symbol.addr);
    },
  };
  text.define('__bpf_call_base');
  return text;
}
