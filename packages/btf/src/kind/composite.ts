// SPDX-License-Identifier: MIT
import type { BtfComposite, BtfMember } from '../types.ts';
import { shownName, type Json, type KindDef, type Record } from './def.ts';

function decodeMember(r: Record, at: number): BtfMember {
  const offset = r.word(at + 2);
  return {
    name: r.str(r.word(at)),
    typeId: r.word(at + 1),
    bitOffset: r.kflag ? offset & 0xffffff : offset,
    bitSize: r.kflag ? offset >>> 24 : 0,
  };
}

function memberJson(m: BtfMember): Json {
  return {
    name: shownName(m.name),
    type_id: m.typeId,
    bits_offset: m.bitOffset,
    ...(m.bitSize > 0 ? { bitfield_size: m.bitSize } : {}),
  };
}

function compositeKind(kind: BtfComposite['kind']): KindDef<BtfComposite> {
  return {
    since: '4.18',
    decode: (r) => {
      const members: BtfMember[] = [];
      for (let i = 0; i < r.vlen; i++) members.push(decodeMember(r, 3 * i));
      return { id: r.id, kind, name: r.name, size: r.sizeOrType, kflag: r.kflag, members };
    },
    encode: (t, out) => {
      out.head({ vlen: t.members.length, kflag: t.kflag, sizeOrType: t.size });
      for (const m of t.members) {
        out.word(out.str(m.name));
        out.word(m.typeId);
        out.word(t.kflag ? ((m.bitSize << 24) | m.bitOffset) >>> 0 : m.bitOffset);
      }
    },
    rawText: (t) => [
      `size=${t.size} vlen=${t.members.length}`,
      ...t.members.map(
        (m) =>
          `\t'${shownName(m.name)}' type_id=${m.typeId} bits_offset=${m.bitOffset}` +
          (m.bitSize > 0 ? ` bitfield_size=${m.bitSize}` : ''),
      ),
    ],
    rawJson: (t) => ({ size: t.size, vlen: t.members.length, members: t.members.map(memberJson) }),
  };
}

export const structKind = compositeKind(4);
export const unionKind = compositeKind(5);
