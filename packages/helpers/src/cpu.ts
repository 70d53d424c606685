// SPDX-License-Identifier: MIT
import { defineHelper, type HelperImpl, type HelperRow } from '@tsbpf/core';
import { memOp } from '@tsbpf/wasm';

const currentCpu: HelperImpl = {
  retWidth: 'zext',
  call: ({ kernel }) => kernel.env.cpu,
  emitWasm({ fn, kernel }) {
    const { cpuOff } = kernel.env;
    if (cpuOff === undefined) return false;
    fn.i32Const(cpuOff);
    fn.memory(memOp.i64Load32U);
    return true;
  },
};

/** The simulated machine has one memory node. */
const NODE = 0;

/** What a program asks of the machine it runs on. @see kernel/bpf/core.c, kernel/bpf/helpers.c */
export const cpuHelpers: readonly HelperRow[] = [
  defineHelper('bpf_get_prandom_u32', { retWidth: 'zext', call: ({ kernel }) => kernel.env.prandomU32() | 0 }),
  defineHelper('bpf_get_smp_processor_id', currentCpu),
  defineHelper('bpf_get_raw_smp_processor_id', currentCpu),
  defineHelper('bpf_get_numa_node_id', {
    retWidth: 'zext',
    call: () => NODE,
    emitWasm({ fn }) {
      fn.i64ConstS32(NODE);
      return true;
    },
  }),
];
