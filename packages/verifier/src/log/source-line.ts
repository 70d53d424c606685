// SPDX-License-Identifier: MIT
import type { LineRecord } from '@tsbpf/core';
import type { Verification } from '../verification.ts';

/** The line record that covers an instruction: the last one at or before it, or the first there is. */
export function lineRecordAt(v: Verification, insnIdx: number): LineRecord | undefined {
  const records = v.lineInfo;
  let low = 0;
  let high = records.length - 1;
  while (low < high) {
    const mid = (low + high + 1) >> 1;
    if (records[mid].insnIdx <= insnIdx) low = mid;
    else high = mid - 1;
  }
  return records[low];
}

/**
 * Logs the source line of an instruction behind `prefix`, unless the record logged last is the same one. Leading white
 * space goes.
 * @see kernel/bpf/verifier.c, verbose_linfo
 */
export function logSourceLine(v: Verification, insnIdx: number, prefix: string): void {
  if (!v.log.on || v.log.full || v.lineInfo.length === 0) return;
  const record = lineRecordAt(v, insnIdx);
  if (record === undefined || record === v.prevLine) return;
  v.log.write(prefix);
  v.log.write(`${byteText(v.prog.btf?.stringBytes(record.lineOff)).replace(/^[ \t\n\v\f\r\xa0]+/, '')}\n`);
  v.prevLine = record;
}

/** A string of BTF, one character a byte: what a line has beyond ASCII goes to the log as it is, and counts by bytes. */
function byteText(string: { readonly bytes: Uint8Array; readonly at: number } | undefined): string {
  if (string === undefined) return '';
  let text = '';
  for (let at = string.at; at < string.bytes.length && string.bytes[at] !== 0; at++) {
    text += String.fromCharCode(string.bytes[at]);
  }
  return text;
}
