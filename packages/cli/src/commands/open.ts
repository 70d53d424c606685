// SPDX-License-Identifier: MIT
// Objects and programs as the verbs of the command name them.
import { basename } from 'node:path';
import { createKernel, openObject, type BpfObject, type BpfProgram, type SimulatedKernel } from 'tsbpf';
import { badInput, blaming } from '../failure.ts';
import { readBytes, readObject } from '../input/read-file.ts';

/** Options that decide which kernel judges. */
export interface KernelOptions {
  /** A Linux version. */
  readonly kernel?: string;
  /** A BTF file to lay kernel structures out by. */
  readonly btf?: string;
  readonly checked?: boolean;
  /** interpreter or jit; the kernel chooses unless given. */
  readonly engine?: string;
}

/** A simulated kernel for one verb. */
export function makeKernel(options: KernelOptions): SimulatedKernel {
  const { kernel: version = '5.6', btf, checked, engine } = options;
  if (!/^\d+\.\d+$/.test(version)) badInput(`--kernel ${version}: a version looks like 5.6`);
  if (engine !== undefined && engine !== 'interpreter' && engine !== 'jit')
    badInput(`--engine ${engine}: there are interpreter and jit`);
  return createKernel({
    ...(engine === undefined ? {} : { engine }),
    version: version as `${number}.${number}`,
    ...(btf === undefined ? {} : { vmlinux: readBytes(btf, 'a BTF blob') }),
    ...(checked === undefined ? {} : { checked }),
  });
}

/** The name libbpf gives an object: its file's, up to the first dot. */
const objectName = (path: string): string => basename(path).split('.')[0] ?? 'object';

/** Opens an object file for a kernel. `print` takes what libbpf would warn of. */
export function openFile(
  path: string,
  options: { kernel: SimulatedKernel; logLevel: number; onWarning?: (text: string) => void },
): BpfObject {
  const { kernel, logLevel, onWarning } = options;
  const bytes = readObject(path);
  return blaming(path, () =>
    openObject(bytes, {
      sys: kernel,
      name: objectName(path),
      logLevel,
      print: (level, text) => {
        if (level === 'warn') onWarning?.(text);
      },
    }),
  );
}

/** The program a user means: by name, or the only one there is. */
export function chooseProgram(obj: BpfObject, path: string, name: string | undefined): BpfProgram {
  const names = [...obj.progs].map((prog) => prog.name);
  if (names.length === 0) badInput(`${path}: has no programs`);
  if (name !== undefined) {
    const prog = obj.progs.get(name);
    if (prog !== undefined) return prog;
    badInput(`${path}: has no program "${name}"; it has ${names.join(', ')}`);
  }
  const [only] = obj.progs;
  if (only === undefined || names.length > 1)
    badInput(`${path}: has several programs: name one with --prog (${names.join(', ')})`);
  return only;
}

/** Programs that the object's program arrays begin with, by name. */
function tailCalled(obj: BpfObject): Set<string> {
  const names = new Set<string>();
  for (const map of obj.maps) {
    for (const slot of map.spec.slots?.values() ?? []) if ('prog' in slot) names.add(slot.prog);
  }
  return names;
}

/** Has loading the object load one program, and those that program arrays begin with: it may call them. */
export function loadForRun(obj: BpfObject, prog: BpfProgram): void {
  const others = tailCalled(obj);
  for (const one of obj.progs) one.autoload = one === prog || others.has(one.name);
}

/** Has loading the object load one program and no other: program arrays begin empty, which no verdict depends on. */
export function loadAlone(obj: BpfObject, name: string): void {
  for (const one of obj.progs) one.autoload = one.name === name;
  for (const map of obj.maps) {
    for (const [index, slot] of map.spec.slots ?? []) if ('prog' in slot) map.spec.slots?.delete(index);
  }
}
