// SPDX-License-Identifier: MIT
// What the calls of a verified program reach in its kernel.
import {
  MAP_OP_SHAPES,
  mapOperation,
  OP_OF_SPECIAL,
  type BpfMap,
  type HelperFn,
  type HelperRow,
  type KernelServices,
  type MapOpName,
  type VerifiedProg,
  type WasmCall,
} from '@tsbpf/core';
import { ENOSYS, InternalError, NotSupportedError } from '@tsbpf/uapi';
import { widen } from '../translate/call-site.ts';
import type { CallLink, OutCall } from '../translate/source.ts';

/** A call out of the program, and who answers. */
export interface LinkedCall extends OutCall {
  /** The function to call now: helpers may be overridden. */
  resolve(): HelperFn;
}

type Inline = (call: WasmCall) => boolean;

/** Links the calls of one program. Equal calls share a link; numbers follow the order of first calls. */
export class Linker {
  /** Helper variants with code of their own in the module, which an override must replace by a call. */
  readonly inlinable = new Set<string>();
  readonly calls: LinkedCall[] = [];
  readonly #kernel: KernelServices;
  readonly #verified: VerifiedProg;
  readonly #links: (CallLink | undefined)[] = [];
  readonly #byCallee = new Map<unknown, Map<unknown, LinkedCall>>();
  #outlined: ReadonlySet<string> = new Set<string>();

  constructor(kernel: KernelServices, verified: VerifiedProg) {
    this.#kernel = kernel;
    this.#verified = verified;
    verified.insns.forEach((insn, idx) => {
      if (verified.aux[idx]?.callee !== undefined) this.call(idx);
    });
  }

  /** Variants that are overridden, and not inlined therefore. */
  set outlined(variants: ReadonlySet<string>) {
    this.#outlined = variants;
  }

  /** Those of the inlinable variants that are overridden now. */
  overridden(): Set<string> {
    return new Set([...this.inlinable].filter((variant) => this.#kernel.overrides.get(variant) !== undefined));
  }

  call(idx: number): CallLink {
    return (this.#links[idx] ??= this.#link(idx));
  }

  #link(idx: number): CallLink {
    const aux = this.#verified.aux[idx];
    const callee = aux?.callee;
    const map = aux?.map as BpfMap | undefined;
    if (callee === undefined) {
      const { imm } = this.#verified.insns[idx];
      throw new InternalError(`call at instruction ${idx} (imm ${imm}) reached the JIT without its callee`);
    }
    if (callee.kind === 'mapOp') return this.#mapOp(callee.map as BpfMap, callee.op);
    const { row } = callee;
    if (row.proto.special === 'tailCall') return { kind: 'tailCall', map };
    return this.#helper(row, map);
  }

  #mapOp(map: BpfMap, op: MapOpName): CallLink {
    return this.#shared(map, op, (number) => {
      const shape = MAP_OP_SHAPES[op];
      const direct = mapOperation(map, op);
      // What only inlined code understands is not the helper's result.
      const variant = op === 'lookupRaw' ? undefined : shape.variant;
      return {
        kind: 'call',
        number,
        ...shape,
        inline: this.#unlessOutlined(variant, mapInline(map, op)),
        resolve: () => (variant === undefined ? direct : this.#current(variant, direct)),
      };
    });
  }

  #helper(row: HelperRow, map: BpfMap | undefined): CallLink {
    const { impl, proto, variant } = row;
    if (impl === undefined) {
      throw new NotSupportedError(`helper ${variant} is not simulated, so programs that call it cannot run`, {
        errno: ENOSYS,
        feature: variant,
      });
    }
    const op = proto.special && OP_OF_SPECIAL[proto.special];
    const inline = op !== undefined && map !== undefined ? mapInline(map, op) : impl.emitWasm;
    return this.#shared(row, map, (number) => ({
      kind: 'call',
      number,
      ret: impl.retWidth,
      argCount: proto.args.length,
      wide: impl.wideArgs ?? [],
      inline: this.#unlessOutlined(variant, inline),
      resolve: () => this.#current(variant, impl.call),
    }));
  }

  #current(variant: string, original: HelperFn): HelperFn {
    return this.#kernel.overrides.get(variant)?.(original) ?? original;
  }

  #unlessOutlined(variant: string | undefined, inline: Inline | undefined): Inline | undefined {
    if (inline === undefined || variant === undefined) return inline;
    this.inlinable.add(variant);
    return (call) => !this.#outlined.has(variant) && inline(call);
  }

  #shared(first: unknown, second: unknown, make: (number: number) => LinkedCall): LinkedCall {
    let inner = this.#byCallee.get(first);
    if (inner === undefined) this.#byCallee.set(first, (inner = new Map<unknown, LinkedCall>()));
    let link = inner.get(second);
    if (link === undefined) {
      link = make(this.calls.length);
      this.calls.push(link);
      inner.set(second, link);
    }
    return link;
  }
}

/** A map's own code for an operation, its result widened. */
function mapInline(map: BpfMap, op: MapOpName): Inline | undefined {
  const emit = map.def.ops.emitWasm;
  if (emit === undefined) return undefined;
  return (call) => {
    if (!emit(call, op, map)) return false;
    widen(call.fn, MAP_OP_SHAPES[op].ret, 0);
    return true;
  };
}
