// SPDX-License-Identifier: MIT
// A simulated machine for one case: a cgroup with a task in it, and programs loaded and attached by bpf(2).
import { readFileSync } from 'node:fs';
import type { SimSocket } from '@tsbpf/cgroup';
import { createKernel, openObject, VerifierError, type EngineName, type SimulatedKernel } from 'tsbpf';
import { BPF_F_ALLOW_OVERRIDE, BPF_PROG_ATTACH, BPF_PROG_LOAD } from '../../packages/uapi/src/index.ts';
import { objectOf } from './source.ts';

/** A program of a table: instructions, or an object of the tree. */
export interface TableProgram {
  readonly insns?: string;
  readonly object?: string;
  readonly expectedAttachType: number;
  readonly attachType: number;
}

export const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));

export class World {
  readonly kernel: SimulatedKernel;
  readonly task: ReturnType<SimulatedKernel['cgroups']['spawn']>;
  readonly cgroupFd: number;
  /** Why the last program was refused. */
  refusal = '';

  constructor(engine: EngineName) {
    this.kernel = createKernel(engine === 'interpreter' ? { engine, checked: true } : { engine });
    this.kernel.cgroups.create('/foo');
    this.task = this.kernel.cgroups.spawn({ cgroup: '/foo' });
    // What the suite's script adds to a device.
    this.kernel.cgroups.addLocalAddress('::6');
    this.cgroupFd = this.kernel.open('/sys/fs/cgroup/foo', 0);
  }

  /** Loads a program of a table: an fd or -errno. */
  load(
    progType: number,
    { insns, object, expectedAttachType }: TableProgram,
    patch?: (insns: Uint8Array) => void,
  ): number {
    if (object !== undefined) return this.#loadObject(object, progType, expectedAttachType);
    const bytes = fromHex(insns ?? '');
    patch?.(bytes);
    return this.kernel.bpf(BPF_PROG_LOAD, {
      prog_type: progType,
      expected_attach_type: expectedAttachType,
      insns: bytes,
      license: 'GPL',
    });
  }

  #loadObject(path: string, progType: number, expectedAttachType: number): number {
    const name = /([^/]+)\.bpf\.o$/.exec(path)?.[1] ?? path;
    const obj = openObject(readFileSync(objectOf(name)), { sys: this.kernel });
    const [prog] = [...obj.progs];
    if (prog === undefined) return -1;
    prog.type = progType;
    prog.expectedAttachType = expectedAttachType;
    try {
      obj.load();
      return prog.fd;
    } catch (error) {
      if (!(error instanceof VerifierError)) throw error;
      this.refusal = error.diagnostic?.message ?? '';
      return -error.errno;
    }
  }

  attach(progFd: number, attachType: number, flags: number = BPF_F_ALLOW_OVERRIDE): number {
    return this.kernel.bpf(BPF_PROG_ATTACH, {
      target_fd: this.cgroupFd,
      attach_bpf_fd: progFd,
      attach_type: attachType,
      attach_flags: flags,
    });
  }

  /** A socket of the task's. */
  socket(family: number, type: number): SimSocket {
    const made = this.task.socket({ family, type });
    if (typeof made === 'number') throw new TypeError(`socket(2) answers ${made}`);
    return made;
  }
}
