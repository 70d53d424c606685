// SPDX-License-Identifier: MIT
// What an object file asks for, before any kernel is involved.
import type { Btf, BtfExt } from '@tsbpf/btf';
import type { Insn } from '@tsbpf/insn';
import type { ElfFile } from '../elf/elf.ts';
import type { SecDef } from '../sections/sec-def.ts';

/** `user` maps are declared; the others hold a section's variables, or a table of struct_ops functions. */
export type MapKind = 'user' | 'data' | 'rodata' | 'bss' | 'kconfig' | 'struct_ops';

/** What an element is to hold once the object is loaded: another map, or a program. */
export type MapSlot = { readonly map: string } | { readonly prog: string };

/** A member of a struct_ops variable that names a program. */
export interface StructOpsFunc {
  /** Byte offset of the member in the variable. */
  readonly offset: number;
  readonly progName: string;
}

export interface MapSpec {
  /** As users look it up. */
  readonly name: string;
  readonly kind: MapKind;
  /** The section that declares it or, of an internal map, that it holds. */
  readonly secName: string;
  readonly secIdx: number;
  readonly secOffset: number;
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  mapFlags: number;
  numaNode: number;
  mapExtra: bigint;
  /** LIBBPF_PIN_*: 0 none, 1 by name. */
  pinning: number;
  /** Types of the object's BTF; 0 where unknown. */
  btfKeyTypeId: number;
  btfValueTypeId: number;
  /** The template of the maps inside a map of maps. */
  inner?: MapSpec;
  /** Initial elements, by index. */
  slots?: Map<number, MapSlot>;
  /** Initial value of an internal map, or the bytes of a struct_ops variable. */
  data?: Uint8Array;
  structOps?: { readonly typeId: number; readonly link: boolean; readonly funcs: StructOpsFunc[] };
  autocreate: boolean;
}

/** A relocation of one program's instructions. `insnIdx` counts from the program's first. */
export type Relo =
  | { readonly kind: 'map'; readonly insnIdx: number; readonly map: MapSpec }
  | { readonly kind: 'data'; readonly insnIdx: number; readonly map: MapSpec; readonly symOff: number }
  | { readonly kind: 'extern'; readonly insnIdx: number; readonly ext: ExternSpec }
  | { readonly kind: 'externCall'; readonly insnIdx: number; readonly ext: ExternSpec }
  /** `target` is an instruction of the section `secIdx`. */
  | { readonly kind: 'call'; readonly insnIdx: number; readonly secIdx: number; readonly target: number }
  | { readonly kind: 'func'; readonly insnIdx: number; readonly secIdx: number; readonly target: number };

export interface ProgSpec {
  readonly name: string;
  readonly secName: string;
  readonly secIdx: number;
  /** Index of its first instruction in the section. */
  readonly secInsnOff: number;
  readonly insns: readonly Insn[];
  readonly relos: Relo[];
  /** Only called by others. */
  isSubprog: boolean;
  /** A hidden global function: its BTF says static. */
  readonly hidden: boolean;
  readonly secDef: SecDef | undefined;
  autoload: boolean;
}

export type KconfigType = 'char' | 'bool' | 'int' | 'tristate' | 'char_arr';

export interface ExternSpec {
  readonly name: string;
  readonly symIdx: number;
  /** The VAR or FUNC. */
  readonly btfId: number;
  readonly weak: boolean;
  readonly where:
    | {
        readonly sec: 'kconfig';
        readonly type: KconfigType;
        readonly size: number;
        readonly align: number;
        readonly signed: boolean;
        /** Byte offset in the map's value. */
        dataOff: number;
      }
    | {
        readonly sec: 'ksyms';
        readonly func: boolean;
        /** Type of the variable, modifiers skipped, or the FUNC_PROTO; 0 for a typeless symbol. */
        readonly typeId: number;
      };
}

/** An object file, understood. */
export interface ObjectSpec {
  readonly name: string;
  readonly elf: ElfFile;
  readonly license: string;
  /** The version section; 0 where there is none. */
  readonly kernVersion: number;
  readonly btf: Btf | undefined;
  readonly btfExt: BtfExt | undefined;
  /** The kernel must take the BTF: struct_ops depend on it. Others do without. */
  readonly btfMandatory: boolean;
  readonly maps: MapSpec[];
  readonly progs: ProgSpec[];
  readonly externs: ExternSpec[];
}
