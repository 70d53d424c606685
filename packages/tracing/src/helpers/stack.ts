// SPDX-License-Identifier: MIT
// @see kernel/bpf/stackmap.c
import { EFAULT, EINVAL } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperImpl, type HelperRow } from '@tsbpf/core';
import { mapArg, wideArg } from '@tsbpf/helpers';
import { hashWords } from '../stack/jhash.ts';
import { BUILD_ID_BYTES, entryBytes, MAX_STACK_DEPTH, type StackTraceMap } from '../stack/stack-trace.ts';
import { tracingOf, type UserMapping } from '../tracing.ts';

const SKIP_MASK = 0xffn;
const USER_STACK = 1n << 8n;
const FAST_STACK_CMP = 1n << 9n;
const REUSE_STACKID = 1n << 10n;
const USER_BUILD_ID = 1n << 11n;
const WORD = 8;
/** `struct bpf_stack_build_id`: a status, the build id, an offset into the file or an address. */
const [BUILD_ID_AT, OFFSET_AT] = [4, 24];
const BUILD_ID_LEN = 20;
/** The status of an entry with a build id, and of one that holds an address because there is none. */
const [STATUS_VALID, STATUS_IP] = [1, 2];

/** The outermost frames are cut off at `depth`, then the innermost `skip` are left out. */
function frames(call: HelperCall, flags: bigint, depth: number): { walked: number; left: readonly bigint[] } {
  const { kernel, user } = tracingOf(call.kernel).stacks;
  const stack = ((flags & USER_STACK) !== 0n ? user : kernel).slice(0, Math.min(depth, MAX_STACK_DEPTH));
  return { walked: stack.length, left: stack.slice(Number(flags & SKIP_MASK)) };
}

function words(addresses: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(addresses.length * WORD);
  const view = new DataView(bytes.buffer);
  addresses.forEach((addr, i) => view.setBigUint64(i * WORD, BigInt.asUintN(64, addr), true));
  return bytes;
}

/**
 * Entries with build ids, for user addresses in mapped files; others hold the address.
 * @see kernel/bpf/stackmap.c, stack_map_get_build_id_offset
 */
function buildIds(addresses: readonly bigint[], mappings: readonly UserMapping[]): Uint8Array {
  const bytes = new Uint8Array(addresses.length * BUILD_ID_BYTES);
  const view = new DataView(bytes.buffer);
  addresses.forEach((addr, i) => {
    const at = i * BUILD_ID_BYTES;
    const mapping = mappings.find(({ start, end }) => addr >= start && addr < end);
    const buildId = mapping?.buildId;
    view.setInt32(at, buildId === undefined ? STATUS_IP : STATUS_VALID, true);
    if (mapping === undefined || buildId === undefined) {
      view.setBigUint64(at + OFFSET_AT, BigInt.asUintN(64, addr), true);
      return;
    }
    bytes.set(buildId.subarray(0, BUILD_ID_LEN), at + BUILD_ID_AT);
    view.setBigUint64(at + OFFSET_AT, (mapping.fileOff ?? 0n) + addr - mapping.start, true);
  });
  return bytes;
}

/** Files that a stack's addresses may lie in: those of user stacks only. */
const mappingsFor = (call: HelperCall, flags: bigint): readonly UserMapping[] =>
  (flags & USER_STACK) === 0n ? [] : (tracingOf(call.kernel).stacks.mappings ?? []);

/** (ctx, map, flags) → the id of the current stack. */
const getStackid: HelperImpl = {
  retWidth: 'sext',
  wideArgs: [3],
  call(call, _ctx, mapPtr, low) {
    const flags = wideArg(call, 3, low);
    if ((flags & ~(SKIP_MASK | USER_STACK | FAST_STACK_CMP | REUSE_STACKID)) !== 0n) return -EINVAL;
    const map = mapArg(call, mapPtr) as StackTraceMap;
    const entry = entryBytes(map);
    const { left } = frames(call, flags, map.valueSize / entry);
    if (left.length === 0) return -EFAULT;
    const ips = words(left);
    return map.insert(entry === WORD ? ips : buildIds(left, mappingsFor(call, flags)), left.length, {
      hash: hashWords(new Uint32Array(ips.buffer)),
      takeFirst: entry !== WORD,
      byHash: (flags & FAST_STACK_CMP) !== 0n,
      reuse: (flags & REUSE_STACKID) !== 0n,
    });
  },
};

/** The bytes bpf_get_stack writes, or -errno. */
function stackBytes(call: HelperCall, flags: bigint, size: number): Uint8Array | number {
  const withIds = (flags & USER_BUILD_ID) !== 0n;
  if ((flags & ~(SKIP_MASK | USER_STACK | USER_BUILD_ID)) !== 0n) return -EINVAL;
  if (withIds && (flags & USER_STACK) === 0n) return -EINVAL;
  const entry = withIds ? BUILD_ID_BYTES : WORD;
  if (size % entry !== 0) return -EINVAL;
  const { walked, left } = frames(call, flags, size / entry);
  if (walked < Number(flags & SKIP_MASK)) return -EFAULT;
  return withIds ? buildIds(left, mappingsFor(call, flags)) : words(left);
}

/** (ctx, buf, size, flags) → bytes written; the rest of the buffer is zeroed. */
const getStack: HelperImpl = {
  retWidth: 'sext',
  wideArgs: [4],
  call(call, _ctx, buf, size, low) {
    const { mem } = call.kernel;
    const bytes = stackBytes(call, wideArg(call, 4, low), size >>> 0);
    mem.fill(buf, size >>> 0, 0);
    if (typeof bytes === 'number') return bytes;
    mem.writeBytes(buf >>> 0, bytes);
    return bytes.length;
  },
};

export const stackHelpers: readonly HelperRow[] = [
  defineHelper('bpf_get_stackid', getStackid),
  defineHelper('bpf_get_stackid_proto_tp', getStackid),
  defineHelper('bpf_get_stackid_proto_raw_tp', getStackid),
  defineHelper('bpf_get_stack', getStack),
  defineHelper('bpf_get_stack_proto_tp', getStack),
  defineHelper('bpf_get_stack_proto_raw_tp', getStack),
];
