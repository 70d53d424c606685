// SPDX-License-Identifier: MIT
import type { KernelServices } from '@tsbpf/core';

const NS_PER_US = 1000;
const NS_PER_MS = 1_000_000;
const NS_PER_S = 1_000_000_000;

/**
 * Time of a simulation, nanoseconds from its start. The kernel's clocks stood somewhere when it began, and go on with it
 * wherever a program may look at them.
 */
export class TcpClock {
  readonly hz: number;
  nowNs = 0;
  readonly #env: KernelServices['env'];
  readonly #startNs: number;
  #syncedNs = -1;

  constructor(kernel: KernelServices) {
    this.#env = kernel.env;
    this.hz = kernel.env.hz;
    // Without such a reading the tick of the clock is the nearest there is.
    this.#startNs = Number(kernel.env.clockNs?.() ?? (kernel.env.jiffies() * BigInt(NS_PER_S)) / BigInt(this.hz));
  }

  /** Brings the kernel's clocks up to the simulation's. They may be ahead: programs that read them make them tick. */
  syncKernel(): void {
    if (this.#syncedNs === this.nowNs) return;
    this.#syncedNs = this.nowNs;
    const clockNs = this.#env.clockNs?.();
    if (clockNs === undefined) return;
    const behind = this.#startNs + Math.floor(this.nowNs) - Number(clockNs);
    if (behind > 0) this.#env.advanceNs?.(BigInt(behind));
  }

  /** As `tcp_mstamp`: microseconds of the kernel's clock. */
  mstampUs(atNs: number): number {
    return Math.floor((this.#startNs + atNs) / NS_PER_US);
  }
  /** As a TCP timestamp: milliseconds, 32 bits. */
  timestampMs(atNs: number): number {
    return Math.floor((this.#startNs + atNs) / NS_PER_MS) >>> 0;
  }
  jiffiesAt(atNs: number): number {
    return Math.floor(((this.#startNs + atNs) / NS_PER_S) * this.hz) >>> 0;
  }
}
