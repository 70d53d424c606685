// SPDX-License-Identifier: MIT

/** A line of the program's source, from its BTF line info. */
export interface SourceLine {
  /** File name as the compiler recorded it. */
  readonly file: string;
  /** From 1; 0 where the compiler recorded none. */
  readonly line: number;
  /** From 1; 0 where the compiler recorded none. */
  readonly col: number;
  /** The text of the line, leading white space removed. */
  readonly text: string;
}

/** An instruction of a history, with what it did to the value in question. */
export interface DiagnosticStep {
  /** Index in the program as loaded. */
  readonly insnIdx: number;
  /** The instruction, disassembled. */
  readonly insn: string;
  readonly source?: SourceLine;
  /** What the verifier knew of the register or slot after it, in the log's words. */
  readonly state: string;
  readonly note: string;
}

/** Why the verifier said no, as plain data. Only the simulated kernel fills it, and only on rejection. */
export interface VerifierDiagnostic {
  readonly errno: number;
  /** The last message of the log, without its newline. */
  readonly message: string;
  /** Index in the program as loaded; undefined where no instruction is to blame. */
  readonly insnIdx?: number;
  readonly insn?: string;
  readonly source?: SourceLine;
  /** The register (`r3`) or stack slot (`fp-16`) that mattered. */
  readonly subject?: string;
  /** The chain of instructions that made the subject what it was, oldest first. */
  readonly history: readonly DiagnosticStep[];
  /** All registers and slots at the instruction, in the log's words. */
  readonly state?: string;
  /** What the instruction asks for, and the Linux version that has it, where the version judged by has not. */
  readonly since?: { readonly feature: string; readonly version: string };
}
