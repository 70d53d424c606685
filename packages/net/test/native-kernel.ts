// SPDX-License-Identifier: MIT
// A kernel whose programs are functions of the test: for testing what surrounds programs without verifier and engine.
import { InternalError } from '@tsbpf/uapi';
import type { BpfProg, HelperCall, HelperFn, LoadedProg, VerifiedProg } from '@tsbpf/core';
import { EMPTY_REGISTRIES, HELPER_PROTOS, mergeRegistries } from '@tsbpf/core';
import { createKernel, type Kernel } from '@tsbpf/kernel';
import { vmlinuxBtf } from '@tsbpf/vmlinux';
import { netOf, netRegistries, type Net } from '../src/index.ts';

const never = (): never => {
  throw new InternalError('the test kernel neither verifies nor steps');
};

/** What a program of the test gets: the context's offset, and helpers by variant. */
export interface NativeRun {
  readonly ctx: number;
  helper(variant: keyof typeof HELPER_PROTOS, ...args: (number | bigint)[]): bigint;
}

export interface NativeKernel {
  readonly kernel: Kernel;
  readonly net: Net;
  /** Makes a loaded program of a type out of a function; answers it and an fd for it. */
  prog(type: number, body: (run: NativeRun) => number): { prog: BpfProg; fd: number };
  /** Calls a helper outside of a run, over a context. */
  call(ctx: number, variant: keyof typeof HELPER_PROTOS, ...args: (number | bigint)[]): bigint;
}

export function nativeKernel(): NativeKernel {
  const kernel = createKernel({
    version: '5.6',
    registries: mergeRegistries(EMPTY_REGISTRIES, netRegistries()),
    verify: never,
    executor: () => ({ name: 'interpreter', load: never }),
    vmlinux: vmlinuxBtf(),
  });
  const k = kernel.state;

  const call = (ctx: number, prog: BpfProg | undefined, variant: string, args: (number | bigint)[]): bigint => {
    const row = k.helpers.get(variant);
    if (row?.impl === undefined) throw new InternalError(`no body for ${variant}`);
    const wide = args.map((arg) => BigInt(arg));
    const helperCall: HelperCall = {
      kernel: k,
      prog: prog as BpfProg,
      ctx,
      argHi: new Int32Array([0, ...wide.map((arg) => Number(BigInt.asIntN(32, arg >> 32n)))]),
      retHi: 0,
      subsystem: (key) => k.subsystem(key),
    };
    const [a1 = 0, a2 = 0, a3 = 0, a4 = 0, a5 = 0] = wide.map((arg) => Number(BigInt.asIntN(32, arg)));
    const body: HelperFn = row.impl.call;
    const low = body(helperCall, a1, a2, a3, a4, a5);
    if (row.impl.retWidth === 'words') return (BigInt(helperCall.retHi) << 32n) | BigInt(low >>> 0);
    return row.impl.retWidth === 'sext' ? BigInt(low | 0) : BigInt(low >>> 0);
  };

  return {
    kernel,
    net: netOf(k),
    call: (ctx, variant, ...args) => call(ctx, undefined, variant, args),
    prog(type, body) {
      const def = k.progTypes.get(type);
      if (def === undefined) throw new InternalError(`no program type ${type}`);
      const loaded: Partial<LoadedProg> = {
        run: (ctx) => body({ ctx, helper: (variant, ...args) => call(ctx, prog, variant, args) }) >>> 0,
        runBatch({ ctxOff, strideBytes, count, resultsOff }) {
          for (let i = 0; i < count; i++) {
            k.mem.write32(resultsOff + 4 * i, prog.loaded.run(ctxOff + i * strideBytes));
          }
        },
      };
      const verified: Partial<VerifiedProg> = { insns: [], cbAccess: true };
      const prog = {
        kind: 'prog',
        off: k.mem.alloc(64),
        id: 0,
        type,
        def,
        name: 'native',
        tag: new Uint8Array(8),
        ifindex: 0,
        verified,
        loaded,
        maps: [],
        refs: 1,
        runCnt: 0,
        runTimeNs: 0n,
        get: () => void prog.refs++,
        put: () => void prog.refs--,
      } as unknown as BpfProg;
      prog.id = k.progs.add(prog);
      k.objects.add(prog);
      const fd = k.fds.install({ kind: 'prog', name: 'bpf-prog', prog, release: () => prog.put() } as never);
      return { prog, fd };
    },
  };
}
