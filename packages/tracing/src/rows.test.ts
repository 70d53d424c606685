// SPDX-License-Identifier: MIT
// Every offset, size and direction, as the predicates of Linux v5.6 answer.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { BPF_PROG_TYPE_NAMES, InternalError } from '@tsbpf/uapi';
import type { ProgTypeDef } from '@tsbpf/core';
import { formatInsn, ldxMem } from '@tsbpf/insn';
import { acceptedAccesses, createTestKernel, progFacts, type AcceptedAccesses } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { tracingProgTypes } from './rows.ts';

const fixture = resolve(import.meta.dirname, '../test/fixtures/access-matrix.json');
const matrix = JSON.parse(readFileSync(fixture, 'utf8')) as Record<string, AcceptedAccesses>;
const env = { vmlinux: undefined, types: undefined, progType: () => undefined };

function row(name: string): ProgTypeDef {
  const found = tracingProgTypes.find((def) => BPF_PROG_TYPE_NAMES[def.type] === `BPF_PROG_TYPE_${name}`);
  if (found === undefined) throw new InternalError(`no row for ${name}`);
  return found;
}

const accepted = (name: string, ctxBytes: number): string[] =>
  acceptedAccesses((request) => row(name).verifier.isValidAccess(request, env), { ctxBytes, prog: progFacts() });

describe('context access', () => {
  test.each(Object.entries(matrix))('%s', (name, { ctxBytes, accept }) => {
    expect(new Set(accepted(name, ctxBytes))).toEqual(new Set(accept));
  });

  test('TRACEPOINT: aligned loads behind the first word', () => {
    const expected: string[] = [];
    for (let off = 8; off < 2048; off++) {
      for (const size of [1, 2, 4, 8]) if (off % size === 0) expected.push(`${off} ${size} R SCALAR 0`);
    }
    expect(accepted('TRACEPOINT', 2048)).toEqual(expected);
  });

  test.each(['TRACING', 'EXT'])('%s: the verifier knows, not the row', (name) => {
    expect(accepted(name, 96)).toEqual([]);
  });
});

const { types } = createTestKernel();
const at = (path: string): number => types.resolve(path).off;
const SIZES = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

const loads: [what: string, off: number, then: string, targetSize: number][] = [
  ['r15', 0, '*(u64 *)(r3 + 0)', 0],
  ['ip', 128, '*(u64 *)(r3 + 128)', 0],
  ['sample_period', 168, `*(u64 *)(r3 + ${at('perf_sample_data.period')})`, 8],
  ['addr', 176, `*(u64 *)(r3 + ${at('perf_sample_data.addr')})`, 8],
];

test.each(loads)('perf_event: a load of %s', (what, off, then, targetSize) => {
  const insn = ldxMem(SIZES[8], 3, 1, off);
  const access = { write: false, insn, off, size: 8, prog: progFacts(), types };
  const rewrite = row('PERF_EVENT').verifier.convertCtxAccess?.(access);
  const pointer = at(`bpf_perf_event_data_kern.${off < 168 ? 'regs' : 'data'}`);
  expect(rewrite?.insns.map((_, i) => formatInsn(rewrite.insns, i))).toEqual(
    [`r3 = *(u64 *)(r1 + ${pointer})`, `r3 = ${then}`].map((line) => line.replaceAll(' + ', ' +')),
  );
  expect(rewrite?.targetSize, what).toBe(targetSize);
});

const helpers: [name: string, id: number, variant: string | undefined][] = [
  ['KPROBE', 25, 'bpf_perf_event_output'],
  ['TRACEPOINT', 25, 'bpf_perf_event_output_proto_tp'],
  ['RAW_TRACEPOINT', 25, 'bpf_perf_event_output_proto_raw_tp'],
  ['TRACING', 67, 'bpf_get_stack_proto_raw_tp'],
  ['TRACING', 111, 'bpf_skb_output'],
  ['KPROBE', 58, 'bpf_override_return'],
  ['TRACEPOINT', 58, undefined],
  ['PERF_EVENT', 56, 'bpf_perf_prog_read_value'],
  ['KPROBE', 93, undefined],
  ['EXT', 1, undefined],
];

test.each(helpers)('%s: helper %i is %s', (name, id, variant) => {
  expect(row(name).verifier.getFuncProto(id, progFacts())).toBe(variant);
});

test('none asks for a return value, packets or unprivileged users; only EXT looks at its attach type', () => {
  for (const def of tracingProgTypes) {
    expect(def.verifier.returnRange, def.name).toBeUndefined();
    expect(def.verifier.packetAccess, def.name).toBeUndefined();
    expect(def.unprivileged, def.name).toBeUndefined();
    expect(def.expectedAttachTypes, def.name).toEqual(def.name === 'ext' ? [0] : undefined);
  }
});
