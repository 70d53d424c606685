// SPDX-License-Identifier: MIT
import { CaptureError, EINVAL } from '@tsbpf/uapi';
import type { ReaderState } from './capture.ts';

/** A capture's bytes with the byte order its header declared. */
export class FileBytes {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  littleEndian = true;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.length;
  }

  u8(off: number): number {
    return this.bytes[off];
  }

  u16(off: number): number {
    return this.#view.getUint16(off, this.littleEndian);
  }

  u32(off: number): number {
    return this.#view.getUint32(off, this.littleEndian);
  }

  s64(off: number): bigint {
    return this.#view.getBigInt64(off, this.littleEndian);
  }

  slice(off: number, lenBytes: number): Uint8Array {
    return this.bytes.subarray(off, off + lenBytes);
  }
}

export function captureError(message: string, offset: number): CaptureError {
  return new CaptureError(`${message} (at offset ${offset})`, { errno: EINVAL, offset });
}

/** The file ends too early: an error, or a warning where the caller allowed it. */
export function reportCut(state: ReaderState, message: string, offset: number): void {
  if (!state.allowTruncated) throw captureError(message, offset);
  state.warnings.push(`${message} (at offset ${offset})`);
}
