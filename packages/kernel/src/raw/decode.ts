// SPDX-License-Identifier: MIT
// From the bytes of `union bpf_attr` to the typed form and back, group by group.
import {
  BPF_ATTR_GROUPS,
  BPF_CMD_ATTRS,
  BPF_INSN_SIZE,
  BPF_MAP_DELETE_ELEM,
  BPF_MAP_GET_NEXT_KEY,
  E2BIG,
  EFAULT,
  EINVAL,
  type BpfCmd,
  type StructLayout,
  type UserMemory,
} from '@tsbpf/uapi';
import type { BpfMap, MapFile } from '@tsbpf/core';
import { RawFields } from './raw-fields.ts';
import { decodeInfo } from './info.ts';
import type { KernelState } from '../kernel-state.ts';

export interface Decoded {
  readonly attr: object;
  /** Writes out-fields to the union and to user memory; 0 or -EFAULT. */
  writeBack(union: Uint8Array, result: number): number;
}

/** The typed attributes of a raw command; -errno where a pointer is bad. */
export function decodeGroup(k: KernelState, cmd: BpfCmd, union: Uint8Array, user: UserMemory): Decoded | number {
  const group = BPF_CMD_ATTRS[cmd]?.group ?? 'elem';
  const raw = new RawFields(union, BPF_ATTR_GROUPS[group] as StructLayout, user);
  switch (group) {
    case 'elem':
      return decodeElem(k, cmd, raw);
    case 'batch':
      return decodeBatch(k, raw);
    case 'prog_load':
      return decodeProgLoad(raw);
    case 'obj':
      return plain(raw, { pathname: raw.cstring('pathname', 4096) ?? '' });
    case 'test':
      return decodeTestRun(raw);
    case 'info':
      return decodeInfo(k, raw, user);
    case 'query':
      return decodeQuery(raw);
    case 'btf_load':
      return decodeBtfLoad(raw);
    case 'raw_tracepoint':
      return plain(raw, { name: raw.u64('name') === 0n ? undefined : (raw.cstring('name', 128) ?? '') });
    case 'task_fd_query':
      return decodeTaskFdQuery(raw);
    case 'map_create':
      return plain(raw, { map_name: raw.name('map_name') });
    default:
      return plain(raw, {});
  }
}

/** Groups whose integers map one to one: integers are copied, out-fields among them written back. */
function plain(raw: RawFields, special: Record<string, unknown>): Decoded {
  const attr: Record<string, unknown> = { ...raw.integers(), ...special };
  return {
    attr,
    writeBack(union, result) {
      if (result >= 0) raw.storeIntegers(union, attr, Object.keys(special));
      return 0;
    },
  };
}

function mapOf(k: KernelState, fd: number): BpfMap | undefined {
  const file = k.fds.file(fd);
  return file?.kind === 'map' ? (file as MapFile).map : undefined;
}

function decodeElem(k: KernelState, cmd: BpfCmd, raw: RawFields): Decoded {
  const map = mapOf(k, raw.u32('map_fd'));
  const keySize = map?.keySize ?? 0;
  const valueSize = map?.syscallValueSize ?? 0;
  const next = cmd === BPF_MAP_GET_NEXT_KEY;
  const key =
    raw.u64('key') === 0n && (next || keySize === 0) ? undefined : raw.bytes('key', keySize, { null: keySize > 0 });
  const attr: { map_fd: number; key?: Uint8Array; next_key?: Uint8Array; value?: Uint8Array; flags?: bigint } = {
    map_fd: raw.u32('map_fd'),
    key: key ?? (raw.u64('key') === 0n ? undefined : new Uint8Array(1)),
    ...(next
      ? { next_key: new Uint8Array(keySize) }
      : cmd === BPF_MAP_DELETE_ELEM
        ? {}
        : { value: raw.bytes('value', valueSize) ?? new Uint8Array(0), flags: raw.u64('flags') }),
  };
  if (keySize === 0 && raw.u64('key') === 0n) attr.key = undefined;
  return {
    attr,
    writeBack(_union, result) {
      if (result < 0) return 0;
      if (next) return raw.put('next_key', attr.next_key ?? new Uint8Array());
      return attr.value === undefined ? 0 : raw.put('value', attr.value);
    },
  };
}

function decodeBatch(k: KernelState, raw: RawFields): Decoded {
  const map = mapOf(k, raw.u32('map_fd'));
  const count = raw.u32('count');
  const cursorSize = Math.max(4, map?.keySize ?? 4);
  const keys = new Uint8Array(0);
  const bytesOf = (name: string, lenBytes: number): Uint8Array => raw.bytes(name, lenBytes) ?? keys;
  const attr = {
    map_fd: raw.u32('map_fd'),
    in_batch: raw.u64('in_batch') === 0n ? undefined : bytesOf('in_batch', cursorSize),
    out_batch: raw.u64('out_batch') === 0n ? undefined : new Uint8Array(cursorSize),
    keys: bytesOf('keys', count * (map?.keySize ?? 0)),
    values: bytesOf('values', count * (map?.syscallValueSize ?? 0)),
    count,
    elem_flags: raw.u64('elem_flags'),
    flags: raw.u64('flags'),
  };
  return {
    attr,
    writeBack(union, result) {
      if (result === -EFAULT) return 0;
      raw.setU32(union, 'count', attr.count);
      if (attr.out_batch !== undefined && raw.put('out_batch', attr.out_batch) < 0) return -EFAULT;
      if (raw.put('keys', attr.keys.subarray(0, attr.count * (map?.keySize ?? 0))) < 0) return -EFAULT;
      return raw.put('values', attr.values.subarray(0, attr.count * (map?.syscallValueSize ?? 0)));
    },
  };
}

function decodeProgLoad(raw: RawFields): Decoded | number {
  const insns = raw.bytes('insns', raw.u32('insn_cnt') * BPF_INSN_SIZE, { null: true });
  const license = raw.cstring('license', 128);
  if (license === undefined || insns === undefined) return -EFAULT;
  const logBuf = raw.u64('log_buf') === 0n ? undefined : new Uint8Array(raw.u32('log_size'));
  if (logBuf === undefined && (raw.u32('log_size') !== 0 || raw.u32('log_level') !== 0)) return -EINVAL;
  const attr = {
    ...raw.integers(),
    insns,
    license,
    prog_name: raw.name('prog_name'),
    log_buf: logBuf,
    func_info: raw.bytes('func_info', raw.u32('func_info_rec_size') * raw.u32('func_info_cnt')),
    line_info: raw.bytes('line_info', raw.u32('line_info_rec_size') * raw.u32('line_info_cnt')),
  };
  return { attr, writeBack: () => putText(raw, 'log_buf', logBuf) };
}

/** Writes back a log: only the text and its NUL, as the kernel leaves the rest of the buffer alone. */
function putText(raw: RawFields, name: string, buf: Uint8Array | undefined): number {
  if (buf === undefined) return 0;
  const end = buf.indexOf(0);
  return end < 0 || (end === 0 && buf[0] === 0 && buf.length === 0) ? 0 : raw.put(name, buf.subarray(0, end + 1));
}

function decodeBtfLoad(raw: RawFields): Decoded | number {
  const size = raw.u32('btf_size');
  if (size > 16 * 1024 * 1024) return -E2BIG;
  const logBuf = raw.u64('btf_log_buf') === 0n ? undefined : new Uint8Array(raw.u32('btf_log_size'));
  if (logBuf === undefined && (raw.u32('btf_log_size') !== 0 || raw.u32('btf_log_level') !== 0)) return -EINVAL;
  const btf = raw.bytes('btf', size, { null: true });
  if (btf === undefined) return -EFAULT;
  const attr = { btf, btf_log_buf: logBuf, btf_log_level: raw.u32('btf_log_level') };
  return { attr, writeBack: () => putText(raw, 'btf_log_buf', logBuf) };
}

function decodeTestRun(raw: RawFields): Decoded | number {
  const pointerWithoutSize = (pointer: string, size: string): boolean =>
    (raw.u64(pointer) === 0n) !== (raw.u32(size) === 0);
  if (pointerWithoutSize('ctx_in', 'ctx_size_in') || pointerWithoutSize('ctx_out', 'ctx_size_out')) return -EINVAL;
  const out = (pointer: string, size: string): Uint8Array | undefined =>
    raw.u64(pointer) === 0n ? undefined : new Uint8Array(raw.u32(size));
  const attr = {
    ...raw.integers(),
    data_in: raw.bytes('data_in', raw.u32('data_size_in'), { null: raw.u32('data_size_in') > 0 }) ?? new Uint8Array(0),
    data_out: out('data_out', 'data_size_out'),
    ctx_in: raw.u64('ctx_in') === 0n ? undefined : raw.bytes('ctx_in', raw.u32('ctx_size_in'), { null: true }),
    ctx_out: out('ctx_out', 'ctx_size_out'),
  };
  const typed = attr as typeof attr & { data_size_out?: number; ctx_size_out?: number };
  return {
    attr,
    writeBack(union) {
      raw.storeIntegers(union, attr, ['data_in', 'data_out', 'ctx_in', 'ctx_out']);
      const dataOut = attr.data_out?.subarray(0, typed.data_size_out ?? 0) ?? new Uint8Array(0);
      const ctxOut = attr.ctx_out?.subarray(0, typed.ctx_size_out ?? 0) ?? new Uint8Array(0);
      return raw.put('data_out', dataOut) || raw.put('ctx_out', ctxOut);
    },
  };
}

function decodeQuery(raw: RawFields): Decoded {
  const ids = raw.u64('prog_ids') === 0n ? undefined : new Uint8Array(raw.u32('prog_cnt') * 4);
  const attr = { ...raw.integers(), prog_ids: ids };
  return {
    attr,
    writeBack(union) {
      raw.storeIntegers(union, attr, ['prog_ids']);
      return ids === undefined ? 0 : raw.put('prog_ids', ids);
    },
  };
}

function decodeTaskFdQuery(raw: RawFields): Decoded {
  const buf = raw.u64('buf') === 0n ? undefined : new Uint8Array(raw.u32('buf_len'));
  const attr = { ...raw.integers(), buf };
  return {
    attr,
    writeBack(union) {
      raw.storeIntegers(union, attr, ['buf']);
      return buf === undefined ? 0 : raw.put('buf', buf);
    },
  };
}
