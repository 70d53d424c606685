// SPDX-License-Identifier: MIT
import { BTF_KIND_ENUM } from '../kinds.ts';
import type { BtfEnum } from '../types.ts';
import { shownName, type KindDef } from './def.ts';

/** bpftool's JSON widens unsigned values through a signed 32-bit one: above 2^31 they come out above 2^63. */
function jsonValue(value: number, signed: boolean): number | bigint {
  return signed || value < 0x80000000 ? value : BigInt.asUintN(64, BigInt(value | 0));
}

export const enumKind: KindDef<BtfEnum> = {
  since: '4.18',
  decode: (r) => {
    const values: { name: string; value: number }[] = [];
    for (let i = 0; i < r.vlen; i++) {
      values.push({ name: r.str(r.word(2 * i)), value: r.kflag ? r.sword(2 * i + 1) : r.word(2 * i + 1) });
    }
    return { id: r.id, kind: BTF_KIND_ENUM, name: r.name, size: r.sizeOrType, signed: r.kflag, values };
  },
  encode: (t, out) => {
    out.head({ vlen: t.values.length, kflag: t.signed, sizeOrType: t.size });
    for (const v of t.values) {
      out.word(out.str(v.name));
      out.word(v.value >>> 0);
    }
  },
  rawText: (t) => [
    `encoding=${t.signed ? 'SIGNED' : 'UNSIGNED'} size=${t.size} vlen=${t.values.length}`,
    ...t.values.map((v) => `\t'${shownName(v.name)}' val=${v.value}`),
  ],
  rawJson: (t) => ({
    encoding: t.signed ? 'SIGNED' : 'UNSIGNED',
    size: t.size,
    vlen: t.values.length,
    values: t.values.map((v) => ({ name: shownName(v.name), val: jsonValue(v.value, t.signed) })),
  }),
};
