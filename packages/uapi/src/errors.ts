// SPDX-License-Identifier: MIT
import { EINVAL, errnoName } from './errno.ts';
import type { VerifierDiagnostic } from './diagnostic.ts';

/** Every error that tsbpf throws to a user. `errno` is positive; `code` is its name, as in Node's own errors. */
export class BpfError extends Error {
  readonly errno: number;
  readonly code: string;

  constructor(message: string, options: { errno: number; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.errno = options.errno;
    this.code = errnoName(options.errno);
  }
}

/** A bpf(2) command, or a neighbouring system call, that failed. */
export class SyscallError extends BpfError {
  /** `BPF_MAP_CREATE`, or a verb of {@link HostSyscalls}. */
  readonly cmd: string;

  constructor(message: string, options: { errno: number; cmd: string; cause?: unknown }) {
    super(message, options);
    this.cmd = options.cmd;
  }
}

/** A program the verifier rejected. */
export class VerifierError extends BpfError {
  readonly log: string;
  /** Index of the offending instruction in the program as loaded; undefined where no instruction is to blame. */
  readonly insnIdx: number | undefined;
  readonly diagnostic: VerifierDiagnostic | undefined;

  constructor(
    message: string,
    options: { errno: number; log: string; insnIdx?: number; diagnostic?: VerifierDiagnostic; cause?: unknown },
  ) {
    super(message, options);
    this.log = options.log;
    this.insnIdx = options.insnIdx;
    this.diagnostic = options.diagnostic;
  }
}

/** A test's expectations of helper calls that were not met; the message names each. */
export class ExpectationError extends BpfError {
  /** One line for each expectation that was not met. */
  readonly unmet: readonly string[];

  constructor(unmet: readonly string[]) {
    super(
      unmet.length === 1 ? (unmet[0] ?? '') : `${unmet.length} expectations were not met:\n  ${unmet.join('\n  ')}`,
      {
        errno: EINVAL,
      },
    );
    this.unmet = unmet;
  }
}

/** BTF that could not be read or that breaks a rule of the kernel's. */
export class BtfError extends BpfError {
  /** The type to blame; 0 where it is the header or a section. */
  readonly typeId: number;

  constructor(message: string, options: { errno: number; typeId?: number; cause?: unknown }) {
    super(message, options);
    this.typeId = options.typeId ?? 0;
  }
}

/** An ELF file that could not be read. */
export class ElfError extends BpfError {
  readonly section: string | undefined;
  /** Byte offset in the file. */
  readonly offset: number | undefined;

  constructor(message: string, options: { errno: number; section?: string; offset?: number; cause?: unknown }) {
    super(message, options);
    this.section = options.section;
    this.offset = options.offset;
  }
}

/** A packet capture or a packet that could not be read. */
export class CaptureError extends BpfError {
  /** Byte offset in the file. */
  readonly offset: number;

  constructor(message: string, options: { errno: number; offset: number; cause?: unknown }) {
    super(message, options);
    this.offset = options.offset;
  }
}

/** Assembly text that could not be read. */
export class AsmError extends BpfError {
  /** Line, from 1. */
  readonly line: number;

  constructor(message: string, options: { errno: number; line: number; cause?: unknown }) {
    super(message, options);
    this.line = options.line;
  }
}

/** An object that could not be opened, relocated, loaded or attached. */
export class LoaderError extends BpfError {
  readonly prog: string | undefined;
  readonly map: string | undefined;

  constructor(message: string, options: { errno: number; prog?: string; map?: string; cause?: unknown }) {
    super(message, options);
    this.prog = options.prog;
    this.map = options.map;
  }
}

/** A wrong use of a tsbpf API: an argument out of its documented range. */
export class UsageError extends BpfError {}

/** A running program that touched what it must not: checked mode, bare bytecode, or our own verifier's hole. */
export class FaultError extends BpfError {
  /** Instruction index in the program as executed. */
  readonly insnIdx: number;
  /** The address it touched, where the fault was an access. */
  readonly addr: bigint | undefined;

  constructor(message: string, options: { errno: number; insnIdx: number; addr?: bigint; cause?: unknown }) {
    super(message, options);
    this.insnIdx = options.insnIdx;
    this.addr = options.addr;
  }
}

/** Something Linux has and tsbpf does not simulate (yet): never a pass, never a rejection. */
export class NotSupportedError extends BpfError {
  readonly feature: string;
  /** The Linux version that introduced it, where it is newer than the simulated one. */
  readonly since: string | undefined;

  constructor(message: string, options: { errno: number; feature: string; since?: string; cause?: unknown }) {
    super(message, options);
    this.feature = options.feature;
    this.since = options.since;
  }
}

/** A defect of tsbpf itself. Never turned into an errno. */
export class InternalError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'InternalError';
  }
}
