// SPDX-License-Identifier: MIT
// A loaded program, as far as something may be attached to it.
import type { Btf } from '@tsbpf/btf';
import type { BpfProg, Subprog } from '@tsbpf/core';
import { fakeProgType } from './verification.ts';

export function targetProg(options: {
  btf: Btf | undefined;
  type?: number;
  expectedAttachType?: number;
  jited?: boolean;
  subprogs?: Partial<Subprog>[];
}): BpfProg {
  const { btf, type = 6, expectedAttachType = 0, jited = true, subprogs = [] } = options;
  const prog = {
    type,
    expectedAttachType,
    jited,
    def: fakeProgType({ type, name: 'xdp', progCtx: { name: 'xdp_md', kind: 'struct' }, kernelCtx: 'xdp_buff' }),
    btf: btf && { btf },
    verified: { subprogs },
  };
  // The rest of a program is no business of the verifier's.
  return prog as unknown as BpfProg;
}
