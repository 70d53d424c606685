// SPDX-License-Identifier: MIT
import { EFAULT } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperImpl, type HelperRow } from '@tsbpf/core';
import { wideArg } from '../words.ts';
import { copyString, copyUserString } from './string-copy.ts';
import { copyFrom, type AddressSpace } from './unsafe-memory.ts';

type Read = (call: HelperCall, dst: number, size: number, addr: bigint) => number;

/** A helper of the signature (dst, size, unsafe address) that leaves `dst` zeroed where it fails. */
function reader(read: Read): HelperImpl {
  return {
    retWidth: 'sext',
    wideArgs: [3],
    call(call, dst, size, addr) {
      const result = read(call, dst >>> 0, size >>> 0, wideArg(call, 3, addr));
      if (result < 0) call.kernel.mem.fill(dst, size >>> 0, 0);
      return result;
    },
  };
}

const block = (space: AddressSpace): HelperImpl =>
  reader(({ kernel }, dst, lenBytes, addr) => (copyFrom(kernel, { space, addr, lenBytes }, dst) ? 0 : -EFAULT));

const string = (space: 'kernel' | 'any'): HelperImpl =>
  reader(({ kernel }, dst, size, addr) => copyString(kernel, { space, addr, size }, dst));

/** Reads of memory that may not be there. @see kernel/trace/bpf_trace.c, mm/maccess.c */
export const probeReadHelpers: readonly HelperRow[] = [
  defineHelper('bpf_probe_read_compat', block('any')),
  defineHelper('bpf_probe_read_kernel', block('kernel')),
  defineHelper('bpf_probe_read_user', block('user')),
  defineHelper('bpf_probe_read_compat_str', string('any')),
  defineHelper('bpf_probe_read_kernel_str', string('kernel')),
  defineHelper(
    'bpf_probe_read_user_str',
    reader(({ kernel }, dst, size, addr) => copyUserString(kernel, { addr, size }, dst)),
  ),
];
