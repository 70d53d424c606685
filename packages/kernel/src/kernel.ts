// SPDX-License-Identifier: MIT
import {
  CAP_SYS_ADMIN,
  EINVAL,
  ENOSYS,
  EPERM,
  NotSupportedError,
  type BpfAttrs,
  type BpfCmd,
  type HostSyscalls,
  type Sys,
  type UserMemory,
} from '@tsbpf/uapi';
import { SUPPORTED_VERSIONS } from '@tsbpf/core';
import { COMMANDS } from './commands/table.ts';
import { KernelState, type KernelParts } from './kernel-state.ts';
import { checkTyped } from './raw/typed-check.ts';
import { createHostVerbs } from './host-verbs.ts';
import { runRaw } from './raw/raw-attr.ts';
import type { Command } from './command.ts';

/** A simulated kernel: bpf(2) and its neighbours, and the state behind them. */
export interface Kernel extends Sys {
  /** What subsystems and tests see below the system call. */
  readonly state: KernelState;
}

/**
 * Makes a simulated kernel out of a verifier, an engine and rows. Nothing is shared with other kernels.
 * @errno ENOSYS NotSupportedError: the version is not one whose rules are whole.
 */
export function createKernel(parts: KernelParts): Kernel {
  if (!SUPPORTED_VERSIONS.includes(parts.version)) {
    throw new NotSupportedError(
      `Linux ${parts.version} is not simulated; supported: ${SUPPORTED_VERSIONS.join(', ')}`,
      { errno: ENOSYS, feature: `Linux ${parts.version}` },
    );
  }
  const k = new KernelState(parts);

  const run = <C extends BpfCmd>(cmd: C, attr: BpfAttrs[C]): number => {
    const command = COMMANDS[cmd] as Command<C> | undefined;
    if (command === undefined) return -EINVAL;
    k.rcu.enter();
    try {
      return command(k, attr);
    } finally {
      k.rcu.exit();
    }
  };

  const bpf: Sys['bpf'] = (cmd, attr) => {
    if (k.env.unprivilegedBpfDisabled !== 0 && !k.env.capable(CAP_SYS_ADMIN)) return -EPERM;
    const bad = checkTyped(cmd, attr as unknown as Record<string, unknown>);
    return bad < 0 ? bad : run(cmd, attr);
  };

  const verbs: HostSyscalls = createHostVerbs(k);
  return {
    ...verbs,
    state: k,
    bpf,
    bpfRaw: (cmd: number, attr: Uint8Array, sizeBytes: number, user: UserMemory) =>
      runRaw(k, cmd, attr, sizeBytes, user, run),
  };
}
