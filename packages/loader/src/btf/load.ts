// SPDX-License-Identifier: MIT
import type { Btf } from '@tsbpf/btf';
import { BPF_BTF_LOAD, ENOSPC, errnoText, LoaderError, type Sys } from '@tsbpf/uapi';
import type { Features } from '../features/probes.ts';
import type { Print } from '../log.ts';
import { sanitizeBtf } from './sanitize.ts';

const LOG_START_BYTES = 64 * 1024;
const LOG_MAX_BYTES = 16 * 1024 * 1024 - 1;

/** The text of a log buffer. */
export function logText(buffer: Uint8Array): string {
  const end = buffer.indexOf(0);
  return new TextDecoder().decode(end < 0 ? buffer : buffer.subarray(0, end));
}

/** BTF_LOAD: first without a log, then, where that failed, with one to say why. */
function loadBlob(sys: Sys, btf: Uint8Array): { fd: number; log: string } {
  let fd = sys.bpf(BPF_BTF_LOAD, { btf });
  let log = '';
  for (let size = LOG_START_BYTES; fd < 0 && size <= LOG_MAX_BYTES; size *= 4) {
    const buffer = new Uint8Array(size);
    const result = sys.bpf(BPF_BTF_LOAD, { btf, btf_log_buf: buffer, btf_log_level: 1 });
    log = logText(buffer);
    if (result === -ENOSPC) continue;
    fd = result;
    break;
  }
  return { fd, log };
}

/**
 * Gives the object's BTF to the kernel. The result is its fd; undefined where the kernel does not take it and the
 * object can do without.
 */
export function loadBtf(init: {
  sys: Sys;
  btf: Btf;
  features: Features;
  mandatory: boolean;
  print: Print;
}): number | undefined {
  const { sys, btf, features, mandatory, print } = init;
  if (!features.has('btf')) {
    if (mandatory) {
      const text = "Kernel doesn't support BTF, but it's required by the object";
      print('warn', text);
      throw new LoaderError(text, { errno: 95 });
    }
    print('debug', "Kernel doesn't support BTF, skipping uploading it.");
    return undefined;
  }
  const { fd, log } = loadBlob(sys, sanitizeBtf(btf, features));
  if (fd >= 0) return fd;
  if (log !== '') {
    print('warn', '-- BEGIN BTF LOAD LOG ---');
    print('warn', log);
    print('warn', '-- END BTF LOAD LOG --');
  }
  const reason = `${errnoText(-fd)}`;
  print('warn', `BTF loading error: ${reason}`);
  print(
    'warn',
    `Error loading .BTF into kernel: ${fd}. BTF is ${mandatory ? "mandatory, can't proceed" : 'optional, ignoring'}.`,
  );
  if (!mandatory) return undefined;
  throw new LoaderError(`Error loading .BTF into kernel: ${fd}. BTF is mandatory, can't proceed.\n${log}`.trimEnd(), {
    errno: -fd,
  });
}
