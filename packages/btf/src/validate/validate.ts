// SPDX-License-Identifier: MIT
import { E2BIG, EINVAL, ENOSPC } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import { extraBytes } from '../model/offsets.ts';
import { ValidateEnv } from './env.ts';
import { checkHeader } from './header.ts';
import { checkFunc } from './kind/func.ts';
import { checkFuncProto } from './kind/func-proto.ts';
import { kindRules } from './kind/table.ts';
import { KernelLog } from './log.ts';
import { resolveType } from './resolve.ts';
import { checkTypeTags } from './type-tags.ts';
import { rulesOf } from './versions.ts';
import { needsResolve } from './walk.ts';

export interface ValidateBtfOptions {
  /** Linux version whose rules apply; 5.6 where not given. */
  readonly version?: string;
  /** `btf_log_level`: 0 for no log. Any other level gives the same text. */
  readonly logLevel?: number;
  /** `btf_log_size` in bytes, the terminating NUL included; without it the log is never full. */
  readonly logSize?: number;
}

export interface ValidateBtfResult {
  /** 0, or the positive errno that BPF_BTF_LOAD returns. */
  readonly errno: number;
  /** What the kernel writes to `btf_log_buf`, without the NUL. One character per byte. */
  readonly log: string;
}

/** Each type by itself, in order. */
function checkMetas(env: ValidateEnv): number {
  const end = env.types.byteLength;
  for (let off = 0; off < end;) {
    const id = env.nrTypes + 1;
    env.logTypeId = id;
    const left = end - off;
    if (left < 12) return env.failPlain(`[${id}] meta_left:${left} meta_needed:12`);
    const info = env.types.getUint32(off + 4, true);
    if ((info & ~env.rules.infoMask) !== 0) return env.failPlain(`[${id}] Invalid btf_info:${info.toString(16)}`);
    const kind = K.infoKind(info);
    if (kind === 0 || kind > env.rules.kindMax) return env.failPlain(`[${id}] Invalid kind:${kind}`);
    const nameOff = env.types.getUint32(off, true);
    if (!env.nameOffsetValid(nameOff)) return env.failPlain(`[${id}] Invalid name_offset:${nameOff}`);
    // The record counts as a type while it is checked, so that the log can print it.
    env.addType(off);
    const err = kindRules(kind).checkMeta(env, id, left - 12);
    if (err) return err;
    if (id >= K.BTF_MAX_TYPE) {
      env.failPlain('Exceeded max num of types');
      return E2BIG;
    }
    off += 12 + extraBytes(kind, K.infoVlen(info));
  }
  return 0;
}

/** Each type with those it refers to. */
function checkTypes(env: ValidateEnv): number {
  env.startResolving();
  for (let id = 1; id <= env.nrTypes; id++) {
    env.logTypeId = id;
    const kind = env.kind(id);
    let err = 0;
    if (needsResolve(kind, env.rules) && !env.isResolved(id)) err = resolveType(env, id);
    if (!err && kind === K.BTF_KIND_FUNC_PROTO) err = checkFuncProto(env, id);
    if (!err && kind === K.BTF_KIND_FUNC && !env.rules.resolvesFuncs) err = checkFunc(env, id);
    if (err) return err;
  }
  return env.rules.tagChecks ? checkTypeTags(env) : 0;
}

/**
 * Judges a BTF blob as BPF_BTF_LOAD does: same errno, same log. Never throws for what the bytes say.
 * @errno EINVAL, E2BIG, EEXIST, ENOTSUPP as the kernel; ENOSPC where the log does not fit
 * @see kernel/bpf/btf.c
 */
export function validateBtf(bytes: Uint8Array, options: ValidateBtfOptions = {}): ValidateBtfResult {
  const { version = '5.6', logLevel = 0, logSize } = options;
  const rules = rulesOf(version);
  if (bytes.length > K.BTF_MAX_SIZE) return { errno: E2BIG, log: '' };
  // A log size without a level, a level without a buffer, and sizes out of range are refused before anything is read.
  if (logSize !== undefined && (logLevel !== 0 || logSize !== 0)) {
    if (logLevel === 0 || logSize < 128 || logSize > 0xffffff) return { errno: EINVAL, log: '' };
  }
  const log = new KernelLog(logLevel === 0 ? 0 : (logSize ?? Number.MAX_SAFE_INTEGER));
  const errno = check(bytes, log, rules);
  return { errno: logLevel !== 0 && log.full ? ENOSPC : errno, log: log.text() };
}

function check(bytes: Uint8Array, log: KernelLog, rules: ReturnType<typeof rulesOf>): number {
  const header = checkHeader(bytes, log);
  if (typeof header === 'number') return header;
  const env = new ValidateEnv({ types: header.types, strings: header.strings, rules, log, kindRules });
  return checkMetas(env) || checkTypes(env);
}
