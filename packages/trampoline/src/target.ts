// SPDX-License-Identifier: MIT
// What trampolines are put in front of: functions of the kernel, and of loaded programs.
import { ENOSYS, InternalError, NotSupportedError } from '@tsbpf/uapi';
import type { AttachTarget, FuncEntry, FuncSlot, KernelServices, TextSymbol } from '@tsbpf/core';
import { CONSERVATIVE_MODEL, funcModel, type FuncModel } from './func-model.ts';

/** A function whose entry can be patched. */
export interface TrampolineTarget {
  /** The same object for the same function. */
  readonly key: object;
  readonly name: string;
  readonly model: FuncModel;
  /** The function itself, behind the patched entry. */
  body(): FuncEntry;
  /** Puts something in its place, or with undefined the function itself back. */
  patch(entry: FuncEntry | undefined): void;
}

function slotTarget(attach: AttachTarget, slot: FuncSlot): TrampolineTarget {
  const { unreliable } = slot.prog.verified.subprogs[attach.subprog];
  return {
    key: slot,
    name: attach.name,
    model: unreliable ? CONSERVATIVE_MODEL : funcModel(attach.btf, attach.protoId),
    body: () => slot.body,
    patch: (entry) => void (slot.patched = entry),
  };
}

function kernelTarget(attach: AttachTarget, symbol: TextSymbol): TrampolineTarget {
  return {
    key: symbol,
    name: attach.name,
    model: funcModel(attach.btf, attach.protoId),
    body: () => {
      if (symbol.entry !== undefined) return symbol.entry;
      throw new NotSupportedError(`the simulated kernel's ${symbol.name} has no body`, {
        errno: ENOSYS,
        feature: symbol.name,
      });
    },
    patch: (entry) => void (symbol.patched = entry),
  };
}

/**
 * The function that a program was loaded for.
 * @errno ENOSYS NotSupportedError: the engine has no slot there, or the target program cannot run
 */
export function trampolineTarget(kernel: KernelServices, attach: AttachTarget): TrampolineTarget {
  if (attach.prog === undefined) {
    const symbol = kernel.text.byAddr(attach.addr);
    if (symbol === undefined) throw new InternalError(`${attach.name} left the kernel's text`);
    return kernelTarget(attach, symbol);
  }
  const slot = attach.prog.slots.find(({ subprog }) => subprog === attach.subprog);
  if (slot !== undefined) return slotTarget(attach, slot);
  throw new NotSupportedError(
    `the ${attach.prog.loaded.engine} engine offers no place to attach to ${attach.name} of program ${attach.prog.name}`,
    { errno: ENOSYS, feature: 'trampolines of static functions' },
  );
}
