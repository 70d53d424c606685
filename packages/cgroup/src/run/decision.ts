// SPDX-License-Identifier: MIT
import { BPF_ATTACH_TYPE_NAMES } from '@tsbpf/uapi';
import type { Attachment } from '../attach/attachment.ts';

/** What one program said at a hook: one line of the trace of a call. */
export interface Decision {
  /** The attach type's name, such as `BPF_CGROUP_SYSCTL`. */
  readonly hook: string;
  /** The cgroup the program is attached to, which may be above the task's. */
  readonly cgroup: string;
  readonly progId: number;
  readonly progName: string;
  /** R0, unsigned. */
  readonly verdict: number;
  /** Its lowest bit: 0 denies. */
  readonly allowed: boolean;
}

export function decisionOf({ prog, cgroup }: Attachment, attachType: number, verdict: number): Decision {
  return {
    hook: BPF_ATTACH_TYPE_NAMES[attachType] ?? String(attachType),
    cgroup: cgroup.path,
    progId: prog.id,
    progName: prog.name,
    verdict,
    allowed: (verdict & 1) !== 0,
  };
}
