// SPDX-License-Identifier: MIT
// Programs made with skeletons carry their BPF objects inside, as ELF images in read-only data.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename } from 'node:path';

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

/** The executables of an installed Debian package, each once whatever links lead to it; none where it is missing. */
export function packageExecutables(name: string): string[] {
  const { stdout, status } = spawnSync('dpkg', ['-L', name], { encoding: 'utf8' });
  if (status !== 0) return [];
  const listed = stdout.split('\n').filter((path) => /\/s?bin\//.test(path) && existsSync(path));
  return [...new Set(listed.map((path) => realpathSync(path)))].filter((path) => statSync(path).isFile());
}

/** A BPF object that an executable embeds. */
export interface NamedObject {
  /** The executable's name; from the second object of one on with `.1`, `.2`… */
  readonly name: string;
  /** The executable. */
  readonly from: string;
  readonly bytes: Uint8Array;
}

/** Every object that these executables embed. */
export function namedObjects(paths: readonly string[]): NamedObject[] {
  return paths.flatMap((from) =>
    embeddedObjects(from).map((bytes, i) => ({ name: `${basename(from)}${i === 0 ? '' : `.${i}`}`, from, bytes })),
  );
}
