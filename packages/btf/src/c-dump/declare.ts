// SPDX-License-Identifier: MIT
// Declarators: `const char *(*name[4])(int)` from a chain of types.
import { ELOOP, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { BtfFuncProto } from '../types.ts';
import { writeComposite, writeCompositeName, writeEnum, writeEnumName, writeFwd } from './define.ts';
import type { CDumpState } from './state.ts';

const QUALIFIERS: Readonly<Record<number, string>> = {
  [K.BTF_KIND_VOLATILE]: 'volatile',
  [K.BTF_KIND_CONST]: 'const',
  [K.BTF_KIND_RESTRICT]: 'restrict',
};

/** The longest chain of pointers, arrays and qualifiers that we follow. */
const MAX_CHAIN = 1024;

function isMod(kind: number): boolean {
  return kind in QUALIFIERS || kind === K.BTF_KIND_TYPE_TAG;
}

/** Writes a declaration of `name` (empty for none) with the type. Anonymous types are defined in place. */
export function writeTypeDecl(d: CDumpState, id: number, name: string, level: number): void {
  d.nested(id, () => writeChain(d, chainOf(d, id), name, level));
}

/** From the name outwards: the type, what it refers to, and so on to what names or defines itself. */
function chainOf(d: CDumpState, id: number): number[] {
  const chain: number[] = [];
  for (let at = id; ;) {
    const kind = d.btf.kind(at);
    if (!(d.stripMods && isMod(kind))) chain.push(at);
    if (chain.length > MAX_CHAIN) throw new BtfError(`[${id}] endless declarator`, { errno: ELOOP, typeId: id });
    if (kind === K.BTF_KIND_ARRAY) at = d.btf.extraWord(at, 0);
    else if (isMod(kind) || kind === K.BTF_KIND_PTR || kind === K.BTF_KIND_FUNC_PROTO) at = d.btf.sizeOrType(at);
    else return chain;
  }
}

/** Qualifiers next to what they qualify, in front of it. */
function writeLeadingQualifiers(d: CDumpState, chain: number[]): void {
  for (;;) {
    const qualifier = chain.length > 0 ? QUALIFIERS[d.btf.kind(chain[chain.length - 1])] : undefined;
    if (qualifier === undefined) return;
    d.write(`${qualifier} `);
    chain.pop();
  }
}

function dropMods(d: CDumpState, chain: number[]): void {
  while (chain.length > 0 && isMod(d.btf.kind(chain[chain.length - 1]))) chain.pop();
}

function writeName(d: CDumpState, name: string, afterPointer: boolean): void {
  d.write(name && !afterPointer ? ` ${name}` : name);
}

function writeParams(d: CDumpState, proto: BtfFuncProto, level: number): void {
  const { params } = proto;
  if (params.length === 0 || (params.length === 1 && params[0].typeId === 0)) {
    d.write('(void)');
    return;
  }
  d.write('(');
  params.forEach((p, i) => {
    if (i > 0) d.write(', ');
    if (i === params.length - 1 && p.typeId === 0) d.write('...');
    else writeTypeDecl(d, p.typeId, p.name, level);
  });
  d.write(')');
}

/** Writes what a chain ends at. False for a kind that C has no declarations of: then nothing follows. */
function writeBase(d: CDumpState, id: number, level: number): boolean {
  const type = d.btf.type(id);
  switch (type.kind) {
    case K.BTF_KIND_UNKN:
    case K.BTF_KIND_INT:
    case K.BTF_KIND_FLOAT:
      d.write(type.name);
      break;
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION:
      if (type.name === '') writeComposite(d, type, level, writeTypeDecl);
      else writeCompositeName(d, type);
      break;
    case K.BTF_KIND_ENUM:
    case K.BTF_KIND_ENUM64:
      if (type.name === '') writeEnum(d, type, level);
      else writeEnumName(d, type);
      break;
    case K.BTF_KIND_FWD:
      writeFwd(d, type);
      break;
    case K.BTF_KIND_TYPEDEF:
      d.write(d.identName(type));
      break;
    default:
      return false;
  }
  return true;
}

/** Writes a chain from its far end. Consumes it. */
function writeChain(d: CDumpState, chain: number[], name: string, level: number): void {
  // True at the start, so that the pointer of `(*name)` has no space in front.
  let afterPointer = true;
  while (chain.length > 0) {
    const id = chain.pop() as number;
    const kind = d.btf.kind(id);
    switch (kind) {
      case K.BTF_KIND_PTR:
        d.write(afterPointer ? '*' : ' *');
        break;
      case K.BTF_KIND_VOLATILE:
      case K.BTF_KIND_CONST:
      case K.BTF_KIND_RESTRICT:
        d.write(` ${QUALIFIERS[kind]}`);
        break;
      case K.BTF_KIND_TYPE_TAG:
        writeLeadingQualifiers(d, chain);
        d.write(` __attribute__((btf_type_tag("${d.btf.name(id)}")))`);
        break;
      case K.BTF_KIND_ARRAY: {
        const count = `[${d.btf.extraWord(id, 2)}]`;
        // A qualified array is an array of qualified elements, which say so themselves.
        dropMods(d, chain);
        if (chain.length === 0) {
          writeName(d, name, afterPointer);
          d.write(count);
          return;
        }
        const multidim = d.btf.kind(chain[chain.length - 1]) === K.BTF_KIND_ARRAY;
        if (name && !afterPointer) d.write(' ');
        if (!multidim) d.write('(');
        d.nested(id, () => writeChain(d, chain, name, level));
        d.write(multidim ? count : `)${count}`);
        return;
      }
      case K.BTF_KIND_FUNC_PROTO:
        // GCC marks noreturn functions as volatile.
        dropMods(d, chain);
        if (chain.length > 0) {
          d.write(' (');
          d.nested(id, () => writeChain(d, chain, name, level));
          d.write(')');
        } else {
          writeName(d, name, afterPointer);
        }
        writeParams(d, d.btf.typeOf(id, K.BTF_KIND_FUNC_PROTO), level);
        return;
      default:
        writeLeadingQualifiers(d, chain);
        if (!writeBase(d, id, level)) return;
    }
    afterPointer = kind === K.BTF_KIND_PTR;
  }
  writeName(d, name, afterPointer);
}
