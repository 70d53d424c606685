// SPDX-License-Identifier: MIT
import { BTF_INT_SIGNED, createBtfBuilder } from '@tsbpf/btf';
import { expect, test } from 'vitest';
import { funcModel } from './func-model.ts';

test('the model is the size of each parameter and of the result, behind typedefs and modifiers', () => {
  const b = createBtfBuilder();
  const int = b.int('int', 4, { encoding: BTF_INT_SIGNED });
  const char = b.int('char', 1, { encoding: BTF_INT_SIGNED });
  const short = b.int('short', 2);
  const u64 = b.typedef('u64', b.int('unsigned long', 8));
  const param = (typeId: number) => ({ name: 'p', typeId });
  const all = b.funcProto(u64, [b.const(int), char, short, u64, b.ptr(0)].map(param));
  const func = b.func('f', all);
  const nothing = b.funcProto(0, []);
  const btf = b.build();
  expect(funcModel(btf, func)).toEqual({ argBytes: [4, 1, 2, 8, 8], retBytes: 8 });
  expect(funcModel(btf, all)).toEqual(funcModel(btf, func));
  expect(funcModel(btf, nothing)).toEqual({ argBytes: [], retBytes: 0 });
});
