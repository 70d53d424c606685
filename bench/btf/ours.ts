// SPDX-License-Identifier: MIT
// One cold run of ours: read, parse, look one name up. Prints what libbpf.c prints, and the bytes that stay.
//   ours.ts FILE NAME
import { readFileSync } from 'node:fs';
import { parseBtf } from '../../packages/btf/src/index.ts';

const [path = '', name = ''] = process.argv.slice(2);
const held = (): number => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};
/** KiB. Not process.resourceUsage(): its peak begins with what the process was before exec. */
const peak = (): number => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
/** Milliseconds that the main thread has run, so that a busy machine does not count. */
const now = (): number => Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1e6;
const heldBefore = held();
const peakBefore = peak();
const start = now();
const bytes = readFileSync(path);
const btf = parseBtf(bytes);
const parsed = now();
const id = btf.findByName(name);
const found = now();
const peakKiB = peak() - peakBefore;
const heldKiB = Math.round((held() - heldBefore) / 1024);
console.log(
  JSON.stringify({ parseMs: parsed - start, lookupMs: found - parsed, id, peakKiB, heldKiB, types: btf.typeCount }),
);
