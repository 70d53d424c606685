// SPDX-License-Identifier: MIT
// The raw form of bpf(2): the pointers in the bytes point into a UserMemory, not into this process. Each is replaced
// by a buffer of ours with the same contents, or by an address without access where the UserMemory has none, so that
// the kernel itself decides when EFAULT is due.
// @see kernel/bpf/syscall.c, bpf_check_uarg_tail_zero, CHECK_ATTR
import {
  BPF_ATTR_GROUPS,
  BPF_CMD_ATTRS,
  BPF_INFO_LAYOUTS,
  BPF_OBJ_GET_INFO_BY_FD,
  EINVAL,
  NotSupportedError,
} from '@tsbpf/uapi';
import type { MapInfo, StructLayout, UserMemory } from '@tsbpf/uapi';
import { ATTR_POINTERS, INFO_POINTERS, OUT_FIELDS } from './attr-rules.ts';
import type { Extent } from './attr-rules.ts';
import type { FencePool } from './fence.ts';
import { getInfoByFd, infoStructOf } from './info.ts';
import type { Libc } from './libc.ts';
import { fieldOf, getField, putField, viewOf } from './struct-bytes.ts';

/** A hash map's cursor, whatever its key. */
const CURSOR_BYTES = 4;
const CSTR_MAX_BYTES = 4096;
const PERCPU_MAP_TYPES: ReadonlySet<number> = new Set([5, 6, 10, 21]);

/** What the raw form needs of the host. */
export interface RawContext {
  libc: Libc;
  fences: FencePool;
  possibleCpus: number;
  /** The system call on an address. */
  syscall(cmd: number, attrAddr: bigint, sizeBytes: number): number;
}

interface Redirected {
  userAddr: bigint;
  buffer: Uint8Array;
  out: boolean;
  /** Brings what the kernel wrote into `buffer`. */
  copyBack?: () => void;
}

/** Runs a command given as bytes. */
export function bpfRaw(host: RawContext, cmd: number, attr: Uint8Array, sizeBytes: number, user: UserMemory): number {
  const rule = BPF_CMD_ATTRS[cmd];
  const layout: StructLayout = rule === undefined ? { size: 0, fields: [] } : BPF_ATTR_GROUPS[rule.group];
  if (attr.subarray(layout.size, sizeBytes).some((byte) => byte !== 0))
    throw new NotSupportedError(
      `bpf(2) command ${cmd} has non-zero bytes after the fields of Linux v5.6, which may be pointers`,
      { errno: EINVAL, feature: `bpf cmd ${cmd}, bytes after ${layout.size}` },
    );
  host.fences.reset();
  const work = attr.slice();
  const redirected: Redirected[] = [];
  if (rule !== undefined) {
    const view = paddedView(work, layout);
    const outs = OUT_FIELDS[cmd] ?? [];
    const pointers = cmd === BPF_OBJ_GET_INFO_BY_FD ? {} : (ATTR_POINTERS[rule.group] ?? {});
    redirect(host, { view, layout, pointers, outs, user, redirected, mapFd: Number(read(view, layout, 'map_fd')) });
    if (cmd === BPF_OBJ_GET_INFO_BY_FD) redirectInfo(host, view, layout, user, redirected);
    work.set(new Uint8Array(view.buffer, 0, Math.min(work.length, layout.size)));
  }
  const fenced = host.fences.place(work);
  const result = host.syscall(cmd, fenced.addr, sizeBytes);
  fenced.copyBack();
  for (const { userAddr, buffer, out, copyBack } of redirected) {
    copyBack?.();
    if (out) user.write(userAddr, buffer);
  }
  // Numbers the kernel wrote; pointers stay the caller's.
  const pointerNames = rule === undefined ? [] : Object.keys({ ...ATTR_POINTERS[rule.group], ...INFO_ATTR[cmd] });
  for (const name of pointerNames) {
    const field = fieldOf(layout, name);
    if (field !== undefined && field.off < work.length)
      work.set(attr.subarray(field.off, field.off + field.size), field.off);
  }
  attr.set(work);
  return result;
}

const INFO_ATTR: Readonly<Record<number, Record<string, true>>> = { [BPF_OBJ_GET_INFO_BY_FD]: { info: true } };

function paddedView(work: Uint8Array, layout: StructLayout): DataView {
  const padded = new Uint8Array(layout.size);
  padded.set(work.subarray(0, layout.size));
  return viewOf(padded);
}

function read(view: DataView, layout: StructLayout, name: string): number | bigint {
  const field = fieldOf(layout, name);
  return field === undefined ? 0 : getField(view, field);
}

interface Redirection {
  view: DataView;
  layout: StructLayout;
  pointers: Readonly<Record<string, Extent>>;
  outs: readonly string[];
  user: UserMemory;
  redirected: Redirected[];
  mapFd: number;
}

function redirect(host: RawContext, to: Redirection): void {
  let map: MapInfo | undefined;
  const mapInfo = (): MapInfo => (map ??= mapInfoOf(host, to.mapFd));
  const shared = new Map<string, bigint>();
  for (const [name, extent] of Object.entries(to.pointers)) {
    const field = fieldOf(to.layout, name);
    if (field === undefined) continue;
    const userAddr = BigInt(getField(to.view, field));
    if (userAddr === 0n) continue;
    // value and next_key share a place in the union: redirect it once.
    const place = `${field.off}`;
    if (shared.has(place)) continue;
    const both = Object.entries(to.pointers).filter(([other]) => fieldOf(to.layout, other)?.off === field.off);
    const out = both.some(([other]) => to.outs.includes(other));
    const used = both.find(([other]) => to.outs.includes(other))?.[1] ?? extent;
    const lenBytes = lengthOf(host, to, used, userAddr, mapInfo);
    const addr = lenBytes === undefined ? host.fences.unmapped() : mirror(host, to, userAddr, lenBytes, out);
    shared.set(place, addr);
    putField(to.view, field, addr);
  }
}

function mirror(host: RawContext, to: Redirection, userAddr: bigint, lenBytes: number, out: boolean): bigint {
  const bytes = to.user.read(userAddr, lenBytes);
  if (bytes === undefined || (out && !to.user.write(userAddr, bytes))) return host.fences.unmapped();
  const buffer = bytes.slice();
  const { addr, copyBack } = host.fences.place(buffer);
  to.redirected.push({ userAddr, buffer, out, copyBack });
  return addr;
}

function lengthOf(
  host: RawContext,
  to: Redirection,
  extent: Extent,
  userAddr: bigint,
  mapInfo: () => MapInfo,
): number | undefined {
  if (extent.kind === 'counted') {
    const recBytes = typeof extent.recBytes === 'number' ? extent.recBytes : read(to.view, to.layout, extent.recBytes);
    return Number(read(to.view, to.layout, extent.count)) * Number(recBytes);
  }
  if (extent.kind === 'cstr') {
    for (let lenBytes = 1; lenBytes <= CSTR_MAX_BYTES; lenBytes++) {
      const last = to.user.read(userAddr + BigInt(lenBytes - 1), 1);
      if (last === undefined) return undefined;
      if (last[0] === 0) return lenBytes;
    }
    return CSTR_MAX_BYTES;
  }
  const info = mapInfo();
  if (extent.kind === 'cursor') return Math.max(CURSOR_BYTES, info.key_size ?? 0);
  const isBatch = fieldOf(to.layout, 'count') !== undefined;
  const elements = isBatch ? Math.max(1, Number(read(to.view, to.layout, 'count'))) : 1;
  if (extent.kind === 'key') return (info.key_size ?? 0) * elements;
  const value = info.value_size ?? 0;
  const perCpu = PERCPU_MAP_TYPES.has(info.type ?? 0);
  return (perCpu ? Math.ceil(value / 8) * 8 * host.possibleCpus : value) * elements;
}

function mapInfoOf(host: RawContext, fd: number): MapInfo {
  const info: MapInfo = {};
  if (infoStructOf(fd) !== 'bpf_map_info') return info;
  const call = (cmd: number, bytes: Uint8Array): number => host.syscall(cmd, host.libc.addressOf(bytes), bytes.length);
  getInfoByFd(host.libc, call, { bpf_fd: fd, info });
  return info;
}

function redirectInfo(
  host: RawContext,
  view: DataView,
  layout: StructLayout,
  user: UserMemory,
  redirected: Redirected[],
): void {
  const infoField = fieldOf(layout, 'info');
  const userAddr = BigInt(read(view, layout, 'info'));
  if (infoField === undefined || userAddr === 0n) return;
  const infoLen = Number(read(view, layout, 'info_len'));
  const bytes = user.read(userAddr, infoLen);
  if (bytes === undefined || !user.write(userAddr, bytes)) {
    putField(view, infoField, host.fences.unmapped());
    return;
  }
  const struct = infoStructOf(Number(read(view, layout, 'bpf_fd')));
  const inner: StructLayout = struct === undefined ? { size: 0, fields: [] } : BPF_INFO_LAYOUTS[struct];
  const pointers = struct === undefined ? {} : INFO_POINTERS[struct];
  const innerView = paddedView(bytes, inner);
  const outs = Object.keys(pointers);
  const original = new Map(outs.map((name) => [name, read(innerView, inner, name)]));
  redirect(host, { view: innerView, layout: inner, pointers, outs, user, redirected, mapFd: -1 });
  const buffer = bytes.slice();
  buffer.set(new Uint8Array(innerView.buffer, 0, Math.min(buffer.length, inner.size)));
  putField(view, infoField, buffer.length === 0 ? 0n : host.libc.addressOf(buffer));
  redirected.push({
    userAddr,
    out: true,
    get buffer(): Uint8Array {
      // Written back with the caller's own pointers in it.
      const back = viewOf(buffer);
      for (const [name, value] of original) {
        const field = fieldOf(inner, name);
        if (field !== undefined && field.off + field.size <= buffer.length) putField(back, field, value);
      }
      return buffer;
    },
  });
}
