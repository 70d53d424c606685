// SPDX-License-Identifier: MIT
// Everything that a file's bytes reach: opening, linking, loading, and what reads types.
import { BpfError } from '../../packages/uapi/src/index.ts';
import {
  computeCoreRelo,
  dedupBtf,
  dumpBtfC,
  dumpBtfRaw,
  dumpBtfRawJson,
  encodeBtf,
  formatValue,
  minCoreBtf,
  parseBtf,
  parseBtfExt,
  typesOf,
  validateBtf,
} from '../../packages/btf/src/index.ts';
import { linkObjects, openObject, parseElf } from '../../packages/loader/src/index.ts';
import type { BpfObject } from '../../packages/loader/src/index.ts';
import { FakeSys } from '../../packages/loader/test/fake-sys.ts';
import type { Seed } from './corpus.ts';

/** What is done to an input; each of the rare ones to one input in some. */
export const STEPS = [
  'open',
  'load',
  'link',
  'validate',
  'dump',
  'c',
  'dedup',
  'encode',
  'relocate',
  'values',
] as const;
export type Step = (typeof STEPS)[number];

/** Runs a step. What it throws must be one of our errors: anything else is passed on. */
function typed<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof BpfError) return undefined;
    throw error;
  }
}

/** Variables that a load would copy; larger ones are the object's own wish. Bytes. */
const MAX_LOADED = 1024 * 1024;

const RELEASE = new FakeSys().uname().release;
const KCONFIG = 'CONFIG_BPF_SYSCALL=y\nCONFIG_HZ=250\nCONFIG_DEFAULT_HOSTNAME="(none)"\n';

function look(obj: BpfObject): void {
  for (const prog of obj.progs) void [prog.insns.length, prog.type, prog.name];
  for (const map of obj.maps) void [map.type, map.valueSize, map.maxEntries, map.pinPath];
}

function load(bytes: Uint8Array): void {
  const sys = new FakeSys({ version: '6.18', files: { [`/boot/config-${RELEASE}`]: KCONFIG, ...kernelBtf(bytes) } });
  const obj = openObject(bytes, { sys, name: 'mutant' });
  let total = 0;
  for (const map of obj.maps) total += map.kind === 'user' ? 0 : map.valueSize;
  if (total > MAX_LOADED) return;
  try {
    obj.load();
  } finally {
    obj.close();
  }
}

function section(bytes: Uint8Array, name: string): Uint8Array | undefined {
  const elf = parseElf(bytes);
  const found = elf.section(name);
  return found && elf.data(found);
}

/** The object's own types, changed as they are, pass for the kernel's. */
function kernelBtf(bytes: Uint8Array): Record<string, Uint8Array> {
  const btf = section(bytes, '.BTF');
  return btf === undefined ? {} : { '/sys/kernel/btf/vmlinux': btf };
}

/** Relocates the object against its own types. */
function relocate(bytes: Uint8Array, btfBytes: Uint8Array): void {
  const btf = parseBtf(btfBytes);
  const extBytes = section(bytes, '.BTF.ext');
  if (extBytes === undefined) return;
  const ext = parseBtfExt(extBytes);
  for (const { records } of ext.coreRelo.sections) {
    for (const record of records) {
      typed(() =>
        computeCoreRelo({
          localBtf: btf,
          relo: { ...record, accessStr: btf.strAt(record.accessStrOff) },
          targets: [{ btf, name: 'vmlinux' }],
        }),
      );
    }
  }
  typed(() => minCoreBtf(btf, [{ btf, ext }]));
}

function values(btfBytes: Uint8Array): void {
  const btf = parseBtf(btfBytes);
  const room = new Uint8Array(4096).map((_, i) => i);
  for (let id = 1; id < btf.typeCount; id++) {
    const size = typed(() => btf.resolveSize(id));
    if (size !== undefined && size <= room.length) typed(() => formatValue(btf, id, room.subarray(0, size)));
  }
}

/** Does one thing with the input. */
export function exercise(step: Step, bytes: Uint8Array, other: Seed): void {
  switch (step) {
    case 'open':
      typed(() => look(openObject(bytes)));
      return;
    case 'load':
      typed(() => load(bytes));
      return;
    case 'link':
      typed(() =>
        linkObjects([
          { name: 'mutant', bytes },
          { name: other.name, bytes: other.bytes },
        ]),
      );
      return;
    default:
  }
  const btfBytes = typed(() => section(bytes, '.BTF'));
  if (btfBytes === undefined) return;
  if (step === 'validate') {
    for (const version of ['5.6', '6.18']) validateBtf(btfBytes, { version, logLevel: 1 });
    return;
  }
  const btf = typed(() => parseBtf(btfBytes));
  if (btf === undefined) return;
  switch (step) {
    case 'dump':
      typed(() => dumpBtfRaw(btf));
      typed(() => dumpBtfRawJson(btf, { pretty: true }));
      return;
    case 'c':
      typed(() => dumpBtfC(btf));
      return;
    case 'dedup':
      typed(() => dedupBtf(btf));
      return;
    case 'encode':
      typed(() => parseBtf(encodeBtf(typesOf(btf))));
      return;
    case 'relocate':
      typed(() => relocate(bytes, btfBytes));
      return;
    default:
      typed(() => values(btfBytes));
  }
}
