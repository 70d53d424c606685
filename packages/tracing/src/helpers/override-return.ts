// SPDX-License-Identifier: MIT
import { defineHelper, type HelperRow } from '@tsbpf/core';
import { wideArg } from '@tsbpf/helpers';
import { registerOff } from '../probe/registers.ts';

/** Where the instruction pointer goes instead of into the function. @see arch/x86/lib/error-inject.c */
const JUST_RETURN = 'just_return_func';

/** Makes the probed function return a value without running. @see kernel/trace/bpf_trace.c, bpf_override_return */
export const overrideReturnHelpers: readonly HelperRow[] = [
  defineHelper('bpf_override_return', {
    retWidth: 'sext',
    wideArgs: [2],
    call(call, regs, low) {
      const { mem, text } = call.kernel;
      mem.write64((regs >>> 0) + registerOff('ax'), wideArg(call, 2, low));
      mem.write64((regs >>> 0) + registerOff('ip'), text.define(JUST_RETURN).addr);
      return 0;
    },
  }),
];
