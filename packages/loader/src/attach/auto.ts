// SPDX-License-Identifier: MIT
import { EINVAL, EOPNOTSUPP, NotSupportedError } from '@tsbpf/uapi';
import type { BpfLink } from '../handle/link.ts';
import { secTarget } from '../sections/sec-def.ts';
import { attachError, type Attachable } from './attachable.ts';
import {
  attachKprobe,
  attachKsyscall,
  attachRawTracepoint,
  attachTrace,
  attachTracepoint,
  attachUprobe,
} from './tracing.ts';

/** The path and offset in `uprobe/PATH:OFFSET`. */
function uprobeTarget(prog: Attachable): { path: string; offset: bigint } {
  const target = prog.secDef === undefined ? undefined : secTarget(prog.secDef, prog.sectionName);
  const [, path, offset] = /^(.+):(0x[0-9a-fA-F]+|\d+)$/.exec(target ?? '') ?? [];
  if (path === undefined) {
    throw attachError(
      prog,
      `section '${prog.sectionName}' is missing ':offset' behind a path; attach it by hand`,
      EINVAL,
    );
  }
  return { path, offset: BigInt(offset) };
}

/** Attaches a program as its section's name says; where that names no hook, says which method takes one. */
export function attachAuto(prog: Attachable): BpfLink {
  const kind = prog.secDef?.autoAttach;
  switch (kind) {
    case undefined:
      throw attachError(
        prog,
        `section '${prog.sectionName}' does not say where to attach; use a method such as attachXdp or attachCgroup`,
        EOPNOTSUPP,
      );
    case 'kprobe':
      return attachKprobe(prog, {});
    case 'uprobe':
      return attachUprobe(prog, uprobeTarget(prog));
    case 'ksyscall':
      return attachKsyscall(prog);
    case 'tp':
      return attachTracepoint(prog, {});
    case 'raw_tp':
      return attachRawTracepoint(prog, {});
    case 'trace':
    case 'lsm':
      return attachTrace(prog);
    default:
      throw new NotSupportedError(`prog '${prog.name}': attaching '${kind}' needs BPF_LINK_CREATE`, {
        errno: EOPNOTSUPP,
        feature: `attach ${kind}`,
        since: '5.7',
      });
  }
}
