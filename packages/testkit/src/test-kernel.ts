// SPDX-License-Identifier: MIT
import { InternalError } from '@tsbpf/uapi';
import { mergeRegistries, type BpfProg, type HelperCall, type HelperRow, type Registries } from '@tsbpf/core';
import { KernelState, type EnvOptions } from '@tsbpf/kernel';
import { offToAddr } from '@tsbpf/memory';
import { vmlinuxBtf } from '@tsbpf/vmlinux';

const absent = (what: string) => (): never => {
  throw new InternalError(`the test kernel has no ${what}`);
};

/** The state of a kernel of v5.6 with the rows given, for tests of what lies below the system call: nothing runs. */
export function createTestKernel(options: { rows?: Partial<Registries>; env?: EnvOptions } = {}): KernelState {
  return new KernelState({
    version: '5.6',
    registries: mergeRegistries(options.rows ?? {}),
    verify: absent('verifier'),
    executor: () => ({ name: 'interpreter', load: absent('engine') }),
    vmlinux: vmlinuxBtf(),
    env: options.env,
  });
}

/** Arguments and context of a helper call in a test. Numbers are memory offsets or values as they stand. */
export interface TestCall {
  readonly args?: readonly (bigint | number)[];
  /** Offset of the kernel-side context. */
  readonly ctx?: number;
  readonly prog?: Partial<BpfProg>;
}

/** A row, or the name of one among `rows`. */
export type HelperPick = HelperRow | { readonly rows: readonly HelperRow[]; readonly variant: string };

/** Calls a helper's body as an engine does and answers R0, unsigned: words in, widened as the row says. */
export function callHelper(kernel: KernelState, pick: HelperPick, call: TestCall = {}): bigint {
  const row = 'rows' in pick ? pick.rows.find(({ variant }) => variant === pick.variant) : pick;
  if (row?.impl === undefined) throw new InternalError('the row under test is missing or has no body');
  const { impl } = row;
  const words = Array.from({ length: 5 }, (_, i) => BigInt.asUintN(64, BigInt(call.args?.[i] ?? 0)));
  const argHi = new Int32Array(6);
  for (const index of impl.wideArgs ?? []) argHi[index] = Number(BigInt.asIntN(32, (words[index - 1] ?? 0n) >> 32n));
  const helperCall: HelperCall = {
    kernel,
    prog: (call.prog ?? {}) as BpfProg,
    ctx: call.ctx ?? 0,
    argHi,
    retHi: 0,
    subsystem: (key) => kernel.subsystem(key),
  };
  const [a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0] = words.map((word) => Number(BigInt.asIntN(32, word)));
  const low = impl.call(helperCall, a1, a2, a3, a4, a5);
  switch (impl.retWidth) {
    case 'sext':
      return BigInt.asUintN(64, BigInt(low | 0));
    case 'zext':
      return BigInt(low >>> 0);
    case 'ptr':
      return offToAddr(low >>> 0);
    case 'words':
      return (BigInt(helperCall.retHi >>> 0) << 32n) | BigInt(low >>> 0);
  }
}

/** The negative errno, or the small number, in a helper's result. */
export function signed(r0: bigint): number {
  return Number(BigInt.asIntN(64, r0));
}
