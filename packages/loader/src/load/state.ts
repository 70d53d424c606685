// SPDX-License-Identifier: MIT
import type { Btf } from '@tsbpf/btf';
import type { Sys } from '@tsbpf/uapi';
import type { Features } from '../features/probes.ts';
import type { BpfMap } from '../handle/map.ts';
import type { BpfProgram } from '../handle/program.ts';
import type { Print } from '../log.ts';
import type { Refuse } from '../open/refuse.ts';
import type { ObjectSpec } from '../open/spec.ts';

/** What the steps of a load share. */
export interface LoadState {
  readonly spec: ObjectSpec;
  readonly sys: Sys;
  readonly print: Print;
  readonly refuse: Refuse;
  readonly features: Features;
  readonly maps: readonly BpfMap[];
  readonly progs: readonly BpfProgram[];
  readonly kconfig: string | undefined;
  readonly pinRootPath: string;
  /** Targets of CO-RE relocations that take the kernel's place. */
  customBtf(): Btf | undefined;
  readonly logLevel: number;
  /** Bytes of the verifier's log that are wanted at most; undefined for all of it. */
  readonly logSize: number | undefined;
  /** The running kernel's BTF, read when first asked for. Refused where there is none. */
  kernelBtf(): Btf;
  /** Fd of the object's BTF in the kernel; -1 where it has none. */
  btfFd: number;
  /** Fds to close with the object. */
  readonly ownFds: number[];
}
