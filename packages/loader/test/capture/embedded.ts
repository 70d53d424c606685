// SPDX-License-Identifier: MIT
// Programs made with skeletons carry their BPF objects inside.
import { readFileSync } from 'node:fs';

const EM_BPF = 247;
const MAGIC = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1];

/** Every BPF object that a file embeds, in its order. */
export function embeddedObjects(path: string): Uint8Array[] {
  const file = readFileSync(path);
  const found: Uint8Array[] = [];
  for (let at = file.indexOf(0x7f, 1); at >= 0 && at + 64 <= file.length; at = file.indexOf(0x7f, at + 1)) {
    if (MAGIC.some((byte, i) => file[at + i] !== byte) || file.readUInt16LE(at + 18) !== EM_BPF) continue;
    // The section headers come last.
    const end = at + Number(file.readBigUInt64LE(at + 40)) + 64 * file.readUInt16LE(at + 60);
    if (end <= file.length) found.push(new Uint8Array(file.subarray(at, end)));
  }
  return found;
}
