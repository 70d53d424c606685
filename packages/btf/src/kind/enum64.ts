// SPDX-License-Identifier: MIT
import { BTF_KIND_ENUM64 } from '../kinds.ts';
import type { BtfEnum64 } from '../types.ts';
import { shownName, type KindDef } from './def.ts';

export const enum64Kind: KindDef<BtfEnum64> = {
  since: '6.0',
  decode: (r) => {
    const values: { name: string; value: bigint }[] = [];
    for (let i = 0; i < r.vlen; i++) {
      const raw = (BigInt(r.word(3 * i + 2)) << 32n) | BigInt(r.word(3 * i + 1));
      values.push({ name: r.str(r.word(3 * i)), value: r.kflag ? BigInt.asIntN(64, raw) : raw });
    }
    return { id: r.id, kind: BTF_KIND_ENUM64, name: r.name, size: r.sizeOrType, signed: r.kflag, values };
  },
  encode: (t, out) => {
    out.head({ vlen: t.values.length, kflag: t.signed, sizeOrType: t.size });
    for (const v of t.values) {
      const raw = BigInt.asUintN(64, v.value);
      out.word(out.str(v.name));
      out.word(Number(raw & 0xffffffffn));
      out.word(Number(raw >> 32n));
    }
  },
  rawText: (t) => [
    `encoding=${t.signed ? 'SIGNED' : 'UNSIGNED'} size=${t.size} vlen=${t.values.length}`,
    ...t.values.map((v) => `\t'${shownName(v.name)}' val=${v.value}${t.signed ? 'LL' : 'ULL'}`),
  ],
  rawJson: (t) => ({
    encoding: t.signed ? 'SIGNED' : 'UNSIGNED',
    size: t.size,
    vlen: t.values.length,
    values: t.values.map((v) => ({ name: shownName(v.name), val: v.value })),
  }),
};
