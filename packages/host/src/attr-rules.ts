// SPDX-License-Identifier: MIT
// What the layouts of `union bpf_attr` do not say: which fields are pointers, what counts their bytes, and which
// fields the kernel writes.
// @see include/uapi/linux/bpf.h, kernel/bpf/syscall.c
import type { BPF_ATTR_GROUPS, BPF_INFO_LAYOUTS } from '@tsbpf/uapi';

/** Name of a group of commands that share a part of the union. */
export type AttrGroup = keyof typeof BPF_ATTR_GROUPS;
/** Name of a structure that BPF_OBJ_GET_INFO_BY_FD fills. */
export type InfoStruct = keyof typeof BPF_INFO_LAYOUTS;

/**
 * How many bytes a pointer field points at: `cstr` a NUL-terminated string; `key` and `value` the map's sizes; `cursor` a key or
 * 4 bytes, whichever is longer;
 * otherwise `count` names the field that counts records of `recBytes` (a number, or a field with the size).
 */
export type Extent =
  | { kind: 'cstr' }
  | { kind: 'key' | 'value' | 'cursor' }
  | { kind: 'counted'; count: string; recBytes: number | string };

const counted = (count: string, recBytes: number | string = 1): Extent => ({ kind: 'counted', count, recBytes });
const CSTR: Extent = { kind: 'cstr' };

/** The pointer fields of each group. */
export const ATTR_POINTERS: Readonly<Partial<Record<AttrGroup, Readonly<Record<string, Extent>>>>> = {
  elem: { key: { kind: 'key' }, value: { kind: 'value' }, next_key: { kind: 'key' } },
  batch: {
    in_batch: { kind: 'cursor' },
    out_batch: { kind: 'cursor' },
    keys: { kind: 'key' },
    values: { kind: 'value' },
  },
  prog_load: {
    insns: counted('insn_cnt', 8),
    license: CSTR,
    log_buf: counted('log_size'),
    func_info: counted('func_info_cnt', 'func_info_rec_size'),
    line_info: counted('line_info_cnt', 'line_info_rec_size'),
  },
  obj: { pathname: CSTR },
  test: {
    data_in: counted('data_size_in'),
    data_out: counted('data_size_out'),
    ctx_in: counted('ctx_size_in'),
    ctx_out: counted('ctx_size_out'),
  },
  query: { prog_ids: counted('prog_cnt', 4) },
  raw_tracepoint: { name: CSTR },
  btf_load: { btf: counted('btf_size'), btf_log_buf: counted('btf_log_size') },
  task_fd_query: { buf: counted('buf_len') },
};

/** The pointer fields of the info structures; the kernel writes all of them. */
export const INFO_POINTERS: Readonly<Record<InfoStruct, Readonly<Record<string, Extent>>>> = {
  bpf_prog_info: {
    jited_prog_insns: counted('jited_prog_len'),
    xlated_prog_insns: counted('xlated_prog_len'),
    map_ids: counted('nr_map_ids', 4),
    jited_ksyms: counted('nr_jited_ksyms', 8),
    jited_func_lens: counted('nr_jited_func_lens', 4),
    func_info: counted('nr_func_info', 'func_info_rec_size'),
    line_info: counted('nr_line_info', 'line_info_rec_size'),
    jited_line_info: counted('nr_jited_line_info', 'jited_line_info_rec_size'),
    prog_tags: counted('nr_prog_tags', 8),
  },
  bpf_map_info: {},
  bpf_btf_info: { btf: counted('btf_size') },
};

/** The fields each command writes: numbers in the union, and buffers behind its pointers. */
export const OUT_FIELDS: Readonly<Record<number, readonly string[]>> = {
  1: ['value'],
  4: ['next_key'],
  5: ['log_buf'],
  10: ['retval', 'duration', 'data_size_out', 'ctx_size_out', 'data_out', 'ctx_out'],
  11: ['next_id'],
  12: ['next_id'],
  15: ['info_len'],
  16: ['attach_flags', 'prog_cnt', 'prog_ids'],
  18: ['btf_log_buf'],
  20: ['buf', 'buf_len', 'prog_id', 'fd_type', 'probe_offset', 'probe_addr'],
  21: ['value'],
  23: ['next_id'],
  24: ['count', 'out_batch', 'keys', 'values'],
  25: ['count', 'out_batch', 'keys', 'values'],
  26: ['count'],
  27: ['count'],
};
