// SPDX-License-Identifier: MIT
// @see kernel/bpf/stackmap.c
import { EFAULT, EINVAL } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperImpl, type HelperRow } from '@tsbpf/core';
import { mapArg, wideArg } from '@tsbpf/helpers';
import { hashWords } from '../stack/jhash.ts';
import { BUILD_ID_BYTES, entryBytes, MAX_STACK_DEPTH, type StackTraceMap } from '../stack/stack-trace.ts';
import { tracingOf } from '../tracing.ts';

const SKIP_MASK = 0xffn;
const USER_STACK = 1n << 8n;
const FAST_STACK_CMP = 1n << 9n;
const REUSE_STACKID = 1n << 10n;
const USER_BUILD_ID = 1n << 11n;
const WORD = 8;
/** The status of an entry whose build id is not known: it holds the address. */
const STATUS_IP = 2;

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

/** Entries with build ids: files are not simulated, so each says that it holds an address. */
function buildIds(addresses: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(addresses.length * BUILD_ID_BYTES);
  const view = new DataView(bytes.buffer);
  addresses.forEach((addr, i) => {
    view.setInt32(i * BUILD_ID_BYTES, STATUS_IP, true);
    view.setBigUint64(i * BUILD_ID_BYTES + BUILD_ID_BYTES - WORD, BigInt.asUintN(64, addr), true);
  });
  return bytes;
}

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
    return map.insert(entry === WORD ? ips : buildIds(left), left.length, {
      hash: hashWords(new Uint32Array(ips.buffer)),
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
  return withIds ? buildIds(left) : words(left);
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
