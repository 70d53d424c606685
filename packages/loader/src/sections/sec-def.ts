// SPDX-License-Identifier: MIT
import { SEC_DEFS } from './generated/sec-table.ts';

/** How a program that needs nothing but its section's name is attached. */
export type AutoAttach =
  | 'kprobe'
  | 'uprobe'
  | 'kprobe_multi'
  | 'kprobe_session'
  | 'uprobe_multi'
  | 'ksyscall'
  | 'usdt'
  | 'tp'
  | 'raw_tp'
  | 'trace'
  | 'tracing_multi'
  | 'lsm'
  | 'iter';

/** What a section name says about the programs in it. @see libbpf, SEC() */
export interface SecDef {
  readonly sec: string;
  /** The name may go on after a slash. */
  readonly prefix: boolean;
  readonly progType: number;
  readonly expectedAttachType: number;
  /** Loaded with BPF_F_SLEEPABLE. */
  readonly sleepable?: boolean;
  /** Names a target in the kernel's BTF. */
  readonly attachBtf?: boolean;
  /** Loaded with BPF_F_XDP_HAS_FRAGS. */
  readonly xdpFrags?: boolean;
  /** Kernels without expected attach types take the program without one. */
  readonly expAttachOpt?: boolean;
  readonly usdt?: boolean;
  /** Undefined where attaching needs more than the name. */
  readonly autoAttach?: AutoAttach;
}

/** The row for a section name, its leading `?` removed; undefined for an unknown one. */
export function findSecDef(secName: string): SecDef | undefined {
  return SEC_DEFS.find(
    (def) => secName === def.sec || (def.prefix && secName.startsWith(def.sec) && secName[def.sec.length] === '/'),
  );
}

/** What stands after the row's own name and a slash: the target of a probe; undefined where there is none. */
export function secTarget(def: SecDef, secName: string): string | undefined {
  return secName.length > def.sec.length + 1 ? secName.slice(def.sec.length + 1) : undefined;
}
