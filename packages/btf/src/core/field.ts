// SPDX-License-Identifier: MIT
import { E2BIG, EINVAL, BtfError } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import * as C from './kinds.ts';
import type { CoreLog } from './log.ts';
import { isAnyEnum, type CoreSpec } from './spec.ts';

/** A property of a field in one BTF. */
export interface FieldValue {
  readonly value: number;
  /** Whether the compiler's own value can be checked against it: bitfields can be read in several ways. */
  readonly validate: boolean;
  /** Bytes of the field and its type, for adjusting a load; 0 where that does not apply. */
  readonly size: number;
  readonly typeId: number;
}

interface Context {
  readonly progName: string;
  readonly insnOff: number;
  readonly log: CoreLog;
}

/** The smallest aligned unit that holds a bitfield: bytes. @errno E2BIG where 8 bytes do not */
function bitfieldUnit(
  field: { bitOff: number; bitSize: number; typeSize: number; kind: number },
  typeId: number,
  ctx: Context,
): { off: number; size: number } {
  let size = field.typeSize;
  if (size === 0) throw new BtfError(`[${typeId}] bitfield of a type without a size`, { errno: EINVAL, typeId });
  const offOf = (unit: number): number => Math.floor(field.bitOff / 8 / unit) * unit;
  while (field.bitOff + field.bitSize - offOf(size) * 8 > size * 8) {
    if (size >= 8) {
      const message = `relo ${field.kind} at insn #${ctx.insnOff / 8} can't be satisfied for bitfield`;
      ctx.log('warn', `prog '${ctx.progName}': ${message}`);
      throw new BtfError(message, { errno: E2BIG, typeId });
    }
    size *= 2;
  }
  return { off: offOf(size), size };
}

function elementValue(spec: CoreSpec, typeId: number, ctx: Context): FieldValue {
  const size = spec.btf.resolveSize(typeId);
  switch (spec.reloKind) {
    case C.BPF_CORE_FIELD_BYTE_OFFSET:
      return { value: Math.floor(spec.bitOffset / 8), validate: true, size, typeId };
    case C.BPF_CORE_FIELD_BYTE_SIZE:
      return { value: size, validate: true, size: 0, typeId: 0 };
    default: {
      const message = `relo ${spec.reloKind} at insn #${ctx.insnOff / 8} can't be applied to array access`;
      ctx.log('warn', `prog '${ctx.progName}': ${message}`);
      throw new BtfError(message, { errno: EINVAL, typeId });
    }
  }
}

function isSigned(spec: CoreSpec, typeId: number): boolean {
  const type = spec.btf.type(typeId);
  if (isAnyEnum(type.kind)) return spec.btf.kflag(typeId);
  return type.kind === K.BTF_KIND_INT && (type.encoding & K.BTF_INT_SIGNED) !== 0;
}

/**
 * Offset, size, sign or shifts of the field that an access ends at.
 * @errno EINVAL for what arrays and sizeless types do not have; E2BIG for a bitfield wider than a load
 */
export function fieldValue(spec: CoreSpec, ctx: Context): FieldValue {
  const { btf, reloKind } = spec;
  const acc = spec.accessors[spec.accessors.length - 1];
  if (acc.name === undefined) return elementValue(spec, acc.typeId, ctx);

  const member = btf.members(acc.typeId)[acc.idx];
  const typeId = btf.skipModifiers(member.typeId);
  const bitOff = spec.bitOffset;
  const isBitfield = member.bitSize > 0;
  const unit = isBitfield
    ? bitfieldUnit({ bitOff, bitSize: member.bitSize, typeSize: btf.resolveSize(typeId), kind: reloKind }, typeId, ctx)
    : { off: Math.floor(bitOff / 8), size: btf.resolveSize(typeId) };
  const bitSize = isBitfield ? member.bitSize : unit.size * 8;
  const plain = { validate: !isBitfield, size: 0, typeId: 0 };
  switch (reloKind) {
    case C.BPF_CORE_FIELD_BYTE_OFFSET:
      return isBitfield ? { ...plain, value: unit.off } : { value: unit.off, validate: true, size: unit.size, typeId };
    case C.BPF_CORE_FIELD_BYTE_SIZE:
      return { ...plain, value: unit.size };
    case C.BPF_CORE_FIELD_SIGNED:
      return { ...plain, validate: true, value: isSigned(spec, typeId) ? 1 : 0 };
    case C.BPF_CORE_FIELD_LSHIFT_U64:
      return {
        ...plain,
        value: btf.littleEndian
          ? 64 - (bitOff + bitSize - unit.off * 8)
          : (8 - unit.size) * 8 + (bitOff - unit.off * 8),
      };
    default:
      return { ...plain, validate: true, value: 64 - bitSize };
  }
}
