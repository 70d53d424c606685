// SPDX-License-Identifier: MIT
// The running kernel and simulated ones beside each other, all on CPU 0.
import { createHost, pinToCpu } from '../../packages/host/src/index.ts';
import { createKernel } from '../../packages/tsbpf/src/index.ts';
import { BPF_MAP_CREATE, BPF_MAP_TYPE_ARRAY, BpfError, errnoName, type Sys } from '../../packages/uapi/src/index.ts';
import { KernelWorld } from './kernel-world.ts';

/** Further on lie the stacks of the kernel that tells what depends on addresses. */
const SHIFT_BYTES = 5 * 4096 + 0x2c8;

/** The running kernel, or why there is none. */
export function runningKernel(): Sys | string {
  try {
    const host = createHost();
    const fd = host.bpf(BPF_MAP_CREATE, { map_type: BPF_MAP_TYPE_ARRAY, key_size: 4, value_size: 4, max_entries: 1 });
    if (fd < 0) return `bpf(2) answers ${errnoName(-fd)}`;
    host.close(fd);
    // Values of this CPU, and its number.
    pinToCpu(0);
    return host;
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return error.message;
  }
}

/** A simulated kernel that looks like the machine; `shifted`: with memory in other places. */
export function simulated(engine: 'interpreter' | 'jit', real: Sys, shifted = false): Sys {
  const kernel = createKernel({ engine, cpus: real.possibleCpus() });
  if (shifted) kernel.state.mem.alloc(SHIFT_BYTES);
  return kernel;
}

/** The same maps everywhere. */
export class Worlds {
  readonly real: KernelWorld;
  readonly interpreter: KernelWorld;
  readonly jit: KernelWorld;
  /** As the interpreter's, with other addresses. */
  readonly shifted: KernelWorld;

  constructor(real: Sys) {
    this.real = new KernelWorld('the running kernel', real);
    this.interpreter = new KernelWorld('the interpreter', simulated('interpreter', real));
    this.jit = new KernelWorld('the JIT', simulated('jit', real));
    this.shifted = new KernelWorld('the interpreter elsewhere', simulated('interpreter', real, true));
  }

  close(): void {
    for (const world of [this.real, this.interpreter, this.jit, this.shifted]) world.close();
  }
}
