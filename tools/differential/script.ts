// SPDX-License-Identifier: MIT
// A sequence of bpf(2) calls as data, JSON or TypeScript, with what is only known when it runs left symbolic.
import * as uapi from '../../packages/uapi/src/index.ts';
import { EINVAL, UsageError } from '../../packages/uapi/src/index.ts';

/** A value that is known when the script runs, or that JSON cannot write. */
export type SymbolicValue =
  /** The result of a step, by its name: usually an fd. */
  | { fd: string }
  /** A field that a step wrote: `step.field`, or `step.info.field`. */
  | { out: string }
  | { u64: string }
  | { hex: string }
  /** A string's bytes with its NUL. */
  | { text: string }
  /** A buffer of so many bytes for the kernel to fill; bytes it does not write stay 0xa5. */
  | { room: number }
  | { zeros: number }
  /** Little-endian 32-bit words. */
  | { u32s: readonly (number | SymbolicValue)[] }
  /** Instructions: opcode, destination, source, offset, immediate. */
  | { insns: readonly (readonly [number, number, number, number, number | SymbolicValue])[] };

/** A field of an attribute. */
export type ScriptValue = number | bigint | string | Uint8Array | SymbolicValue | { [field: string]: ScriptValue };

/** One step: a bpf(2) command, a close, or a neighbouring verb. */
export type Step =
  | { name?: string; bpf: number | string; attr: Record<string, ScriptValue> }
  | { name?: string; close: string }
  | { name?: string; verb: string; args: readonly ScriptValue[] };

/** A script. Everything it opened is closed after its last step. */
export interface Script {
  title?: string;
  steps: readonly Step[];
}

/** The number of a command given as a number or by its name, such as `BPF_MAP_CREATE`. */
export function commandNumber(command: number | string): number {
  if (typeof command === 'number') return command;
  const value = (uapi as Record<string, unknown>)[command];
  if (typeof value !== 'number') throw new UsageError(`No bpf(2) command is called ${command}`, { errno: EINVAL });
  return value;
}

/** What earlier steps gave. */
export interface ScriptState {
  results: ReadonlyMap<string, number>;
  attrs: ReadonlyMap<string, Record<string, unknown>>;
}

type Resolver = (value: never, state: ScriptState) => unknown;

const RESOLVERS: Readonly<Record<string, Resolver>> = {
  fd: (name: string, { results }) => {
    const result = results.get(name);
    if (result === undefined) throw new UsageError(`No earlier step is called ${name}`, { errno: EINVAL });
    return result;
  },
  out: (path: string, { attrs }) => {
    const [name = '', ...fields] = path.split('.');
    const attr: unknown = attrs.get(name);
    const value = fields.reduce<unknown>((at, field) => (at as Record<string, unknown> | undefined)?.[field], attr);
    if (attr === undefined) throw new UsageError(`No earlier step is called ${name}`, { errno: EINVAL });
    // A step that failed wrote nothing, and C would pass the zero that was there.
    return value ?? 0;
  },
  u64: (digits: string) => BigInt(digits),
  hex: (digits: string) => Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16)),
  text: (text: string) => new TextEncoder().encode(`${text}\0`),
  room: (lenBytes: number) => new Uint8Array(lenBytes).fill(0xa5),
  zeros: (lenBytes: number) => new Uint8Array(lenBytes),
  u32s: (words: readonly ScriptValue[], state) => {
    const view = new DataView(new ArrayBuffer(words.length * 4));
    words.forEach((word, i) => view.setInt32(i * 4, Number(resolve(word, state)), true));
    return new Uint8Array(view.buffer);
  },
  insns: (insns: readonly (readonly [number, number, number, number, ScriptValue])[], state) => {
    const view = new DataView(new ArrayBuffer(insns.length * 8));
    insns.forEach(([code, dst, src, off, imm], i) => {
      view.setUint8(i * 8, code);
      view.setUint8(i * 8 + 1, (src << 4) | dst);
      view.setInt16(i * 8 + 2, off, true);
      view.setInt32(i * 8 + 4, Number(resolve(imm, state)), true);
    });
    return new Uint8Array(view.buffer);
  },
};

/** A value as the system takes it; buffers are fresh each time. */
export function resolve(value: ScriptValue, state: ScriptState): unknown {
  if (value instanceof Uint8Array) return value.slice();
  if (typeof value !== 'object') return value;
  const [key, only] = Object.entries(value)[0] ?? [];
  const resolver = key !== undefined && Object.keys(value).length === 1 ? RESOLVERS[key] : undefined;
  // `{ fd: 3 }` is an attribute's field called fd, `{ fd: "map" }` a reference.
  if (resolver !== undefined && !(key === 'fd' && typeof only !== 'string')) return resolver(only as never, state);
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, resolve(field as ScriptValue, state)]));
}
