// SPDX-License-Identifier: MIT
import type { Insn } from '../insn.ts';
import type { LinuxVersion } from '../table/row.ts';
import { versionNumber } from '../table/version.ts';

/** How instructions are put in words. */
export interface FormatOptions {
  /**
   * The Linux whose words are wanted. It decides how instructions newer than it come out (`BUG_ldx_91`, or a move
   * whose sign extension is not mentioned). The newest unless told.
   */
  version?: LinuxVersion;
  /** The name of a helper or a kernel function, to which `#<imm>` is added. Undefined: the default name. */
  funcName?: (insn: Insn, idx: number) => string | undefined;
  /** What follows `call pc` for a function of the same program. Undefined: `+<imm>`. */
  subprog?: (insn: Insn, idx: number) => string | undefined;
  /** The immediate of a 64-bit load. `value` is its 64 bits, unsigned. Undefined: `0x<hex>`. */
  imm64?: (insn: Insn, idx: number, value: bigint) => string | undefined;
}

/** Whether the words wanted are of `since` or newer. */
export function speaks(options: FormatOptions, since: LinuxVersion): boolean {
  return options.version === undefined || versionNumber(options.version) >= versionNumber(since);
}

/** `+4`, `-4`, `+0`. */
export function signed(value: number): string {
  return value < 0 ? `${value}` : `+${value}`;
}

/** Two hexadecimal digits. */
export function hex2(value: number): string {
  return value.toString(16).padStart(2, '0');
}
