// SPDX-License-Identifier: MIT
// BPF_BTF_LOAD. @see kernel/bpf/btf.c, btf_new_fd
import { CAP_SYS_ADMIN, E2BIG, EINVAL, EPERM } from '@tsbpf/uapi';
import { BTF_MAX_SIZE, Btf, validateBtf } from '@tsbpf/btf';
import { createKernelBtf } from '../state/kernel-btf.ts';
import { logRequest, writeLog } from '../load/log-buffer.ts';
import type { Command } from '../command.ts';
import { installBtf } from './btf-file.ts';

/** The largest log buffer BTF_LOAD takes, in bytes. */
const MAX_LOG = 0xffffffff >>> 8;

export const btfLoad: Command<18> = (k, attr) => {
  if (!k.env.capable(CAP_SYS_ADMIN)) return -EPERM;
  if (attr.btf.length > BTF_MAX_SIZE) return -E2BIG;
  const log = logRequest({ level: attr.btf_log_level ?? 0, buf: attr.btf_log_buf, maxBytes: MAX_LOG, anyLevel: true });
  if (log === undefined) return -EINVAL;
  const bytes = attr.btf.slice();
  const result = validateBtf(bytes, {
    version: k.version,
    logLevel: log.level,
    ...(log.level === 0 ? {} : { logSize: log.sizeBytes }),
  });
  writeLog(attr.btf_log_buf, result.log, log);
  if (result.errno !== 0) return -result.errno;
  return installBtf(k, createKernelBtf(new Btf(bytes), bytes, k.btfs));
};
