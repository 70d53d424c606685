// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, BTF_KIND_TYPEDEF, type Btf } from '@tsbpf/btf';
import type { KernelTypes, Tracepoint } from '@tsbpf/core';

const PREFIX = 'btf_trace_';

/** Tracepoints whose first argument is a buffer that programs may write, and the structure that says its size. */
const WRITABLE: Readonly<Record<string, string>> = { nbd_send_request: 'nbd_request' };
/** An int: the error of a test run. */
const TEST_FINISH_BYTES = 4;

function writableSize(name: string, types: KernelTypes): number {
  if (name === 'bpf_test_finish') return TEST_FINISH_BYTES;
  const struct = WRITABLE[name];
  return struct === undefined || types.structId(struct) === undefined ? 0 : types.sizeOf(struct);
}

/**
 * The tracepoints of a kernel, from its BTF: a typedef `btf_trace_NAME` points to each one's prototype, whose first
 * parameter is the kernel's own.
 * @see include/trace/bpf_probe.h
 */
export function tracepointsOf(btf: Btf, types: KernelTypes): Tracepoint[] {
  const found: Tracepoint[] = [];
  for (let id = 1; btf.has(id); id++) {
    if (btf.kind(id) !== BTF_KIND_TYPEDEF || !btf.name(id).startsWith(PREFIX)) continue;
    const ptr = btf.sizeOrType(id);
    if (btf.kind(ptr) !== BTF_KIND_PTR || btf.kind(btf.sizeOrType(ptr)) !== BTF_KIND_FUNC_PROTO) continue;
    const name = btf.name(id).slice(PREFIX.length);
    found.push({ name, numArgs: btf.vlen(btf.sizeOrType(ptr)) - 1, writableSize: writableSize(name, types) });
  }
  return found;
}
