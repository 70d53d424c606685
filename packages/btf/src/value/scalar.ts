// SPDX-License-Identifier: MIT
import * as K from '../kinds.ts';
import type { Btf } from '../model/btf.ts';
import type { BtfEnum, BtfEnum64, BtfInt } from '../types.ts';

/** Whether the elements are C's `char`, so that the array is text. */
export function isCharArray(btf: Btf, elemTypeId: number): boolean {
  const elem = btf.type(btf.skipModifiers(elemTypeId));
  if (elem.kind !== K.BTF_KIND_INT || elem.size !== 1 || elem.bits !== 8) return false;
  return elem.encoding === K.BTF_INT_CHAR || elem.name === 'char';
}

export function isSignedScalar(type: BtfInt | BtfEnum | BtfEnum64): boolean {
  return type.kind === K.BTF_KIND_INT ? (type.encoding & K.BTF_INT_SIGNED) !== 0 : type.signed;
}

/** Name of an enum's value, given as number or bigint; undefined where no enumerator has it. */
export function enumName(btf: Btf, typeId: number, value: number | bigint): string | undefined {
  const type = btf.type(btf.skipModifiers(typeId));
  if (type.kind !== K.BTF_KIND_ENUM && type.kind !== K.BTF_KIND_ENUM64) return undefined;
  const bits = type.size * 8;
  const wanted = BigInt.asUintN(bits, BigInt(value));
  for (const v of type.values) if (BigInt.asUintN(bits, BigInt(v.value)) === wanted) return v.name;
  return undefined;
}

/** Value of an enumerator by its name; undefined where the enum has none of that name. */
export function enumValue(btf: Btf, typeId: number, name: string): bigint | undefined {
  const type = btf.type(btf.skipModifiers(typeId));
  if (type.kind !== K.BTF_KIND_ENUM && type.kind !== K.BTF_KIND_ENUM64) return undefined;
  for (const v of type.values) if (v.name === name) return BigInt(v.value);
  return undefined;
}
