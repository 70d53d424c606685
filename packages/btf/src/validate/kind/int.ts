// SPDX-License-Identifier: MIT
import { ENOTSUPP } from '@tsbpf/uapi';
import { intEncodingName } from '../../kind/int.ts';
import type { RawMember, ValidateEnv } from '../env.ts';
import { checkNoKflag, checkNoVlen, checkRoom, logAccepted } from '../meta.ts';
import type { KindRules } from '../rules.ts';
import { bytesOfBits, isRegularInt } from '../walk.ts';

/** A member that has `bits` bits at `bitOff`: it must be copyable and lie inside the struct. */
function checkPlace(env: ValidateEnv, place: { structId: number; m: RawMember; bitOff: number; bits: number }): number {
  const { structId, m } = place;
  const byteOff = Math.floor(place.bitOff / 8);
  const copyBits = place.bits + (place.bitOff % 8);
  if (copyBits > 128) return env.failMember(structId, m, 'nr_copy_bits exceeds 128');
  if (byteOff + bytesOfBits(copyBits) > env.sizeOrType(structId)) {
    return env.failMember(structId, m, 'Member exceeds struct_size');
  }
  return 0;
}

export const intRules: KindRules = {
  details: (env, id) => {
    const data = env.extra(id, 0);
    return `size=${env.sizeOrType(id)} bits_offset=${(data >>> 16) & 0xff} nr_bits=${data & 0xff} encoding=${intEncodingName((data >>> 24) & 0xf)}`;
  },
  checkMeta: (env, id, metaLeft) => {
    const err = checkRoom(env, id, metaLeft, 4) || checkNoVlen(env, id) || checkNoKflag(env, id);
    if (err) return err;
    const data = env.extra(id, 0);
    if (data >>> 28 !== 0) return env.failBasic(id, `Invalid int_data:${data.toString(16)}`);
    const bits = (data & 0xff) + ((data >>> 16) & 0xff);
    if (bits > 128) return env.fail(id, 'nr_bits exceeds 128');
    if (bytesOfBits(bits) > env.sizeOrType(id)) return env.fail(id, 'nr_bits exceeds type_size');
    const encoding = (data >>> 24) & 0xf;
    if (![0, 1, 2, 4].includes(encoding)) return env.fail(id, 'Unsupported encoding', ENOTSUPP);
    return logAccepted(env, id);
  },
  checkMember: (env, structId, m, memberTypeId) => {
    const data = env.extra(memberTypeId, 0);
    const bitOff = m.offset + ((data >>> 16) & 0xff);
    if (bitOff > 0xffffffff) return env.failMember(structId, m, 'bits_offset exceeds U32_MAX');
    return checkPlace(env, { structId, m, bitOff, bits: data & 0xff });
  },
  checkKflagMember: (env, structId, m, memberTypeId) => {
    if (!isRegularInt(env, memberTypeId)) return env.failMember(structId, m, 'Invalid member base type');
    const bitOff = m.offset & 0xffffff;
    const intBits = env.extra(memberTypeId, 0) & 0xff;
    let bits = m.offset >>> 24;
    if (bits === 0) {
      if (bitOff % 8 !== 0) return env.failMember(structId, m, 'Invalid member offset');
      bits = intBits;
    } else if (bits > intBits) {
      return env.failMember(structId, m, 'Invalid member bitfield_size');
    }
    return checkPlace(env, { structId, m, bitOff, bits });
  },
};
