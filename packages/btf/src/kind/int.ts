// SPDX-License-Identifier: MIT
import { BTF_INT_BOOL, BTF_INT_CHAR, BTF_INT_SIGNED, BTF_KIND_INT } from '../kinds.ts';
import type { BtfInt } from '../types.ts';
import type { KindDef } from './def.ts';

/** Name of an INT's encoding as dumps and the kernel's log print it. */
export function intEncodingName(encoding: number): string {
  switch (encoding) {
    case 0:
      return '(none)';
    case BTF_INT_SIGNED:
      return 'SIGNED';
    case BTF_INT_CHAR:
      return 'CHAR';
    case BTF_INT_BOOL:
      return 'BOOL';
    default:
      return 'UNKN';
  }
}

export const intKind: KindDef<BtfInt> = {
  since: '4.18',
  decode: (r) => {
    const data = r.word(0);
    return {
      id: r.id,
      kind: BTF_KIND_INT,
      name: r.name,
      size: r.sizeOrType,
      encoding: (data >>> 24) & 0xf,
      bitOffset: (data >>> 16) & 0xff,
      bits: data & 0xff,
    };
  },
  encode: (t, out) => {
    out.head({ sizeOrType: t.size });
    out.word(((t.encoding << 24) | (t.bitOffset << 16) | t.bits) >>> 0);
  },
  rawText: (t) => [
    `size=${t.size} bits_offset=${t.bitOffset} nr_bits=${t.bits} encoding=${intEncodingName(t.encoding)}`,
  ],
  rawJson: (t) => ({
    size: t.size,
    bits_offset: t.bitOffset,
    nr_bits: t.bits,
    encoding: intEncodingName(t.encoding),
  }),
};
