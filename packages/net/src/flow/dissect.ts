// SPDX-License-Identifier: MIT
// A program of type FLOW_DISSECTOR looks at a packet. @see net/core/flow_dissector.c, bpf_flow_dissect
import { BPF_OK } from '@tsbpf/uapi';
import type { BpfProg, KernelServices } from '@tsbpf/core';
import { writePointerField } from '../dev/fields.ts';

/** `struct bpf_flow_keys`, as programs see it. */
export const KEYS_SIZE = 56;
const NHOFF = 0;
const THOFF = 2;
const N_PROTO = 10;
const FLAGS = 48;

/** Where a program looks. Offsets are of kernel memory. */
export interface DissectorPlace {
  /** `struct bpf_flow_dissector`. */
  readonly ctx: number;
  /** `struct bpf_flow_keys`. */
  readonly keys: number;
}

/** What it looks at. */
export interface DissectorInput {
  /** Where the network header begins in the data. */
  readonly nhoff: number;
  /** Bytes of data. */
  readonly lenBytes: number;
  /** The protocol, in memory order. */
  readonly proto: number;
  readonly flags: number;
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** Memory for a run; undefined when it is exhausted. `free` gives it back. */
export function dissectorPlace(
  kernel: KernelServices,
  packet: { readonly skb?: number; readonly data: number; readonly lenBytes: number },
): (DissectorPlace & { free(): void }) | undefined {
  const { mem, types } = kernel;
  const keys = mem.alloc(KEYS_SIZE, { kind: 'object', name: 'bpf_flow_keys' });
  const ctx =
    keys === 0 ? 0 : mem.alloc(types.sizeOf('bpf_flow_dissector'), { kind: 'ctx', name: 'bpf_flow_dissector' });
  if (ctx === 0) {
    if (keys !== 0) mem.free(keys);
    return undefined;
  }
  const set = (member: string, at: number): void => writePointerField(kernel, ctx, `bpf_flow_dissector.${member}`, at);
  set('flow_keys', keys);
  set('skb', packet.skb ?? 0);
  set('data', packet.data);
  set('data_end', packet.data + packet.lenBytes);
  return {
    ctx,
    keys,
    free() {
      mem.free(ctx);
      mem.free(keys);
    },
  };
}

/** Runs once: whether the program found the headers. The offsets it found are brought into the packet. */
export function dissect(kernel: KernelServices, prog: BpfProg, place: DissectorPlace, input: DissectorInput): boolean {
  const { mem } = kernel;
  const { keys, ctx } = place;
  mem.fill(keys, KEYS_SIZE, 0);
  mem.write16(keys + N_PROTO, input.proto);
  mem.write16(keys + NHOFF, input.nhoff);
  mem.write16(keys + THOFF, input.nhoff);
  mem.write32(keys + FLAGS, input.flags);
  const result = kernel.runProg(prog, ctx);
  mem.write16(keys + NHOFF, clamp(mem.read16(keys + NHOFF), input.nhoff, input.lenBytes));
  mem.write16(keys + THOFF, clamp(mem.read16(keys + THOFF), mem.read16(keys + NHOFF), input.lenBytes));
  return result === BPF_OK;
}
