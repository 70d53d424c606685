// SPDX-License-Identifier: MIT
// Where programs are measured: engines of a simulated kernel, and the running kernel, all through bpf(2).
import { readFileSync } from 'node:fs';
import { createInterpreter } from '@tsbpf/interpreter';
import { createJit } from '@tsbpf/jit';
import { createKernel, type Kernel } from '@tsbpf/kernel';
import { netOf } from '@tsbpf/net';
import { BPF_PROG_TEST_RUN, InternalError, type Sys, type TestRunAttr } from '@tsbpf/uapi';
import { verify } from '@tsbpf/verifier';
import { vmlinuxBtf } from '@tsbpf/vmlinux';
import type { ExecutorFactory } from '@tsbpf/core';
import { defaultRegistries, openObject, type BpfObject } from 'tsbpf';
import { cpuNs } from './cpu-clock.ts';
import { fillMaps, packetBytes } from './program-set.ts';

const OBJECT = readFileSync(new URL('programs/programs.bpf.o', import.meta.url));

export type EngineName = 'interpreter' | 'jit' | 'atomics';

const ENGINES: Readonly<Record<EngineName, ExecutorFactory>> = {
  interpreter: (kernel) => createInterpreter(kernel),
  jit: (kernel) => createJit(kernel, { nowNs: () => performance.now() * 1e6 }),
  atomics: (kernel) => createJit(kernel, { atomics: 'always' }),
};

/** The programs, loaded somewhere. */
export class Target {
  readonly sys: Sys;
  readonly obj: BpfObject;
  /** Times are what the system says, instead of ours. */
  readonly #ownClock: boolean;

  constructor(sys: Sys, names: readonly string[], options: { ownClock: boolean }) {
    this.sys = sys;
    this.#ownClock = options.ownClock;
    this.obj = openObject(OBJECT, { sys, name: 'programs' });
    // Its program array begins with it.
    for (const prog of this.obj.progs) prog.autoload = names.includes(prog.name) || prog.name === 'tail32';
    this.obj.load();
    fillMaps(sys, this.obj);
  }

  /** Runs a program so many times: nanoseconds of one run, and R0. */
  run(name: string, repeat: number): { ns: number; r0: number } {
    const prog_fd = this.obj.program(name).fd;
    const attr: TestRunAttr = { prog_fd, data_in: packetBytes(), data_out: new Uint8Array(2048), repeat };
    const start = cpuNs();
    const result = this.sys.bpf(BPF_PROG_TEST_RUN, attr);
    const spent = cpuNs() - start;
    if (result < 0) throw new InternalError(`test run of ${name}: ${result}`);
    // The kernel's mean is a whole number.
    const ns = this.#ownClock ? (attr.duration ?? 0) + 0.5 : spent / repeat;
    return { ns, r0: attr.retval ?? 0 };
  }
}

/** Instructions that a run of each program executes: as the interpreter shows them. */
export function instructionsOf(kernel: Kernel, target: Target, name: string): number {
  let count = 0;
  const stop = kernel.state.observe({ insn: () => void count++ });
  target.run(name, 1);
  stop();
  return count;
}

/** A simulated kernel with one engine. */
export function simulatedKernel(engine: EngineName): Kernel {
  const kernel = createKernel({
    version: '5.6',
    registries: defaultRegistries(),
    verify,
    executor: ENGINES[engine],
    vmlinux: vmlinuxBtf(),
  });
  netOf(kernel.state).createDevice({ name: 'eth0' });
  return kernel;
}
