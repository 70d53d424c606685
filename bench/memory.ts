// SPDX-License-Identifier: MIT
// What a kernel costs beside its payload: 100 programs that ran, and a hash of a million elements, against the bytes of
// keys and values: `pnpm bench:memory [KEY VALUE]`, sizes in bytes. Memory that this process wrote, swapped out or
// not, in MB of 1,048,576 bytes.
import { existsSync, readFileSync } from 'node:fs';
import { BPF_MAP_CREATE, BPF_MAP_TYPE_HASH, BPF_MAP_UPDATE_ELEM, createKernel, InternalError, openObject } from 'tsbpf';

const OBJECT = readFileSync(new URL('programs/programs.bpf.o', import.meta.url));
const MB = 1 << 20;
const PROGRAMS = 100;
const ENTRIES = 1_000_000;
const [KEY = 16, VALUE = 64] = process.argv.slice(2).map(Number);
/** The criterion: at most this multiple of the payload, and so much more. */
const [FACTOR, BASE_MB] = [1.5, 64];

/** Anonymous memory: of mapped files the system keeps what it likes. Resident memory where there is no such figure. */
function usedMb(): number {
  globalThis.gc?.();
  const STATUS = '/proc/self/status';
  if (!existsSync(STATUS)) return process.memoryUsage().rss / MB;
  const text = readFileSync(STATUS, 'utf8');
  const kb = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return (kb('RssAnon') + kb('RssShmem') + kb('VmSwap')) / 1024;
}

if (globalThis.gc === undefined) throw new InternalError('run it with --expose-gc');
const before = usedMb();
const kernel = createKernel();
let programs = 0;
const packet = new Uint8Array(1500);
const objects = [];
while (programs < PROGRAMS) {
  const obj = openObject(OBJECT, { sys: kernel, name: 'programs' });
  obj.load();
  for (const prog of obj.progs) {
    prog.testRun({ data: packet });
    programs++;
  }
  objects.push(obj);
}
const loaded = usedMb();

const map_fd = kernel.bpf(BPF_MAP_CREATE, {
  map_type: BPF_MAP_TYPE_HASH,
  key_size: KEY,
  value_size: VALUE,
  max_entries: ENTRIES,
});
if (map_fd < 0) throw new InternalError(`no map: ${map_fd}`);
const key = new Uint8Array(KEY);
const value = new Uint8Array(VALUE).fill(7);
for (let i = 0; i < ENTRIES; i++) {
  new DataView(key.buffer).setUint32(0, i, true);
  const result = kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd, key, value, flags: 0n });
  if (result < 0) throw new InternalError(`element ${i}: ${result}`);
}
const filled = usedMb();

const payload = (ENTRIES * (KEY + VALUE)) / MB;
const used = filled - before;
const limit = FACTOR * payload + BASE_MB;
const show = (mb: number): string => mb.toFixed(1).padStart(8);
console.log(`payload: ${ENTRIES} elements of ${KEY} + ${VALUE} bytes ${show(payload)} MB`);
console.log(`the process before                         ${show(before)} MB`);
console.log(`a kernel and ${programs} loaded programs           +${show(loaded - before)} MB`);
console.log(`a million elements                        +${show(filled - loaded)} MB`);
console.log(`of ${objects.length} objects and one kernel memory of ${show(kernel.state.mem.allocatedBytes / MB)} MB`);
console.log(`in all                                    +${show(used)} MB, at most ${limit.toFixed(1)}`);
if (used > limit) {
  console.log('more than that');
  process.exitCode = 1;
}
