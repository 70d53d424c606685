// SPDX-License-Identifier: MIT
// Rewrites BTF into what an older kernel takes: each kind it does not know becomes one of the same length that says
// as much as possible. Ids and string offsets stay.
import * as K from '@tsbpf/btf';
import type { Btf } from '@tsbpf/btf';
import type { Features } from '../features/probes.ts';
import { BtfEditor } from './edit.ts';

function enum64ToUnion(edit: BtfEditor, id: number, memberType: number): void {
  const vlen = edit.vlen(id);
  edit.setInfo(id, K.BTF_KIND_UNION, vlen);
  for (let i = 0; i < vlen; i++) {
    // The name stays; type and offset take the place of the value's two words.
    edit.setWord(id, 4 + 3 * i, memberType);
    edit.setWord(id, 5 + 3 * i, 0);
  }
}

/** The name of a section as a struct's: without what identifiers cannot have. */
function structName(edit: BtfEditor, id: number): void {
  edit.setWord(id, 0, edit.addString(edit.name(id).replace(/[.?]/g, '_')));
}

function datasecToStruct(edit: BtfEditor, id: number): void {
  const vlen = edit.vlen(id);
  structName(edit, id);
  edit.setInfo(id, K.BTF_KIND_STRUCT, vlen);
  for (let i = 0; i < vlen; i++) {
    const varId = edit.word(id, 3 + 3 * i);
    const offset = edit.word(id, 4 + 3 * i);
    edit.setWord(id, 3 + 3 * i, edit.word(varId, 0));
    // The variable itself becomes an INT; the member takes the variable's type, which nothing else refers to then.
    edit.setWord(id, 4 + 3 * i, varId);
    edit.setWord(id, 5 + 3 * i, offset * 8);
  }
}

function intOfOneByte(edit: BtfEditor, id: number): void {
  edit.setInfo(id, K.BTF_KIND_INT, 0);
  edit.setWord(id, 2, 1);
  edit.setWord(id, 3, 8);
}

/** The blob to load on a kernel with these features. */
export function sanitizeBtf(btf: Btf, features: Features): Uint8Array {
  const edit = new BtfEditor(btf);
  let enumMember = 0;
  const count = edit.typeCount;
  const sections: number[] = [];
  for (let id = 1; id < count; id++) {
    switch (edit.kind(id)) {
      case K.BTF_KIND_DECL_TAG:
        if (!features.has('btfDeclTag')) intOfOneByte(edit, id);
        break;
      case K.BTF_KIND_DATASEC:
        if (!features.has('btfDatasec')) sections.push(id);
        else if (edit.name(id).includes('?') && !features.has('btfQmarkDatasec')) {
          edit.setWord(id, 0, edit.addString(edit.name(id).replaceAll('?', '_')));
        }
        break;
      case K.BTF_KIND_FUNC_PROTO:
        if (!features.has('btfFunc')) {
          edit.setInfo(id, K.BTF_KIND_ENUM, edit.vlen(id));
          edit.setWord(id, 2, 4);
        }
        break;
      case K.BTF_KIND_FUNC:
        if (!features.has('btfFunc')) edit.setInfo(id, K.BTF_KIND_TYPEDEF, 0);
        else if (edit.vlen(id) === K.BTF_FUNC_GLOBAL && !features.has('btfGlobalFunc')) {
          edit.setInfo(id, K.BTF_KIND_FUNC, K.BTF_FUNC_STATIC);
        }
        break;
      case K.BTF_KIND_FLOAT:
        if (!features.has('btfFloat')) {
          edit.setWord(id, 0, 0);
          edit.setInfo(id, K.BTF_KIND_STRUCT, 0);
        }
        break;
      case K.BTF_KIND_TYPE_TAG:
        if (!features.has('btfTypeTag')) {
          edit.setWord(id, 0, 0);
          edit.setInfo(id, K.BTF_KIND_CONST, 0);
        }
        break;
      case K.BTF_KIND_ENUM:
        // Signedness and 64-bit enumerators came with the same kernel.
        if (edit.kflag(id) && !features.has('btfEnum64')) edit.setInfo(id, K.BTF_KIND_ENUM, edit.vlen(id));
        break;
      case K.BTF_KIND_ENUM64:
        if (!features.has('btfEnum64')) {
          enumMember ||= edit.addInt('enum64_placeholder', 1, { signed: false });
          enum64ToUnion(edit, id, enumMember);
        }
        break;
    }
  }
  // A section needs its variables as they were, so both change together at the end.
  for (const id of sections) datasecToStruct(edit, id);
  if (count > 1 && anyVar(edit, count) && !features.has('btfDatasec')) {
    for (let id = 1; id < count; id++) if (edit.kind(id) === K.BTF_KIND_VAR) intOfOneByte(edit, id);
  }
  return edit.bytes();
}

function anyVar(edit: BtfEditor, count: number): boolean {
  for (let id = 1; id < count; id++) if (edit.kind(id) === K.BTF_KIND_VAR) return true;
  return false;
}
