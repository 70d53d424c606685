// SPDX-License-Identifier: MIT
// @see include/trace/events/block.h
import type { EventValues } from '../trace-event.ts';
import type { KernelStruct, TracepointArgs } from '../tracepoint-args.ts';
import { bytes, comm, int, long, text, type EventDef } from './event-def.ts';

const SECTOR_SHIFT = 9;
/** Of `request.cmd_flags`: the operation, and flags that are shown. @see include/linux/blk_types.h */
const OP_MASK = 0xff;
const [PREFLUSH, FUA, RAHEAD, SYNC, META] = [1 << 18, 1 << 17, 1 << 19, 1 << 11, 1 << 12];
/** By operation; others are N. */
const OPERATIONS: Readonly<Record<number, string>> = { 0: 'R', 1: 'W', 2: 'F', 3: 'D', 5: 'DE', 7: 'W' };

/** The letters by which traces tell requests apart. @see kernel/trace/blktrace.c, blk_fill_rwbs */
export function rwbs(cmdFlags: number): string {
  const flag = (bit: number, letter: string): string => ((cmdFlags & bit) !== 0 ? letter : '');
  const operation = OPERATIONS[cmdFlags & OP_MASK] ?? 'N';
  return `${flag(PREFLUSH, 'F')}${operation}${flag(FUA, 'F')}${flag(RAHEAD, 'A')}${flag(SYNC, 'S')}${flag(META, 'M')}`;
}

const request = (args: TracepointArgs, index: number): KernelStruct => args.struct('request', { index });

function place(rq: KernelStruct): EventValues {
  const disk = rq.follow('rq_disk', 'gendisk');
  return {
    dev: (disk.int('major') << 20) | disk.int('first_minor'),
    sector: rq.word('__sector'),
    rwbs: rwbs(rq.int('cmd_flags')),
    cmd: '',
  };
}

function requestEvent(name: string): EventDef {
  return {
    event: `block:${name}`,
    recordClass: 'block_rq',
    fields: [
      ...[int('dev', 'dev_t'), long('sector', 'sector_t'), int('nr_sector', 'unsigned int')],
      ...[int('bytes', 'unsigned int'), bytes('rwbs', 8), comm('comm'), text('cmd')],
    ],
    assign(args) {
      const rq = request(args, 1);
      const lenBytes = rq.int('__data_len') >>> 0;
      return { ...place(rq), nr_sector: lenBytes >>> SECTOR_SHIFT, bytes: lenBytes, comm: args.current.comm };
    },
  };
}

export const blockEvents: readonly EventDef[] = [
  requestEvent('block_rq_insert'),
  requestEvent('block_rq_issue'),
  {
    event: 'block:block_rq_complete',
    recordClass: 'block_rq_complete|block_rq_completion',
    fields: [
      ...[int('dev', 'dev_t'), long('sector', 'sector_t'), int('nr_sector', 'unsigned int'), int('error')],
      ...[bytes('rwbs', 8), text('cmd')],
    ],
    assign: (args) => ({
      ...place(request(args, 0)),
      nr_sector: (args.int(2) >>> 0) >>> SECTOR_SHIFT,
      error: args.int(1),
    }),
  },
];
