// SPDX-License-Identifier: MIT
import {
  BPF_CMD_NAMES,
  EINVAL,
  EOPNOTSUPP,
  errnoText,
  NotSupportedError,
  SyscallError,
  UsageError,
  type BpfAttrs,
  type BpfCmd,
  type Sys,
} from '@tsbpf/uapi';

/** Runs a command that must succeed. @throws SyscallError with the kernel's errno */
export function must<C extends BpfCmd>(sys: Sys, cmd: C, attr: BpfAttrs[C], what: string): number {
  const result = sys.bpf(cmd, attr);
  if (result < 0) throw failed(BPF_CMD_NAMES[cmd], result, what);
  return result;
}

/** The error for a call that answered `-errno`. */
export function failed(cmd: string, result: number, what: string): SyscallError {
  return new SyscallError(`${what}: ${errnoText(-result)}`, { errno: -result, cmd });
}

/** The system an object was opened for. @errno EINVAL (UsageError) it was opened without one */
export function needSys(sys: Sys | undefined, what: string): Sys {
  if (sys !== undefined) return sys;
  throw new UsageError(`${what} needs a system: open the object with { sys }`, { errno: EINVAL });
}

/** Removes a name from a bpf file system. */
export function unlink(sys: Sys, path: string, what: string): void {
  if (sys.unlink === undefined) {
    throw new NotSupportedError(`${what}: this system cannot unlink '${path}'`, {
      errno: EOPNOTSUPP,
      feature: 'unlink',
    });
  }
  const result = sys.unlink(path);
  if (result < 0) throw failed('unlink', result, `${what}: unpin from '${path}'`);
}
