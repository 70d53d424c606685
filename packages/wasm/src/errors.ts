// SPDX-License-Identifier: MIT

/** A module that cannot be encoded: a defect of whoever builds it. This package imports nothing, so the class is its own. */
export class WasmEncodeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'WasmEncodeError';
  }
}
