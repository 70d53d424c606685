// SPDX-License-Identifier: MIT
// What a generator believes of registers and stack slots: enough to write programs that are mostly accepted.
import type { NetMap } from './net-kernel.ts';

export type Kind =
  | { readonly is: 'none' }
  /** A number, at most `max` where that is known. */
  | { readonly is: 'num'; readonly max?: number }
  | { readonly is: 'ctx' }
  /** A pointer to a value; bytes from `off` on are free to use. */
  | { readonly is: 'value'; readonly map: NetMap; readonly off: number }
  | { readonly is: 'valueOrNull'; readonly map: NetMap; readonly id: number }
  /** `range` bytes are there. */
  | { readonly is: 'packet'; readonly range: number }
  | { readonly is: 'flowKeys' }
  | { readonly is: 'tpBuffer' }
  /** A pointer typed by the kernel's BTF. */
  | { readonly is: 'struct'; readonly btfId: number };

export const NONE: Kind = { is: 'none' };
export const NUM: Kind = { is: 'num' };

/** What holds whichever of the two holds. */
export function either(a: Kind, b: Kind): Kind {
  if (a === b) return a;
  if (a.is === 'num' && b.is === 'num') {
    return a.max === undefined || b.max === undefined ? NUM : { is: 'num', max: Math.max(a.max, b.max) };
  }
  if (a.is === 'value' && b.is === 'value' && a.map === b.map && a.off === b.off) return a;
  if (a.is === 'packet' && b.is === 'packet') return { is: 'packet', range: Math.min(a.range, b.range) };
  if (a.is === 'struct' && b.is === 'struct') return a.btfId === b.btfId ? a : NONE;
  return a.is === b.is && (a.is === 'ctx' || a.is === 'flowKeys' || a.is === 'tpBuffer') ? a : NONE;
}
