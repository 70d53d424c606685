// SPDX-License-Identifier: MIT
import type { BpfProg, ProgFile } from '@tsbpf/core';
import { progCharge } from '../load/prog-pages.ts';
import type { KernelState } from '../kernel-state.ts';

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** An fd for a program; takes over one reference that the caller holds. -EMFILE leaves it with the caller. */
export function installProg(k: KernelState, prog: BpfProg): number {
  const file: ProgFile = {
    kind: 'prog',
    name: 'bpf-prog',
    prog,
    release: () => prog.put(),
    fdinfo: () => [
      `prog_type:\t${prog.type}`,
      `prog_jited:\t${prog.jited ? 1 : 0}`,
      `prog_tag:\t${hex(prog.tag)}`,
      `memlock:\t${progCharge(prog.verified.insns.length)}`,
      `prog_id:\t${prog.id}`,
      `run_time_ns:\t${prog.runTimeNs}`,
      `run_cnt:\t${prog.runCnt}`,
    ],
  };
  return k.fds.install(file);
}
