// SPDX-License-Identifier: MIT

/** A Linux version, `major.minor`. */
export type LinuxVersion = `${number}.${number}`;

/** Versions of the instruction set, as `clang -mcpu=v1` to `v4` counts them. */
export type IsaVersion = 1 | 2 | 3 | 4;

/** The fields of an instruction besides its opcode. */
export type InsnField = 'dst' | 'src' | 'off' | 'imm';

/** What an instruction does with its fields. Rows of one form are executed, printed and parsed alike. */
export type InsnForm =
  | 'alu_imm'
  | 'alu_reg'
  | 'neg'
  /** Byte order conversion; `imm` is the width in bits. */
  | 'endian'
  /** Move with sign extension; `off` is the width in bits. */
  | 'movsx'
  | 'addr_space_cast'
  /** Two slots; `src` says what the immediate stands for. */
  | 'ldimm64'
  | 'ld_abs'
  | 'ld_ind'
  | 'ldx'
  | 'ldxs'
  | 'st'
  | 'stx'
  | 'atomic'
  | 'load_acquire'
  | 'store_release'
  | 'ja'
  | 'gotol'
  | 'may_goto'
  | 'jmp_imm'
  | 'jmp_reg'
  | 'call'
  | 'exit';

/**
 * One instruction of the instruction set. An opcode byte that means several things (an atomic store, a call) has
 * several rows, told apart by `fixed`.
 */
export interface OpcodeRow {
  /** Unique: `add32_imm`, `ldxdw`, `fetch_add32`, `call_local`. */
  readonly name: string;
  /** Of the assembler: `add32`, `ldxdw`, `lock fetch add32`, `call local`. Rows may share one. */
  readonly mnemonic: string;
  readonly form: InsnForm;
  readonly code: number;
  /** The instruction set version that brought it. */
  readonly isa: IsaVersion;
  /** The Linux version that first accepted it from a user. */
  readonly since: LinuxVersion;
  /** Fields whose value is part of the instruction's identity. */
  readonly fixed: Readonly<Partial<Record<InsnField, number>>>;
  /** Fields that carry an operand. */
  readonly uses: readonly InsnField[];
  /**
   * Fields the verifier demands to be zero. A field in none of the three lists is not looked at (`off` of an exit in
   * v5.6, for one).
   */
  readonly reserved: readonly InsnField[];
}
