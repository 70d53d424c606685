// SPDX-License-Identifier: MIT
import type { Btf } from '@tsbpf/btf';
import type { Insn } from '@tsbpf/insn';
import type { TestRunAttr } from '@tsbpf/uapi';
import type { BpfProg } from './prog.ts';
import type { KernelServices } from './services.ts';
import type { KernelTypes } from './kernel-types.ts';
import type { KernelVersion } from './version.ts';
import type { RegType } from './reg-type.ts';

/** A helper variant that a program type may call, and under which conditions. */
export interface HelperChoice {
  readonly id: number;
  readonly variant: string;
  readonly when?: {
    /** The loader holds CAP_SYS_ADMIN. */
    readonly sysAdmin?: boolean;
    /** A kernel option; the simulated kernel has it, except CONFIG_BPF_KPROBE_OVERRIDE where a user turns it off. */
    readonly config?: string;
    /** Names of expected attach types. */
    readonly attachTypes?: readonly string[];
  };
}

/** What the rules of a program type may depend on. */
export interface ProgFacts {
  readonly type: number;
  readonly expectedAttachType: number;
  /** The loader holds CAP_SYS_ADMIN. */
  readonly privileged: boolean;
  readonly gplCompatible: boolean;
  /** Bound to a device (prog_ifindex). */
  readonly devBound: boolean;
  readonly attachBtfId: number;
  /** The program extended or traced. */
  readonly targetProg: BpfProg | undefined;
  readonly version: KernelVersion;
}

/** A load or store through a typed pointer, as the verifier asks a row about it. Bytes. */
export interface AccessRequest {
  readonly off: number;
  readonly size: number;
  readonly write: boolean;
  readonly prog: ProgFacts;
}

/** What a valid access yields. */
export interface AccessInfo {
  /** What the register holds after a load; SCALAR_VALUE for scalars. */
  readonly regType: RegType;
  /** Bytes of the whole field where narrower loads are allowed and rewritten; 0 where the load is as it stands. */
  readonly ctxFieldSize: number;
  /** For PTR_TO_BTF_ID. */
  readonly btfId?: number;
}

/** An access the verifier found valid, to be rewritten to the kernel's own structure. */
export interface CtxAccess {
  readonly write: boolean;
  /** The instruction as it stands; narrow loads have been widened to the field already. */
  readonly insn: Insn;
  /** Byte offset in the program-side structure. */
  readonly off: number;
  readonly size: number;
  readonly prog: ProgFacts;
  readonly types: KernelTypes;
}

/** Replacement instructions; `targetSize` is the bytes the last load reads, for narrow loads of unsigned fields. */
export interface CtxRewrite {
  readonly insns: Insn[];
  readonly targetSize: number;
}

/** The value R0 must have at exit, as Linux v5.6 checks it: by tnum range. */
export interface ReturnRange {
  readonly lo: number;
  readonly hi: number;
  /** When R0 lies in this range at any exit, the attach type becomes enforced. */
  readonly enforceAttachIn?: readonly [lo: number, hi: number];
}

/** What the verifier asks of a program type. @see include/linux/bpf.h, struct bpf_verifier_ops */
export interface VerifierOps {
  /** The helper variant behind an id; undefined where this type may not call it. */
  getFuncProto(id: number, prog: ProgFacts, env?: CtxEnv): string | undefined;
  /**
   * Whether a context access is valid. A string is a message for the log, with its newline (BTF-typed contexts explain
   * themselves); undefined is plainly invalid.
   */
  isValidAccess(access: AccessRequest, env: CtxEnv): AccessInfo | string | undefined;
  /** Rewrites a context access to the kernel-side structure. Absent: contexts are the same on both sides. */
  convertCtxAccess?(access: CtxAccess): CtxRewrite;
  /** Instructions put before the program. `directWrite`: it writes packet data. */
  genPrologue?(directWrite: boolean, prog: ProgFacts, types: KernelTypes): Insn[] | undefined;
  /** Direct packet access: none, loads only, or loads and stores. */
  readonly packetAccess?: 'none' | 'read' | 'read-write' | ((prog: ProgFacts) => 'none' | 'read' | 'read-write');
  /** Packet pointers are accepted by any helper that takes memory (CGROUP_SOCKOPT). */
  readonly packetPointersToAnyHelper?: boolean;
  /** LD_ABS and LD_IND are allowed. */
  readonly ldAbs?: boolean;
  returnRange?(prog: ProgFacts, env: CtxEnv): ReturnRange | undefined;
  /** R0 is not looked at on exit. */
  returnsVoid?(prog: ProgFacts, env: CtxEnv): boolean;
  /**
   * Whether a store through a BTF pointer is allowed; the bytes' type is not changed. A number is -errno, with the log
   * text. Absent: "only read is supported".
   */
  btfStructWrite?(access: { btf: Btf; structId: number; off: number; size: number }, env: CtxEnv): string | true;
}

/** What context rules may look at: the vmlinux BTF and, for extensions and tracing, the attach target. */
export interface CtxEnv {
  readonly vmlinux: Btf | undefined;
  readonly types: KernelTypes | undefined;
  /** The function prototype being attached to (BTF id), and the BTF it is in; of a member, also its structure's name. */
  readonly attachFuncProto?: {
    readonly btf: Btf;
    readonly typeId: number;
    readonly name: string;
    readonly structName?: string;
  };
  /** Reads the context types of a program type, by type number; for targets that are programs. */
  progType(type: number): ProgTypeDef | undefined;
}

/** What running a program type means. @see include/linux/bpf.h, struct bpf_prog_ops */
export interface ProgOps {
  /**
   * BPF_PROG_TEST_RUN; 0 or -errno, out-fields written to `attr`. Absent: ENOTSUPP. Privilege and the attr's common
   * rules have been checked.
   */
  testRun?(kernel: KernelServices, prog: BpfProg, attr: TestRunAttr): number;
  /** Called after a load that succeeded and before the last reference goes. */
  loaded?(kernel: KernelServices, prog: BpfProg): number;
  unloaded?(kernel: KernelServices, prog: BpfProg): void;
}

/** A program type: one row of the registry. @see include/linux/bpf_types.h */
export interface ProgTypeDef {
  readonly type: number;
  /** As bpftool prints it: `sched_cls`. */
  readonly name: string;
  readonly since: KernelVersion;
  /** The context type's name in a program's own BTF (`xdp_md`), and whether it is a struct, a typedef or an integer. */
  readonly progCtx: { readonly name: string; readonly kind: 'struct' | 'typedef' | 'int' } | undefined;
  /** The kernel-side context structure (`xdp_buff`). */
  readonly kernelCtx: string | undefined;
  /** expected_attach_type values (numbers) that PROG_LOAD accepts; undefined: any is stored as given. */
  readonly expectedAttachTypes?: readonly number[];
  /** What PROG_LOAD stores for expected_attach_type 0. */
  readonly defaultAttachType?: number;
  /** PROG_ATTACH demands the attach type given at load (CGROUP_SOCK, SOCK_ADDR, SOCKOPT). */
  readonly attachMustMatch?: boolean;
  /** A user without CAP_SYS_ADMIN may load it. */
  readonly unprivileged?: boolean;
  readonly verifier: VerifierOps;
  readonly ops: ProgOps;
}

/** Declares a program type. */
export function defineProgType(def: ProgTypeDef): ProgTypeDef {
  return def;
}
