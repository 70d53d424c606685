// SPDX-License-Identifier: MIT
// Questions about types that several kinds' rules ask.
import * as K from '../kinds.ts';
import { RESOLVE_PTR, RESOLVE_TBD, type ValidateEnv } from './env.ts';
import type { BtfRules } from './versions.ts';

export function isModifier(kind: number): boolean {
  return (
    kind === K.BTF_KIND_TYPEDEF ||
    kind === K.BTF_KIND_VOLATILE ||
    kind === K.BTF_KIND_CONST ||
    kind === K.BTF_KIND_RESTRICT ||
    kind === K.BTF_KIND_TYPE_TAG
  );
}

export function isComposite(kind: number): boolean {
  return kind === K.BTF_KIND_STRUCT || kind === K.BTF_KIND_UNION;
}

/** Kinds that others may not refer to, but for a DATASEC to its VARs. */
export function isResolveSourceOnly(kind: number): boolean {
  return kind === K.BTF_KIND_VAR || kind === K.BTF_KIND_DATASEC || kind === K.BTF_KIND_DECL_TAG;
}

export function needsResolve(kind: number, rules: BtfRules): boolean {
  return (
    isModifier(kind) ||
    kind === K.BTF_KIND_PTR ||
    isComposite(kind) ||
    kind === K.BTF_KIND_ARRAY ||
    isResolveSourceOnly(kind) ||
    (kind === K.BTF_KIND_FUNC && rules.resolvesFuncs)
  );
}

function hasOwnSize(kind: number): boolean {
  return (
    kind === K.BTF_KIND_INT ||
    isComposite(kind) ||
    kind === K.BTF_KIND_ENUM ||
    kind === K.BTF_KIND_ENUM64 ||
    kind === K.BTF_KIND_DATASEC ||
    kind === K.BTF_KIND_FLOAT
  );
}

/** void and the kinds that no value can have. */
export function hasNoSize(kind: number): boolean {
  return kind === 0 || kind === K.BTF_KIND_FWD || kind === K.BTF_KIND_FUNC || kind === K.BTF_KIND_FUNC_PROTO;
}

/** Kinds that a pointer or modifier may end at although they have no size. */
export function isPointable(kind: number): boolean {
  return kind === 0 || kind === K.BTF_KIND_FWD || kind === K.BTF_KIND_FUNC_PROTO;
}

/** Whether a type of this kind ends the chain being resolved, so that it need not be resolved first. */
export function isSink(env: ValidateEnv, kind: number): boolean {
  switch (env.resolveMode) {
    case RESOLVE_TBD:
      return !needsResolve(kind, env.rules);
    case RESOLVE_PTR:
      return !isModifier(kind) && kind !== K.BTF_KIND_PTR;
    default:
      return !isModifier(kind) && kind !== K.BTF_KIND_ARRAY && !isComposite(kind);
  }
}

/**
 * The type that gives a type's values their size, and that size in bytes: itself, or what it resolves to.
 * Undefined where there is none.
 */
export function typeAndSize(env: ValidateEnv, id: number): { id: number; size: number } | undefined {
  if (!env.exists(id)) return undefined;
  const direct = sizeOf(env, id);
  if (direct !== undefined) return { id, size: direct };
  const kind = env.kind(id);
  if (!isModifier(kind) && kind !== K.BTF_KIND_VAR) return undefined;
  const resolved = env.resolvedId(id);
  const size = sizeOf(env, resolved);
  return size === undefined ? undefined : { id: resolved, size };
}

function sizeOf(env: ValidateEnv, id: number): number | undefined {
  const kind = env.kind(id);
  if (hasOwnSize(kind)) return env.sizeOrType(id);
  if (kind === K.BTF_KIND_ARRAY) return env.resolvedSize(id);
  if (kind === K.BTF_KIND_PTR) return 8;
  return undefined;
}

/** Whether an INT fills whole bytes of a usual width: 8 to 128 bits. */
export function isRegularInt(env: ValidateEnv, id: number): boolean {
  const data = env.extra(id, 0);
  const bits = data & 0xff;
  const bytes = bits >>> 3;
  return (
    bits % 8 === 0 &&
    ((data >>> 16) & 0xff) === 0 &&
    (bytes === 1 || bytes === 2 || bytes === 4 || bytes === 8 || bytes === 16)
  );
}

export function bytesOfBits(bits: number): number {
  return Math.ceil(bits / 8);
}
