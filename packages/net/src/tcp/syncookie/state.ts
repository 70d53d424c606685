// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';
import type { Checkpointable, KernelServices, SubsystemKey } from '@tsbpf/core';

const SECRET_BYTES = 16;

/** SYN cookies of one kernel. Linux keys them at random; here the secrets are the same in every run, and scriptable. */
export class Syncookies implements Checkpointable {
  readonly checkpointName = 'tcp-syncookies';
  /**
   * `net.ipv4.tcp_syncookies`, an int: 0 never, 2 always, anything else where a listener's queue is full. The file below
   * /proc/sys and this are one.
   */
  mode = 1;
  #secrets: readonly [Uint8Array, Uint8Array] = [
    Uint8Array.from({ length: SECRET_BYTES }, (_, i) => i + 1),
    Uint8Array.from({ length: SECRET_BYTES }, (_, i) => 0xf0 - i),
  ];

  get secrets(): readonly [Uint8Array, Uint8Array] {
    return this.#secrets;
  }
  /** @errno EINVAL UsageError: not twice 16 bytes */
  set secrets(secrets: readonly [Uint8Array, Uint8Array]) {
    if (secrets.some(({ length }) => length !== SECRET_BYTES)) {
      throw new UsageError(`the secrets of SYN cookies have ${SECRET_BYTES} bytes each`, { errno: EINVAL });
    }
    this.#secrets = secrets;
  }

  save(): unknown {
    return { mode: this.mode, secrets: this.#secrets };
  }
  restore(saved: unknown): void {
    const state = saved as Pick<Syncookies, 'mode' | 'secrets'>;
    this.mode = state.mode;
    this.#secrets = state.secrets;
  }
}

const SYNCOOKIES: SubsystemKey<Syncookies> = {
  name: 'tcp-syncookies',
  create(kernel) {
    const state = new Syncookies();
    kernel.checkpointables.push(state);
    return state;
  },
};

/** The SYN cookies of a kernel. */
export function syncookiesOf(kernel: Pick<KernelServices, 'subsystem'>): Syncookies {
  return kernel.subsystem(SYNCOOKIES);
}
