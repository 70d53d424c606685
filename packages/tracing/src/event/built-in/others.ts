// SPDX-License-Identifier: MIT
// Interrupts, signals, memory, power, and all system calls. @see include/trace/events
import { registerOff, type RegisterName } from '../../probe/registers.ts';
import type { TracepointArgs } from '../tracepoint-args.ts';
import { comm, int, long, text, type EventDef } from './event-def.ts';

/** What stands for a siginfo that does not exist. @see kernel/signal.c, SEND_SIG_PRIV */
const SEND_SIG_PRIV = 1n;
const SI_KERNEL = 0x80;

function siginfo(args: TracepointArgs): { errno: number; code: number } {
  const info = args.struct('kernel_siginfo', { index: 1 });
  if (info.addr === SEND_SIG_PRIV) return { errno: 0, code: SI_KERNEL };
  return { errno: info.int('si_errno'), code: info.int('si_code') };
}

function softirq(name: string): EventDef {
  const assign = (args: TracepointArgs) => ({ vec: args.int(0) });
  return { event: `irq:${name}`, recordClass: 'softirq', fields: [int('vec', 'unsigned int')], assign };
}

const SYSCALL_ARGS: readonly RegisterName[] = ['di', 'si', 'dx', 'r10', 'r8', 'r9'];

const register = ({ kernel: { mem } }: TracepointArgs, regs: bigint, name: RegisterName): bigint =>
  mem.read64(mem.toOff(regs) + registerOff(name));

/** The six words a system call was made with. */
const syscallArgs = (args: TracepointArgs, regs: bigint): Uint8Array =>
  new Uint8Array(new BigUint64Array(SYSCALL_ARGS.map((name) => register(args, regs, name))).buffer);

export const otherEvents: readonly EventDef[] = [
  {
    event: 'raw_syscalls:sys_enter',
    recordClass: 'sys_enter',
    fields: [long('id'), { name: 'args', type: 'unsigned long[6]', size: 48, align: 8 }],
    assign: (args) => ({ id: args.word(1), args: syscallArgs(args, args.word(0)) }),
  },
  {
    event: 'raw_syscalls:sys_exit',
    recordClass: 'sys_exit',
    fields: [long('id'), long('ret')],
    // The number is in the registers still.
    assign: (args) => ({ id: register(args, args.word(0), 'orig_ax'), ret: args.word(1) }),
  },
  softirq('softirq_raise'),
  softirq('softirq_entry'),
  softirq('softirq_exit'),
  {
    event: 'irq:irq_handler_entry',
    recordClass: 'irq_handler_entry',
    fields: [int('irq'), text('name')],
    assign: (args) => ({ irq: args.int(0), name: args.struct('irqaction', { index: 1 }).text('name') }),
  },
  {
    event: 'irq:irq_handler_exit',
    recordClass: 'irq_handler_exit',
    fields: [int('irq'), int('ret')],
    assign: (args) => ({ irq: args.int(0), ret: args.int(2) }),
  },
  {
    event: 'signal:signal_generate',
    recordClass: 'signal_generate',
    fields: [
      ...[int('sig'), int('errno'), int('code'), comm('comm'), int('pid', 'pid_t'), int('group'), int('result')],
    ],
    assign(args) {
      const task = args.struct('task_struct', { index: 2 });
      return {
        sig: args.int(0),
        ...siginfo(args),
        comm: task.bytes('comm') ?? new Uint8Array(),
        pid: task.int('pid'),
        group: args.int(3),
        result: args.int(4),
      };
    },
  },
  {
    event: 'vmscan:mm_vmscan_direct_reclaim_begin',
    recordClass: 'mm_vmscan_direct_reclaim_begin_template',
    fields: [int('order'), int('gfp_flags', 'gfp_t')],
    assign: (args) => ({ order: args.int(0), gfp_flags: args.int(1) }),
  },
  {
    event: 'vmscan:mm_vmscan_direct_reclaim_end',
    recordClass: 'mm_vmscan_direct_reclaim_end_template',
    fields: [long('nr_reclaimed', 'unsigned long')],
    assign: (args) => ({ nr_reclaimed: args.word(0) }),
  },
  {
    event: 'kmem:kmalloc',
    recordClass: 'kmem_alloc',
    fields: [
      ...[long('call_site', 'unsigned long'), long('ptr', 'const void *'), long('bytes_req', 'size_t')],
      ...[long('bytes_alloc', 'size_t'), int('gfp_flags', 'gfp_t')],
    ],
    assign: (args) => ({
      ...{ call_site: args.word(0), ptr: args.word(1), bytes_req: args.word(2), bytes_alloc: args.word(3) },
      gfp_flags: args.int(4),
    }),
  },
  {
    event: 'oom:mark_victim',
    recordClass: 'mark_victim',
    fields: [int('pid')],
    assign: (args) => ({ pid: args.int(0) }),
  },
  {
    event: 'power:cpu_frequency',
    recordClass: 'cpu',
    fields: [int('state', 'u32'), int('cpu_id', 'u32')],
    assign: (args) => ({ state: args.int(0), cpu_id: args.int(1) }),
  },
];
