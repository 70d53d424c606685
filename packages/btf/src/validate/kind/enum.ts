// SPDX-License-Identifier: MIT
import { BTF_KIND_ENUM64 } from '../../kinds.ts';
import type { ValidateEnv } from '../env.ts';
import { checkByteMember, genericKflagMember } from '../member.ts';
import { checkMaybeNamed, checkNoKflag, checkRoom, logAccepted } from '../meta.ts';
import type { KindRules } from '../rules.ts';
import { bytesOfBits } from '../walk.ts';

function valueText(env: ValidateEnv, id: number, at: number): string {
  const signed = env.kflag(id);
  if (env.kind(id) === BTF_KIND_ENUM64) {
    const raw = (BigInt(env.extra(id, at + 2)) << 32n) | BigInt(env.extra(id, at + 1));
    return String(signed ? BigInt.asIntN(64, raw) : raw);
  }
  const raw = env.extra(id, at + 1);
  // Before kind_flag had a meaning, every value was printed signed.
  return String(signed || !env.rules.signedEnums ? raw | 0 : raw);
}

const checkMeta: KindRules['checkMeta'] = (env, id, metaLeft) => {
  const vlen = env.vlen(id);
  const words = env.kind(id) === BTF_KIND_ENUM64 ? 3 : 2;
  const err = checkRoom(env, id, metaLeft, 4 * words * vlen) || (env.rules.signedEnums ? 0 : checkNoKflag(env, id));
  if (err) return err;
  if (![1, 2, 4, 8].includes(env.sizeOrType(id))) return env.fail(id, 'Unexpected size');
  const nameErr = checkMaybeNamed(env, id) || logAccepted(env, id);
  if (nameErr) return nameErr;
  for (let i = 0; i < vlen; i++) {
    const nameOff = env.extra(id, words * i);
    if (!env.nameOffsetValid(nameOff)) return env.failPlain(`\tInvalid name_offset:${nameOff}`);
    if (nameOff === 0 || !env.identifierValid(nameOff)) return env.fail(id, 'Invalid name');
    if (env.log.needed) env.log.write(`\t${env.shownName(nameOff)} val=${valueText(env, id, words * i)}\n`);
  }
  return 0;
};

const details: KindRules['details'] = (env, id) => `size=${env.sizeOrType(id)} vlen=${env.vlen(id)}`;
const plainMember: KindRules['checkMember'] = (env, structId, m, memberTypeId) =>
  checkByteMember(env, structId, m, env.sizeOrType(memberTypeId));

export const enumRules: KindRules = {
  details,
  checkMeta,
  checkMember: plainMember,
  checkKflagMember: (env, structId, m) => {
    const bitOff = m.offset & 0xffffff;
    // The enum's own size does not count here: Linux takes every one for 32 bits.
    let bits = m.offset >>> 24;
    if (bits === 0) {
      if (bitOff % 8 !== 0) return env.failMember(structId, m, 'Member is not byte aligned');
      bits = 32;
    } else if (bits > 32) {
      return env.failMember(structId, m, 'Invalid member bitfield_size');
    }
    if (env.sizeOrType(structId) < bytesOfBits(bitOff + bits)) {
      return env.failMember(structId, m, 'Member exceeds struct_size');
    }
    return 0;
  },
};

export const enum64Rules: KindRules = {
  details,
  checkMeta,
  checkMember: plainMember,
  checkKflagMember: genericKflagMember,
};
