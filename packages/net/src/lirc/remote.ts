// SPDX-License-Identifier: MIT
// Receivers of remote controls, and the programs that decode what they receive. @see drivers/media/rc/bpf-lirc.c
import { E2BIG, EEXIST, EINVAL, ENOENT, ENOMEM, UsageError } from '@tsbpf/uapi';
import type { BpfProg, Checkpointable, Errno, KernelFile, KernelServices, SubsystemKey } from '@tsbpf/core';

/** Programs one receiver takes. */
const MAX_PROGS = 64;
const VALUE_MASK = 0xffffff;

/** What a sample says, in its upper byte; the rest is microseconds. @see include/uapi/linux/lirc.h */
export const LIRC_MODE2_SPACE = 0x00000000;
export const LIRC_MODE2_PULSE = 0x01000000;
export const LIRC_MODE2_TIMEOUT = 0x03000000;

declare module '@tsbpf/core' {
  interface KernelFiles {
    lirc: LircFile;
  }
}

/** An open receiver. */
export interface LircFile extends KernelFile {
  readonly kind: 'lirc';
  readonly receiver: RemoteReceiver;
}

/** What programs made of what was received. */
export type RemoteEvent =
  | { readonly kind: 'keydown'; readonly protocol: number; readonly scancode: bigint; readonly toggle: boolean }
  | { readonly kind: 'repeat' }
  | { readonly kind: 'pointer'; readonly x: number; readonly y: number };

export interface ReceiverOptions {
  /** `/dev/lirc0`; the next free number unless given. */
  readonly path?: string;
  /** Whether it hands out pulses; those that decode by themselves take no programs. Default true. */
  readonly raw?: boolean;
}

/** A receiver: a script sends pulses at it. */
export class RemoteReceiver {
  readonly path: string;
  readonly raw: boolean;
  readonly #kernel: KernelServices;
  readonly #sampleOff: number;
  #progs: readonly BpfProg[] = [];
  #events: readonly RemoteEvent[] = [];

  constructor(kernel: KernelServices, options: { path: string; raw: boolean }) {
    this.#kernel = kernel;
    this.path = options.path;
    this.raw = options.raw;
    this.#sampleOff = kernel.mem.alloc(4, { kind: 'ctx', name: 'bpf_sample' });
    if (this.#sampleOff === 0) {
      throw new UsageError('kernel memory is exhausted: no room for a receiver', { errno: ENOMEM });
    }
  }

  get progs(): readonly BpfProg[] {
    return this.#progs;
  }
  /** Key presses, repeats and motion, oldest first. */
  get events(): readonly RemoteEvent[] {
    return this.#events;
  }
  /** Where programs find the sample. */
  get sampleOff(): number {
    return this.#sampleOff;
  }

  /** @errno EINVAL no pulses here @errno E2BIG as many as there may be @errno EEXIST it is attached */
  attach(prog: BpfProg): Errno {
    if (!this.raw) return -EINVAL;
    if (this.#progs.length >= MAX_PROGS) return -E2BIG;
    if (this.#progs.includes(prog)) return -EEXIST;
    prog.get();
    this.#progs = [...this.#progs, prog];
    return 0;
  }

  /** @errno EINVAL no pulses here @errno ENOENT it is not attached */
  detach(prog: BpfProg): Errno {
    if (!this.raw) return -EINVAL;
    if (!this.#progs.includes(prog)) return -ENOENT;
    this.#progs = this.#progs.filter((other) => other !== prog);
    prog.put();
    return 0;
  }

  report(event: RemoteEvent): void {
    this.#events = [...this.#events, event];
  }

  /** One sample: LIRC_MODE2_* and microseconds. Every program runs, whatever it answers; the events since are returned. */
  sample(value: number): readonly RemoteEvent[] {
    const before = this.#events.length;
    const { mem, rcu } = this.#kernel;
    rcu.enter();
    try {
      for (const prog of this.#progs) {
        mem.write32(this.#sampleOff, value >>> 0);
        this.#kernel.runProg(prog, this.#sampleOff);
      }
    } finally {
      rcu.exit();
    }
    return this.#events.slice(before);
  }

  /** Pulses and spaces in turn, in microseconds, beginning with a pulse. */
  send(durations: readonly number[]): readonly RemoteEvent[] {
    return durations.flatMap((us, i) =>
      this.sample((i % 2 === 0 ? LIRC_MODE2_PULSE : LIRC_MODE2_SPACE) | (us & VALUE_MASK)),
    );
  }

  save(): { readonly progs: readonly BpfProg[]; readonly events: readonly RemoteEvent[] } {
    return { progs: this.#progs, events: this.#events };
  }
  restore(saved: ReturnType<RemoteReceiver['save']>): void {
    this.#progs = saved.progs;
    this.#events = saved.events;
  }
}

/** The receivers of a kernel. */
export class RemoteReceivers implements Checkpointable {
  readonly checkpointName = 'lirc';
  readonly #kernel: KernelServices;
  #all: readonly RemoteReceiver[] = [];

  constructor(kernel: KernelServices) {
    this.#kernel = kernel;
    kernel.checkpointables.push(this);
  }

  get all(): readonly RemoteReceiver[] {
    return this.#all;
  }

  /** Plugs a receiver in. @errno EEXIST UsageError: the path is taken */
  add(options: ReceiverOptions = {}): RemoteReceiver {
    const path = options.path ?? `/dev/lirc${this.#all.length}`;
    if (this.find(path) !== undefined) throw new UsageError(`${path} exists`, { errno: EEXIST });
    const receiver = new RemoteReceiver(this.#kernel, { path, raw: options.raw ?? true });
    this.#all = [...this.#all, receiver];
    return receiver;
  }

  find(path: string): RemoteReceiver | undefined {
    return this.#all.find((receiver) => receiver.path === path);
  }
  bySample(off: number): RemoteReceiver | undefined {
    return this.#all.find((receiver) => receiver.sampleOff === off);
  }

  save(): unknown {
    return this.#all.map((receiver) => ({ receiver, saved: receiver.save() }));
  }
  restore(saved: unknown): void {
    const all = saved as { receiver: RemoteReceiver; saved: ReturnType<RemoteReceiver['save']> }[];
    this.#all = all.map(({ receiver }) => receiver);
    for (const one of all) one.receiver.restore(one.saved);
  }
}

const RECEIVERS: SubsystemKey<RemoteReceivers> = { name: 'lirc', create: (kernel) => new RemoteReceivers(kernel) };

/** Receivers of remote controls, made when first asked for. */
export function receiversOf(kernel: Pick<KernelServices, 'subsystem'>): RemoteReceivers {
  return kernel.subsystem(RECEIVERS);
}
