// SPDX-License-Identifier: MIT
// The log buffer of PROG_LOAD and BTF_LOAD. @see kernel/bpf/verifier.c, bpf_check
import type { LogRequest } from '@tsbpf/core';

const MIN_LOG = 128;
/** BPF_LOG_LEVEL1, LEVEL2 and STATS. */
const LEVELS = 7;

/**
 * What v5.6 lets a user ask for: all of level, buffer and size, or none. Undefined where the combination is EINVAL.
 */
export function logRequest(options: {
  level: number;
  buf: Uint8Array | undefined;
  maxBytes: number;
  /** Levels are not checked (BTF_LOAD). */
  anyLevel?: boolean;
}): LogRequest | undefined {
  const { level, buf, maxBytes } = options;
  if (level === 0 && buf === undefined) return { level: 0, sizeBytes: 0 };
  if (buf === undefined || buf.length < MIN_LOG || buf.length > maxBytes || level === 0) return undefined;
  if (options.anyLevel !== true && (level & ~LEVELS) !== 0) return undefined;
  return { level, sizeBytes: buf.length };
}

/** Copies the text and its NUL to the user's buffer. */
export function writeLog(buf: Uint8Array | undefined, text: string, log: LogRequest): void {
  if (log.level === 0 || buf === undefined) return;
  const len = Math.min(text.length, buf.length - 1);
  for (let i = 0; i < len; i++) buf[i] = text.charCodeAt(i);
  buf[len] = 0;
}
