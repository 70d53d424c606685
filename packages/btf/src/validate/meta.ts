// SPDX-License-Identifier: MIT
// Checks of a type by itself that several kinds share. Each returns 0 or a positive errno.
import type { ValidateEnv } from './env.ts';
import { BTF_MAX_TYPE } from '../kinds.ts';

export function checkRoom(env: ValidateEnv, id: number, metaLeft: number, needed: number): number {
  return metaLeft < needed ? env.failBasic(id, `meta_left:${metaLeft} meta_needed:${needed}`) : 0;
}

export function checkNoVlen(env: ValidateEnv, id: number): number {
  return env.vlen(id) !== 0 ? env.fail(id, 'vlen != 0') : 0;
}

export function checkNoKflag(env: ValidateEnv, id: number): number {
  return env.kflag(id) ? env.fail(id, 'Invalid btf_info kind_flag') : 0;
}

export function typeIdValid(id: number): boolean {
  return id <= BTF_MAX_TYPE;
}

export function checkAnonymous(env: ValidateEnv, id: number): number {
  return env.nameOff(id) !== 0 ? env.fail(id, 'Invalid name') : 0;
}

/** A name that must be there and be an identifier. */
export function checkNamed(env: ValidateEnv, id: number): number {
  const off = env.nameOff(id);
  return off === 0 || !env.identifierValid(off) ? env.fail(id, 'Invalid name') : 0;
}

/** A name that may be missing. */
export function checkMaybeNamed(env: ValidateEnv, id: number): number {
  const off = env.nameOff(id);
  return off !== 0 && !env.identifierValid(off) ? env.fail(id, 'Invalid name') : 0;
}

/** The line that the log has for every type that passes. */
export function logAccepted(env: ValidateEnv, id: number): number {
  env.logType(id, { details: true });
  return 0;
}
