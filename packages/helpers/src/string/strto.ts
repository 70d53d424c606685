// SPDX-License-Identifier: MIT
import { EINVAL, ERANGE } from '@tsbpf/uapi';
import { defineHelper, type HelperImpl, type HelperRow } from '@tsbpf/core';
import { wideArg } from '../words.ts';
import { parseInteger } from './number-parse.ts';

/** (buf, size, flags, result): stores 64 bits and answers the bytes consumed. `value` may refuse with -errno. */
function converter(value: (magnitude: bigint, negative: boolean) => bigint | number): HelperImpl {
  return {
    retWidth: 'sext',
    wideArgs: [3],
    call(call, buf, size, flags, result) {
      const { mem } = call.kernel;
      mem.write64(result, 0n);
      const parsed = parseInteger(mem.readBytes(buf, size), wideArg(call, 3, flags));
      if (typeof parsed === 'number') return parsed;
      const out = value(parsed.magnitude, parsed.negative);
      if (typeof out === 'number') return out;
      mem.write64(result, out);
      return parsed.consumed;
    },
  };
}

const INT64_MAX = 0x7fffffffffffffffn;

/** Numbers out of text, such as the value of a sysctl. @see kernel/bpf/helpers.c, bpf_strtol, bpf_strtoul */
export const strtoHelpers: readonly HelperRow[] = [
  defineHelper(
    'bpf_strtol',
    converter((magnitude, negative) => {
      if (magnitude > INT64_MAX + (negative ? 1n : 0n)) return -ERANGE;
      return negative ? -magnitude : magnitude;
    }),
  ),
  defineHelper(
    'bpf_strtoul',
    converter((magnitude, negative) => (negative ? -EINVAL : magnitude)),
  ),
];
