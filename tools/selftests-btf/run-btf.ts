// SPDX-License-Identifier: MIT
// One BTF case on one system: what is answered, and what is said.
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_ARRAY,
  BPF_OBJ_GET_INFO_BY_FD,
  BPF_PROG_LOAD,
  errnoName,
} from '../../packages/uapi/src/index.ts';
import type { MapCreateAttr, ProgInfo, ProgLoadAttr, Sys } from '../../packages/uapi/src/index.ts';
import type { InfoCase, RawCase } from './tables.ts';

const LOG_BYTES = 65535;
const NAME_BYTES = 15;

/** `OK`, or an errno's name. */
type Outcome = string;

/** What a system answers to a case. */
export interface BtfAnswer {
  readonly load: Outcome;
  readonly log: string;
  /** Of the map, or of the program; undefined where the BTF was refused. */
  readonly use?: Outcome;
  readonly useLog?: string;
  /** Counts that the kernel gives for a program that it took. */
  readonly counts?: Readonly<Record<string, number | undefined>>;
  /** Type ids of the program's functions. */
  readonly funcTypes?: readonly number[];
}

const outcome = (result: number): Outcome => (result < 0 ? errnoName(-result) : 'OK');

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder('latin1').decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}

/** Runs a case; everything it opened is closed again. */
export function runBtfCase(sys: Sys, test: RawCase | InfoCase): BtfAnswer {
  const btf_log_buf = new Uint8Array(LOG_BYTES);
  const fd = sys.bpf(BPF_BTF_LOAD, { btf: test.btf, btf_log_buf, btf_log_level: 1 });
  const answer = { load: outcome(fd), log: textOf(btf_log_buf) };
  if (fd < 0) return answer;
  try {
    return { ...answer, ...(test.kind === 'info' ? loadProgram(sys, test, fd) : createMap(sys, test, fd)) };
  } finally {
    sys.close(fd);
  }
}

function createMap(sys: Sys, test: RawCase, btf_fd: number): Partial<BtfAnswer> {
  const attr: MapCreateAttr = {
    // Cases of printed maps are for several types.
    map_type: test.kind === 'pprint' ? BPF_MAP_TYPE_ARRAY : test.mapType,
    // libbpf cuts names that are too long.
    map_name: (test.mapName ?? '').slice(0, NAME_BYTES),
    key_size: test.keySize,
    value_size: test.valueSize,
    max_entries: test.maxEntries,
    btf_fd,
    btf_key_type_id: test.keyTypeId,
    btf_value_type_id: test.valueTypeId,
  };
  const fd = sys.bpf(BPF_MAP_CREATE, attr);
  if (fd >= 0) sys.close(fd);
  return { use: outcome(fd) };
}

function loadProgram(sys: Sys, test: InfoCase, prog_btf_fd: number): Partial<BtfAnswer> {
  const log_buf = new Uint8Array(LOG_BYTES);
  const attr: ProgLoadAttr = {
    prog_type: test.progType,
    insns: test.insns,
    license: 'GPL',
    prog_btf_fd,
    func_info_rec_size: test.funcInfoRecSize,
    log_buf,
    log_level: 1,
  };
  const funcs = test.funcInfo.subarray(0, test.funcInfoCnt * test.funcInfoRecSize);
  if (funcs.length > 0) attr.func_info = funcs;
  if (test.lineInfo.length > 0) {
    attr.line_info = test.lineInfo;
    attr.line_info_rec_size = test.lineInfoRecSize;
  }
  const fd = sys.bpf(BPF_PROG_LOAD, attr);
  const answer = { use: outcome(fd), useLog: textOf(log_buf) };
  if (fd < 0) return answer;
  try {
    return { ...answer, ...programInfo(sys, fd) };
  } finally {
    sys.close(fd);
  }
}

const COUNTS = [
  'nr_func_info',
  'func_info_rec_size',
  'nr_line_info',
  'line_info_rec_size',
  'nr_jited_line_info',
  'jited_line_info_rec_size',
  'nr_jited_ksyms',
  'nr_jited_func_lens',
  'nr_prog_tags',
] as const;

function programInfo(sys: Sys, bpf_fd: number): Partial<BtfAnswer> {
  const info: ProgInfo = {};
  sys.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd, info });
  const counts = Object.fromEntries(COUNTS.map((name) => [name, info[name]]));
  const func_info = new Uint8Array(8 * (info.nr_func_info ?? 0));
  const again: ProgInfo = { func_info, func_info_rec_size: 8 };
  sys.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd, info: again });
  const words = new Uint32Array(func_info.buffer);
  return { counts, funcTypes: [...words].filter((_, i) => i % 2 === 1) };
}
