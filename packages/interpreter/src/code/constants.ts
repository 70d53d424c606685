// SPDX-License-Identifier: MIT

/** A program's immediates, as registers behind those it names; equal ones share. */
export class Constants {
  readonly lo: number[];
  readonly hi: number[];
  readonly #imm32 = new Map<number, number>();
  readonly #imm64 = new Map<string, number>();

  /** `first` registers come before the constants. */
  constructor(first: number) {
    this.lo = new Array<number>(first).fill(0);
    this.hi = new Array<number>(first).fill(0);
  }

  /** The register of a 32-bit immediate, sign-extended. */
  imm(value: number): number {
    let reg = this.#imm32.get(value);
    if (reg === undefined) {
      reg = this.wide(value, value >> 31);
      this.#imm32.set(value, reg);
    }
    return reg;
  }

  /** The register of a 64-bit immediate, from its words. */
  wide(lo: number, hi: number): number {
    const key = `${lo},${hi}`;
    let reg = this.#imm64.get(key);
    if (reg === undefined) {
      reg = this.lo.push(lo) - 1;
      this.hi.push(hi);
      this.#imm64.set(key, reg);
    }
    return reg;
  }
}
