// SPDX-License-Identifier: MIT
import * as K from '../kinds.ts';
import type { BtfComposite, BtfRef, BtfType } from '../types.ts';
import { writeTypeDecl } from './declare.ts';
import { writeComposite, writeCompositeName, writeEnum, writeFwd, writeTypedef } from './define.ts';
import { EMITTED, EMITTING, NOT_EMITTED, type CDumpState } from './state.ts';

/** Types of GCC's Arm intrinsics that are in no header, and what they are. */
const MISSING_TYPES: ReadonlyMap<string, string> = new Map([
  ['__Poly8_t', 'unsigned char'],
  ['__Poly16_t', 'unsigned short'],
  ['__Poly64_t', 'unsigned long long'],
  ['__Poly128_t', 'unsigned __int128'],
]);

function writeTypedefStatement(d: CDumpState, type: BtfRef): void {
  // The compiler's own: a definition would be an error.
  if (type.name === '__builtin_va_list') return;
  writeTypedef(d, type, 0, writeTypeDecl);
  d.write(';\n\n');
}

function declareComposite(d: CDumpState, type: BtfComposite): void {
  writeCompositeName(d, type);
  d.write(';\n\n');
  d.fwdEmitted[type.id] = 1;
}

/**
 * Writes what a use of the type needs, and, where `containerId` is 0, the type's own definition. `containerId` is the
 * named struct, union or typedef that is being written around it.
 */
export function emitType(d: CDumpState, id: number, containerId: number): void {
  d.nested(id, () => emit(d, id, containerId));
}

function emit(d: CDumpState, id: number, containerId: number): void {
  const { emitState, fwdEmitted } = d;
  if (d.btf.has(id) && emitState[id] === EMITTED) return;
  const type = d.btf.type(id);
  if (emitState[id] === EMITTING) {
    emitDeclaration(d, type, containerId);
    return;
  }
  switch (type.kind) {
    case K.BTF_KIND_INT: {
      // An integer's name is taken: a struct of the same name gets a suffix.
      d.typeName(type);
      const alias = MISSING_TYPES.get(type.name);
      if (alias !== undefined) d.write(`typedef ${alias} ${type.name};\n\n`);
      emitState[id] = EMITTED;
      break;
    }
    case K.BTF_KIND_ENUM:
    case K.BTF_KIND_ENUM64:
      if (containerId === 0) {
        writeEnum(d, type, 0);
        d.write(';\n\n');
      }
      emitState[id] = EMITTED;
      break;
    case K.BTF_KIND_PTR:
    case K.BTF_KIND_VOLATILE:
    case K.BTF_KIND_CONST:
    case K.BTF_KIND_RESTRICT:
    case K.BTF_KIND_TYPE_TAG:
      emitType(d, type.typeId, containerId);
      break;
    case K.BTF_KIND_ARRAY:
      emitType(d, type.elemTypeId, containerId);
      break;
    case K.BTF_KIND_FWD:
      writeFwd(d, type);
      d.write(';\n\n');
      emitState[id] = EMITTED;
      break;
    case K.BTF_KIND_TYPEDEF:
      emitState[id] = EMITTING;
      emitType(d, type.typeId, id);
      if (!fwdEmitted[id]) writeTypedefStatement(d, type);
      emitState[id] = EMITTED;
      break;
    case K.BTF_KIND_STRUCT:
    case K.BTF_KIND_UNION:
      emitComposite(d, type, containerId);
      break;
    case K.BTF_KIND_FUNC_PROTO:
      emitType(d, type.returnTypeId, containerId);
      for (const p of type.params) emitType(d, p.typeId, containerId);
      break;
    default:
  }
}

function emitComposite(d: CDumpState, type: BtfComposite, containerId: number): void {
  const { id } = type;
  const top = containerId === 0;
  d.emitState[id] = EMITTING;
  if (top || type.name === '') {
    // The members are written out, so what they refer to must be known.
    for (const m of type.members) emitType(d, m.typeId, type.name === '' ? containerId : id);
  } else if (!d.fwdEmitted[id] && id !== containerId) {
    declareComposite(d, type);
  }
  if (!top) {
    d.emitState[id] = NOT_EMITTED;
    return;
  }
  writeComposite(d, type, 0, writeTypeDecl);
  d.write(';\n\n');
  d.emitState[id] = EMITTED;
}

/** A type that is being written is needed inside itself: declare it. */
function emitDeclaration(d: CDumpState, type: BtfType, containerId: number): void {
  if (d.fwdEmitted[type.id]) return;
  if (type.kind === K.BTF_KIND_STRUCT || type.kind === K.BTF_KIND_UNION) {
    if (type.id !== containerId && type.name !== '') declareComposite(d, type);
  } else if (type.kind === K.BTF_KIND_TYPEDEF) {
    writeTypedefStatement(d, type);
    d.fwdEmitted[type.id] = 1;
  }
}
