// SPDX-License-Identifier: MIT
// What records of trace events take from the arguments of their tracepoint.
import { BTF_KIND_PTR, BTF_KIND_STRUCT, BTF_KIND_TYPEDEF } from '@tsbpf/btf';
import type { KernelServices, TracepointArg } from '@tsbpf/core';
import type { EventValues } from './trace-event.ts';

/** A kernel structure in memory, read by member. Members that the kernel's BTF lacks are 0, and so is all behind NULL. */
export class KernelStruct {
  readonly #kernel: KernelServices;
  readonly #name: string;
  readonly addr: bigint;

  constructor(kernel: KernelServices, name: string, addr: bigint) {
    this.#kernel = kernel;
    this.#name = name;
    this.addr = addr;
  }

  /** The bytes of a member; undefined where it cannot be read. */
  bytes(path: string): Uint8Array | undefined {
    const { mem, types } = this.#kernel;
    const field = types.tryResolve(`${this.#name}.${path}`);
    const off = this.addr === 0n ? 0 : mem.toOff(this.addr);
    if (field === undefined || field.bits !== 0 || off === 0 || mem.regionOf(off) === undefined) return undefined;
    return mem.readBytes(off + field.off, field.size);
  }

  /** An unsigned member of up to 8 bytes. */
  word(path: string): bigint {
    return (this.bytes(path) ?? new Uint8Array()).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }

  /** The first of these members that the BTF has: versions rename them. */
  either(...paths: readonly string[]): number {
    return this.int(paths.find((path) => this.#kernel.types.tryResolve(`${this.#name}.${path}`) !== undefined) ?? '');
  }

  /** A signed member of up to 4 bytes. */
  int(path: string): number {
    return Number(BigInt.asIntN(32, this.word(path)));
  }

  /** What a pointer member leads to. */
  follow(path: string, structName: string): KernelStruct {
    return new KernelStruct(this.#kernel, structName, this.word(path));
  }

  /** The NUL-ended text that a pointer member leads to. */
  text(path: string): string {
    const { mem } = this.#kernel;
    const at = this.word(path);
    const off = at === 0n ? 0 : mem.toOff(at);
    const region = off === 0 ? undefined : mem.regionOf(off);
    if (region === undefined) return '';
    let text = '';
    for (let i = off; i < region.off + region.lenBytes && mem.read8(i) !== 0; i++)
      text += String.fromCharCode(mem.read8(i));
    return text;
  }
}

/** The arguments of a tracepoint that fired. */
export class TracepointArgs {
  readonly kernel: KernelServices;
  readonly #words: readonly bigint[];
  readonly #structs: readonly string[];

  constructor(kernel: KernelServices, tracepoint: string, args: readonly TracepointArg[]) {
    this.kernel = kernel;
    this.#words = args.map((arg) => (typeof arg === 'object' ? kernel.mem.toAddr(arg.off) : BigInt(arg)));
    this.#structs = pointees(kernel, tracepoint);
  }

  word(index: number): bigint {
    return BigInt.asUintN(64, this.#words[index] ?? 0n);
  }

  int(index: number): number {
    return Number(BigInt.asIntN(32, this.#words[index] ?? 0n));
  }

  /**
   * The nth argument that points to such a structure: by type, because versions add and drop parameters before it.
   * The caller knows where it was in v5.6, for a BTF that does not tell.
   */
  struct(name: string, where: { nth?: number; index: number }): KernelStruct {
    const found = this.#structs.flatMap((struct, i) => (struct === name ? [i] : []));
    return new KernelStruct(this.kernel, name, this.word(found[where.nth ?? 0] ?? where.index));
  }

  /** The task that runs. */
  get current(): { readonly comm: string; readonly pid: number } {
    return this.kernel.env.current;
  }
}

/** Which fields a record gets of what fired; those the event does not have are left out. */
export type AssignFields = (args: TracepointArgs) => EventValues;

/** The structure that each parameter points to; empty for others. */
function pointees({ types: { btf } }: KernelServices, tracepoint: string): string[] {
  const id = btf.findByName(`btf_trace_${tracepoint}`, BTF_KIND_TYPEDEF);
  if (id === undefined) return [];
  return btf
    .funcProto(id)
    .params.slice(1)
    .map(({ typeId }) => {
      const ptr = btf.skipModifiers(typeId);
      if (ptr === 0 || btf.kind(ptr) !== BTF_KIND_PTR) return '';
      const to = btf.skipModifiers(btf.sizeOrType(ptr));
      return to !== 0 && btf.kind(to) === BTF_KIND_STRUCT ? btf.name(to) : '';
    });
}
