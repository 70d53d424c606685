// SPDX-License-Identifier: MIT
import { ENOENT, NotSupportedError } from '@tsbpf/uapi';
import { BTF_KIND_ARRAY, BTF_KIND_STRUCT, BTF_KIND_UNION, type Btf } from '@tsbpf/btf';

/** Where a member lies in a kernel structure. */
export interface KernelField {
  /** Byte offset from the start of the outermost structure. */
  readonly off: number;
  /** Bytes; for a bitfield, of its declared type. */
  readonly size: number;
  /** Bit offset inside the byte at `off`, and width; 0 and 0 for an ordinary member. */
  readonly bitOff: number;
  readonly bits: number;
  /** BTF id of the member's type, modifiers included. */
  readonly typeId: number;
}

/** Layouts of kernel structures by name, from the vmlinux BTF: never by constants. */
export interface KernelTypes {
  readonly btf: Btf;
  /**
   * `sk_buff.len`, `sock.__sk_common.skc_family`, `fib[2].x`; anonymous members are looked through. Names that later
   * versions renamed resolve through aliases.
   * @errno ENOENT NotSupportedError: the BTF given has no such member; programs that need it cannot load.
   */
  resolve(path: string): KernelField;
  /** Like resolve, with undefined where there is no such member. */
  tryResolve(path: string): KernelField | undefined;
  /** Bytes of a structure. @errno ENOENT NotSupportedError */
  sizeOf(structName: string): number;
  /** BTF id of a structure or union; undefined where there is none. */
  structId(structName: string): number | undefined;
}

/** Other spellings of a member path, tried in order where the first is missing. */
export type KernelAliases = Readonly<Record<string, readonly string[]>>;

interface Found {
  bitOff: number;
  bits: number;
  typeId: number;
}

/** Resolves layouts from a vmlinux BTF, lazily and cached. */
export function createKernelTypes(btf: Btf, aliases: KernelAliases = {}): KernelTypes {
  const fields = new Map<string, KernelField | undefined>();
  const ids = new Map<string, number | undefined>();

  const structId = (name: string): number | undefined => {
    if (!ids.has(name)) ids.set(name, btf.findByName(name, BTF_KIND_STRUCT) ?? btf.findByName(name, BTF_KIND_UNION));
    return ids.get(name);
  };

  const findMember = (typeId: number, name: string): Found | undefined => {
    const id = btf.skipModifiers(typeId);
    const type = btf.type(id);
    if (type.kind !== BTF_KIND_STRUCT && type.kind !== BTF_KIND_UNION) return undefined;
    for (const m of type.members) {
      if (m.name === name) return { bitOff: m.bitOffset, bits: m.bitSize, typeId: m.typeId };
    }
    for (const m of type.members) {
      if (m.name !== '') continue;
      const inner = findMember(m.typeId, name);
      if (inner !== undefined) return { ...inner, bitOff: inner.bitOff + m.bitOffset };
    }
    return undefined;
  };

  const walk = (path: string): KernelField | undefined => {
    const [root = '', ...steps] = path.split('.');
    let typeId: number | undefined = structId(root);
    let bitOff = 0;
    let bits = 0;
    for (const step of steps) {
      if (typeId === undefined) return undefined;
      const match = /^([^[]*)((?:\[\d+\])*)$/.exec(step);
      const found = match === null ? undefined : findMember(typeId, match[1] ?? '');
      if (found === undefined || match === null) return undefined;
      bitOff += found.bitOff;
      bits = found.bits;
      typeId = found.typeId;
      for (const index of match[2]?.match(/\d+/g) ?? []) {
        const array = btf.type(btf.skipModifiers(typeId));
        if (array.kind !== BTF_KIND_ARRAY) return undefined;
        typeId = array.elemTypeId;
        bitOff += Number(index) * (btf.resolveSize(typeId) ?? 0) * 8;
      }
    }
    if (typeId === undefined) return undefined;
    return { off: Math.floor(bitOff / 8), size: btf.resolveSize(typeId) ?? 0, bitOff: bitOff % 8, bits, typeId };
  };

  const tryResolve = (path: string): KernelField | undefined => {
    if (!fields.has(path)) {
      let field = walk(path);
      for (const alias of field === undefined ? (aliases[path] ?? []) : []) {
        field = walk(alias);
        if (field !== undefined) break;
      }
      fields.set(path, field);
    }
    return fields.get(path);
  };

  const missing = (what: string): NotSupportedError =>
    new NotSupportedError(
      `the vmlinux BTF given to the simulated kernel has no ${what}; use the default BTF, or that of a kernel that has it`,
      { errno: ENOENT, feature: what },
    );

  return {
    btf,
    tryResolve,
    structId,
    resolve(path) {
      const field = tryResolve(path);
      if (field === undefined) throw missing(`member ${path}`);
      return field;
    },
    sizeOf(structName) {
      const id = structId(structName);
      if (id === undefined) throw missing(`structure ${structName}`);
      return btf.resolveSize(id) ?? 0;
    },
  };
}
