// SPDX-License-Identifier: MIT
// BPF_PROG_TEST_RUN of flow dissectors. @see net/bpf/test_run.c, bpf_prog_test_run_flow_dissector
import { BPF_OK, EINVAL, ENOMEM, type TestRunAttr } from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { writePointerField } from '../dev/fields.ts';
import { ETH_HLEN } from '../xdp/xdp-buff.ts';
import { callFentryTargets } from './fentry-targets.ts';
import { finishRun, meanNs } from './run.ts';
import { readCtx, writeCtx } from './skb-ctx.ts';

const PAGE_SIZE = 4096;
/** `struct bpf_flow_keys`, as programs see it. */
const KEYS_SIZE = 56;
const NHOFF = 0;
const THOFF = 2;
const N_PROTO = 10;
const FLAGS = 48;

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** Runs once: 1 where the program found the headers, else 0; the offsets it found are brought into the packet. */
function dissect(
  kernel: KernelServices,
  prog: BpfProg,
  flow: { ctx: number; keys: number; proto: number; lenBytes: number; flags: number },
): number {
  const { mem } = kernel;
  const { keys } = flow;
  mem.fill(keys, KEYS_SIZE, 0);
  mem.write16(keys + N_PROTO, flow.proto);
  mem.write16(keys + NHOFF, ETH_HLEN);
  mem.write16(keys + THOFF, ETH_HLEN);
  mem.write32(keys + FLAGS, flow.flags);
  const result = kernel.runProg(prog, flow.ctx);
  mem.write16(keys + NHOFF, clamp(mem.read16(keys + NHOFF), ETH_HLEN, flow.lenBytes));
  mem.write16(keys + THOFF, clamp(mem.read16(keys + THOFF), mem.read16(keys + NHOFF), flow.lenBytes));
  return result === BPF_OK ? 1 : 0;
}

/**
 * Runs a flow dissector over a frame that is no sk_buff's. The data handed back are the flow keys.
 * @errno EINVAL less data than an Ethernet header or more than a page; a context that says more than flags
 * @errno E2BIG a context that is too long
 */
export function testRunFlowDissector(kernel: KernelServices, prog: BpfProg, attr: TestRunAttr): number {
  const bytes = attr.data_in ?? new Uint8Array(0);
  if (bytes.length < ETH_HLEN || bytes.length > PAGE_SIZE) return -EINVAL;
  const fentry = callFentryTargets(kernel.text);
  if (fentry < 0) return fentry;
  const user = readCtx(attr, KEYS_SIZE);
  if (typeof user === 'number') return user;
  const other = user?.some((byte, at) => byte !== 0 && (at < FLAGS || at >= FLAGS + 4)) ?? false;
  if (other) return -EINVAL;
  const flags = user === undefined ? 0 : new DataView(user.buffer).getUint32(FLAGS, true);

  const { mem } = kernel;
  const packet = mem.alloc(bytes.length, { kind: 'packet', align: 64 });
  const keys = mem.alloc(KEYS_SIZE, { kind: 'object', name: 'bpf_flow_keys' });
  const ctx = mem.alloc(kernel.types.sizeOf('bpf_flow_dissector'), { kind: 'ctx', name: 'bpf_flow_dissector' });
  try {
    if (packet === 0 || keys === 0 || ctx === 0) return -ENOMEM;
    mem.writeBytes(packet, bytes);
    writePointerField(kernel, ctx, 'bpf_flow_dissector.flow_keys', keys);
    writePointerField(kernel, ctx, 'bpf_flow_dissector.data', packet);
    writePointerField(kernel, ctx, 'bpf_flow_dissector.data_end', packet + bytes.length);
    const proto = mem.read16(packet + ETH_HLEN - 2);
    const repeat = attr.repeat || 1;
    const start = kernel.env.ktimeNs();
    let retval = 0;
    for (let i = 0; i < repeat; i++)
      retval = dissect(kernel, prog, { ctx, keys, proto, lenBytes: bytes.length, flags });
    const duration = meanNs(kernel.env.ktimeNs() - start, repeat);
    const err = finishRun(kernel, attr, { data: mem.readBytes(keys, KEYS_SIZE), retval, duration });
    return err === 0 ? writeCtx(attr, user) : err;
  } finally {
    for (const off of [packet, keys, ctx]) if (off !== 0) mem.free(off);
  }
}
