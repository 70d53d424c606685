// SPDX-License-Identifier: MIT
// `union bpf_attr`, one interface per group of commands. Field names are the kernel's. A pointer and its length
// are one Uint8Array; a counted array is its bytes; a C string is a string; 64-bit fields are bigint; a field left
// out is zero. Fields marked "out" are written back as C does.
// @see include/uapi/linux/bpf.h, union bpf_attr
import type { VerifierDiagnostic } from './diagnostic.ts';

/** BPF_MAP_CREATE. */
export interface MapCreateAttr {
  map_type: number;
  /** Bytes. */
  key_size?: number;
  /** Bytes. */
  value_size?: number;
  max_entries?: number;
  map_flags?: number;
  inner_map_fd?: number;
  numa_node?: number;
  /** At most 15 bytes of letters, digits, `_` and `.`. */
  map_name?: string;
  map_ifindex?: number;
  btf_fd?: number;
  btf_key_type_id?: number;
  btf_value_type_id?: number;
  btf_vmlinux_value_type_id?: number;
}

/** BPF_MAP_*_ELEM, BPF_MAP_GET_NEXT_KEY, BPF_MAP_FREEZE. */
export interface ElemAttr {
  map_fd: number;
  /** key_size bytes; for GET_NEXT_KEY undefined means "first". A shorter buffer is EFAULT. */
  key?: Uint8Array;
  /** value_size bytes, or one 8-aligned slot for each possible CPU; in for update, out for lookup. */
  value?: Uint8Array;
  /** Out: key_size bytes. */
  next_key?: Uint8Array;
  flags?: bigint;
}

/** BPF_MAP_*_BATCH. The kernel's names, without the `batch.` prefix. */
export interface BatchAttr {
  map_fd: number;
  /** Opaque cursor, as an earlier call wrote it to out_batch. */
  in_batch?: Uint8Array;
  /** Out: opaque cursor. */
  out_batch?: Uint8Array;
  keys?: Uint8Array;
  values?: Uint8Array;
  /** In and out: elements. */
  count?: number;
  elem_flags?: bigint;
  flags?: bigint;
}

/** BPF_PROG_LOAD. */
export interface ProgLoadAttr {
  prog_type: number;
  /** Instructions, 8 bytes each. */
  insns: Uint8Array;
  license: string;
  log_level?: number;
  /** Out: NUL-terminated text; its length is log_size. */
  log_buf?: Uint8Array;
  kern_version?: number;
  prog_flags?: number;
  prog_name?: string;
  prog_ifindex?: number;
  expected_attach_type?: number;
  prog_btf_fd?: number;
  func_info_rec_size?: number;
  /** Records of func_info_rec_size bytes. */
  func_info?: Uint8Array;
  line_info_rec_size?: number;
  /** Records of line_info_rec_size bytes. */
  line_info?: Uint8Array;
  attach_btf_id?: number;
  attach_prog_fd?: number;
  /** Out, and only by the simulated kernel: why the program was rejected. */
  diagnostic?: VerifierDiagnostic;
}

/** BPF_OBJ_PIN, BPF_OBJ_GET. */
export interface ObjAttr {
  pathname: string;
  bpf_fd?: number;
  file_flags?: number;
}

/** BPF_PROG_ATTACH, BPF_PROG_DETACH. */
export interface ProgAttachAttr {
  target_fd?: number;
  attach_bpf_fd?: number;
  attach_type: number;
  attach_flags?: number;
  replace_bpf_fd?: number;
}

/** BPF_PROG_TEST_RUN. The kernel's names, without the `test.` prefix. */
export interface TestRunAttr {
  prog_fd: number;
  /** Out. */
  retval?: number;
  data_in?: Uint8Array;
  /** Out: room for the data; data_size_out says how much there was. */
  data_out?: Uint8Array;
  /** Out: bytes. In (raw form): the length of data_out. */
  data_size_out?: number;
  repeat?: number;
  /** Out: mean nanoseconds of one run. */
  duration?: number;
  ctx_in?: Uint8Array;
  /** Out: room for the context; ctx_size_out says how much there was. */
  ctx_out?: Uint8Array;
  ctx_size_out?: number;
}

/** BPF_*_GET_NEXT_ID. */
export interface GetNextIdAttr {
  start_id: number;
  /** Out. */
  next_id?: number;
  open_flags?: number;
}

/** BPF_*_GET_FD_BY_ID. */
export interface GetFdByIdAttr {
  prog_id?: number;
  map_id?: number;
  btf_id?: number;
  open_flags?: number;
}

/** BPF_OBJ_GET_INFO_BY_FD. */
export interface InfoByFdAttr {
  bpf_fd: number;
  /**
   * In and out: `struct bpf_prog_info`, `bpf_map_info` or `bpf_btf_info`, as an object with the kernel's field
   * names. Array fields (`map_ids`, `xlated_prog_insns`, `func_info`, …) are buffers to fill, and their counts
   * follow the kernel's in and out rules. Integers of 64 bits are bigint; `tag` and names are bytes and strings.
   */
  info: ProgInfo | MapInfo | BtfInfo;
  /** Out: bytes of the structure the kernel knows. */
  info_len?: number;
}

/** `struct bpf_prog_info`. */
export interface ProgInfo {
  type?: number;
  id?: number;
  /** 8 bytes. */
  tag?: Uint8Array;
  jited_prog_len?: number;
  xlated_prog_len?: number;
  jited_prog_insns?: Uint8Array;
  xlated_prog_insns?: Uint8Array;
  /** Nanoseconds since boot. */
  load_time?: bigint;
  created_by_uid?: number;
  nr_map_ids?: number;
  /** Room for 4-byte ids. */
  map_ids?: Uint8Array;
  name?: string;
  ifindex?: number;
  gpl_compatible?: number;
  netns_dev?: bigint;
  netns_ino?: bigint;
  nr_jited_ksyms?: number;
  nr_jited_func_lens?: number;
  jited_ksyms?: Uint8Array;
  jited_func_lens?: Uint8Array;
  btf_id?: number;
  func_info_rec_size?: number;
  func_info?: Uint8Array;
  nr_func_info?: number;
  nr_line_info?: number;
  line_info?: Uint8Array;
  jited_line_info?: Uint8Array;
  nr_jited_line_info?: number;
  line_info_rec_size?: number;
  jited_line_info_rec_size?: number;
  nr_prog_tags?: number;
  prog_tags?: Uint8Array;
  run_time_ns?: bigint;
  run_cnt?: bigint;
}

/** `struct bpf_map_info`. */
export interface MapInfo {
  type?: number;
  id?: number;
  key_size?: number;
  value_size?: number;
  max_entries?: number;
  map_flags?: number;
  name?: string;
  ifindex?: number;
  btf_vmlinux_value_type_id?: number;
  netns_dev?: bigint;
  netns_ino?: bigint;
  btf_id?: number;
  btf_key_type_id?: number;
  btf_value_type_id?: number;
}

/** `struct bpf_btf_info`. */
export interface BtfInfo {
  /** Room for the BTF blob. */
  btf?: Uint8Array;
  /** Out: bytes of the whole blob. */
  btf_size?: number;
  id?: number;
}

/** BPF_PROG_QUERY. The kernel's names, without the `query.` prefix. */
export interface ProgQueryAttr {
  target_fd?: number;
  attach_type: number;
  query_flags?: number;
  /** Out. */
  attach_flags?: number;
  /** Out: room for 4-byte ids. */
  prog_ids?: Uint8Array;
  /** Out: the real number. */
  prog_cnt?: number;
}

/** BPF_RAW_TRACEPOINT_OPEN. */
export interface RawTracepointAttr {
  /** Undefined for TRACING and EXT programs. */
  name?: string;
  prog_fd: number;
}

/** BPF_BTF_LOAD. */
export interface BtfLoadAttr {
  btf: Uint8Array;
  /** Out. */
  btf_log_buf?: Uint8Array;
  btf_log_level?: number;
}

/** BPF_TASK_FD_QUERY. The kernel's names, without the `task_fd_query.` prefix. */
export interface TaskFdQueryAttr {
  pid: number;
  fd: number;
  flags?: number;
  /** Out: NUL-terminated name. */
  buf?: Uint8Array;
  /** Out: length of the name. */
  buf_len?: number;
  /** Out. */
  prog_id?: number;
  fd_type?: number;
  probe_offset?: bigint;
  probe_addr?: bigint;
}

/** The attribute type of every command of Linux v5.6, by command number. */
export interface BpfAttrs {
  0: MapCreateAttr;
  1: ElemAttr;
  2: ElemAttr;
  3: ElemAttr;
  4: ElemAttr;
  5: ProgLoadAttr;
  6: ObjAttr;
  7: ObjAttr;
  8: ProgAttachAttr;
  9: ProgAttachAttr;
  10: TestRunAttr;
  11: GetNextIdAttr;
  12: GetNextIdAttr;
  13: GetFdByIdAttr;
  14: GetFdByIdAttr;
  15: InfoByFdAttr;
  16: ProgQueryAttr;
  17: RawTracepointAttr;
  18: BtfLoadAttr;
  19: GetFdByIdAttr;
  20: TaskFdQueryAttr;
  21: ElemAttr;
  22: ElemAttr;
  23: GetNextIdAttr;
  24: BatchAttr;
  25: BatchAttr;
  26: BatchAttr;
  27: BatchAttr;
}

/** A command number of Linux v5.6. */
export type BpfCmd = keyof BpfAttrs;
