// SPDX-License-Identifier: MIT
import { createBtfBuilder } from '@tsbpf/btf';
import { createKernelTypes, type CtxEnv, type StructOpsRules } from '@tsbpf/core';
import { progFacts } from '@tsbpf/testkit';
import { expect, test } from 'vitest';
import { createStructOpsProgType } from './struct-ops.ts';

const b = createBtfBuilder();
const int = b.int('int', 4, { encoding: 1 });
const returnsInt = b.funcProto(int, []);
const returnsNothing = b.funcProto(0, []);
const target = b.struct('door', 4, [{ name: 'open', typeId: int, bitOffset: 0 }]);
const btf = b.build();

const rules = (name: string, helper: string): StructOpsRules => ({
  name,
  mandatory: [],
  optional: [],
  unsupported: [],
  getFuncProto: (id) => (id === 1 ? helper : undefined),
  btfStructWrite: ({ structName, size }) => (size === 4 ? 0 : `${name}: no ${size} bytes of ${structName}\n`),
});
const { verifier } = createStructOpsProgType([rules('door_ops', 'bpf_ring'), rules('lift_ops', 'bpf_call')]);
const prog = progFacts({ type: 27, expectedAttachType: 1 });
const envOf = (structName: string, typeId: number): CtxEnv => ({
  vmlinux: btf,
  types: createKernelTypes(btf),
  progType: () => undefined,
  attachFuncProto: { btf, typeId, name: 'member', structName },
});

test('helpers and writes are those of the structure that a program implements a member of', () => {
  const [door, lift] = [envOf('door_ops', returnsInt), envOf('lift_ops', returnsInt)];
  expect([door, lift].map((env) => verifier.getFuncProto(1, prog, env))).toEqual(['bpf_ring', 'bpf_call']);
  expect(verifier.getFuncProto(1, prog, envOf('stair_ops', returnsInt))).toBeUndefined();
  const write = (env: CtxEnv, size: number) => verifier.btfStructWrite?.({ btf, structId: target, off: 0, size }, env);
  expect(write(door, 4)).toBe(true);
  expect(write(lift, 2)).toBe('lift_ops: no 2 bytes of door\n');
  expect(write(envOf('stair_ops', returnsInt), 4)).toBe('only read is supported\n');
});

test('R0 is not looked at where the member returns nothing', () => {
  expect(verifier.returnsVoid?.(prog, envOf('door_ops', returnsNothing))).toBe(true);
  expect(verifier.returnsVoid?.(prog, envOf('door_ops', returnsInt))).toBe(false);
});
