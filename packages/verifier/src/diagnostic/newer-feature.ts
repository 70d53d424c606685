// SPDX-License-Identifier: MIT
// Instructions that later versions of Linux gave a meaning: a rejection names the version.
import type { VerifierDiagnostic } from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';

interface NewerInsn {
  readonly feature: string;
  readonly version: string;
  readonly is: (insn: Insn) => boolean;
}

const [JMP_CALL, STX_ATOMIC_W, STX_ATOMIC_DW] = [0x85, 0xc3, 0xdb];
const PSEUDO_KFUNC_CALL = 2;

const NEWER: readonly NewerInsn[] = [
  {
    feature: 'a call of a kernel function (kfunc)',
    version: '5.13',
    is: ({ code, src }) => code === JMP_CALL && src === PSEUDO_KFUNC_CALL,
  },
  {
    feature: 'an atomic operation other than addition',
    version: '5.12',
    is: ({ code, imm }) => (code === STX_ATOMIC_W || code === STX_ATOMIC_DW) && imm !== 0,
  },
];

/** What an instruction asks for that v5.6 has not; nothing where v5.6 knows it. */
export function newerFeature(insn: Insn | undefined): Pick<VerifierDiagnostic, 'since'> {
  const found = insn === undefined ? undefined : NEWER.find(({ is }) => is(insn));
  return found === undefined ? {} : { since: { feature: found.feature, version: found.version } };
}
