// SPDX-License-Identifier: MIT
import type { BpfProg, ProgFile, VerifiedProg } from '@tsbpf/core';
import type { Kernel } from '@tsbpf/kernel';

export interface FakeProgOptions {
  readonly type: number;
  readonly id?: number;
  readonly expectedAttachType?: number;
  /** What a run does: gets the context's offset, answers R0. */
  readonly run?: (ctx: number) => number;
  readonly verified?: Partial<VerifiedProg>;
  readonly attach?: Partial<BpfProg['attach']>;
}

/** A program that a test writes in JavaScript, and its fd: for hooks, which only run programs. */
export function installFakeProg(sys: Kernel, options: FakeProgOptions): { prog: BpfProg; fd: number } {
  const prog = {
    kind: 'prog',
    off: 0,
    id: options.id ?? 1,
    type: options.type,
    expectedAttachType: options.expectedAttachType ?? 0,
    attach: options.attach,
    verified: { maxCtxOffset: 0, maxTpAccess: 0, overridesReturn: false, ...options.verified },
    loaded: { run: options.run ?? ((): number => 0) },
    refs: 1,
    get: () => void prog.refs++,
    put: () => void prog.refs--,
  } as unknown as BpfProg;
  const file: ProgFile = { kind: 'prog', name: 'bpf-prog', prog, release: () => prog.put() };
  return { prog, fd: sys.state.fds.install(file) };
}
