// SPDX-License-Identifier: MIT
// A tool of Debian's libbpf-tools without its user side: its BPF object on a simulated Linux 5.6, and what the object
// tells, as the tool would read it.
import { existsSync } from 'node:fs';
import { describe } from 'vitest';
import {
  createKernel,
  openObject,
  type BpfObject,
  type BpfProgram,
  type CreateKernelOptions,
  type EngineName,
  type SimulatedKernel,
} from 'tsbpf';
import { namedObjects } from '../debian-objects/embedded.ts';

const DIR = '/usr/sbin';

/** A tool at work. */
export interface Tool {
  readonly kernel: SimulatedKernel;
  readonly obj: BpfObject;
}

/** What the tool's user side does before its object is loaded: choose programs, set variables and sizes. */
export type Settings = (obj: BpfObject) => void;

/** The simulated world in which tools run: two CPUs, and a clock that only moves when it is told to. */
export const world = (engine: EngineName, options: CreateKernelOptions = {}): SimulatedKernel =>
  createKernel({ engine, cpus: 2, tickNs: 0n, ...options });

/** Loads the tool's object and attaches its programs, unless the caller does. */
export function start(
  kernel: SimulatedKernel,
  name: string,
  settings: Settings = () => undefined,
  { attach = true }: { attach?: boolean } = {},
): Tool {
  const [object] = namedObjects([`${DIR}/${name}`]);
  const obj = openObject(object.bytes, { sys: kernel, name });
  settings(obj);
  obj.load();
  if (attach) for (const prog of obj.progs) if (prog.loaded) prog.attach();
  return { kernel, obj };
}

/** Loads only some of the programs. */
export function only(obj: BpfObject, choose: (prog: BpfProgram) => boolean): void {
  for (const prog of obj.progs) prog.autoload = choose(prog);
}

/** Scalars of the records that tools write: `u32`, `char[16]`, laid out and padded as C does. */
type Field = `${'u' | 's'}${8 | 16 | 32 | 64}` | `char[${number}]` | `u8[${number}]`;
export type Layout = Readonly<Record<string, Field>>;
export type Row = Readonly<Record<string, number | bigint | string | Uint8Array>>;

/** Decodes a record by its C structure: numbers of up to 32 bits, bigints, texts up to their NUL, bytes. */
export function decode(bytes: Uint8Array, layout: Layout): Row {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const row: Record<string, number | bigint | string | Uint8Array> = {};
  let at = 0;
  for (const [name, type] of Object.entries(layout)) {
    const array = /^(char|u8)\[(\d+)\]$/.exec(type);
    if (array !== null) {
      const raw = bytes.slice(at, at + Number(array[2]));
      row[name] = array[1] === 'char' ? text(raw) : raw;
      at += Number(array[2]);
      continue;
    }
    const size = Number(type.slice(1)) / 8;
    at = Math.ceil(at / size) * size;
    row[name] = number(view, { at, size, signed: type.startsWith('s') });
    at += size;
  }
  return row;
}

function number(view: DataView, { at, size, signed }: { at: number; size: number; signed: boolean }): number | bigint {
  if (size === 8) return signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true);
  if (size === 4) return signed ? view.getInt32(at, true) : view.getUint32(at, true);
  if (size === 2) return signed ? view.getInt16(at, true) : view.getUint16(at, true);
  return signed ? view.getInt8(at) : view.getUint8(at);
}

/** Text up to its NUL. */
export function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}

/** Reads the tool's perf event array, as its structure says; `rows()` takes what was written since. */
export function events({ kernel, obj }: Tool, layout: Layout): { rows(): Row[] } {
  const buffer = kernel.tracing.perfBuffer(obj.map('events'));
  return {
    rows: () => buffer.take().flatMap((record) => (record.type === 'sample' ? [decode(record.data, layout)] : [])),
  };
}

/** A histogram as tools print it: the rows that are not empty, `low -> high` and the count. Slot n holds [2^n, 2^(n+1)). */
export function log2Hist(slots: readonly number[]): Record<string, number> {
  const range = (slot: number): string => `${slot === 0 ? 0 : 2 ** slot} -> ${2 ** (slot + 1) - 1}`;
  return Object.fromEntries(slots.flatMap((count, slot) => (count === 0 ? [] : [[range(slot), count]])));
}

/** Tests of a tool, on both engines; skipped with a reason where Debian's package is not installed. */
export function describeTool(name: string, tests: (engine: EngineName) => void): void {
  const missing = !existsSync(`${DIR}/${name}`);
  if (missing) console.log(`${name}: skipped, needs Debian's package libbpf-tools`);
  describe.skipIf(missing).each(['interpreter', 'jit'] as const)(`${name}, on the %s`, tests);
}

/** Nanoseconds. */
export const us = (n: number): bigint => BigInt(n) * 1000n;
export const ms = (n: number): bigint => us(n * 1000);
export const seconds = (n: number): bigint => ms(n * 1000);
