// SPDX-License-Identifier: MIT
import type { FileBytes } from './file-bytes.ts';
import { captureError } from './file-bytes.ts';
import { OPT_END, padded4 } from './pcapng-format.ts';

export interface PcapngOption {
  readonly code: number;
  /** Where its value begins in the file. */
  readonly off: number;
  readonly lenBytes: number;
}

/** The options from `off` to the end of the block's body; `opt_endofopt` is not required. */
export function parseOptions(file: FileBytes, off: number, end: number): PcapngOption[] {
  const options: PcapngOption[] = [];
  while (off < end) {
    if (end - off < 4) throw captureError(`pcapng option header needs 4 bytes, its block has ${end - off}`, off);
    const code = file.u16(off);
    const lenBytes = file.u16(off + 2);
    if (code === OPT_END) break;
    if (lenBytes > end - off - 4) {
      throw captureError(
        `pcapng option ${code} of ${lenBytes} bytes exceeds its block by ${lenBytes - (end - off - 4)}`,
        off,
      );
    }
    options.push({ code, off: off + 4, lenBytes });
    off += 4 + padded4(lenBytes);
  }
  return options;
}

/** An option's text, without the NUL that some writers add. */
export function optionText(file: FileBytes, option: PcapngOption): string {
  return new TextDecoder().decode(file.slice(option.off, option.lenBytes)).replace(/\0+$/, '');
}
