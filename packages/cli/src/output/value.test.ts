// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { formatValue, jsonValue } from './value.ts';

const ROWS: [unknown, string, unknown][] = [
  [1, '1', 1],
  [-5n, '-5', -5],
  [2n ** 63n, '9223372036854775808', '9223372036854775808'],
  [new Uint8Array([1, 255]), '01 ff', '01ff'],
  [{ a: 1, b: { c: [1n, 2n] } }, '{ a: 1, b: { c: [1, 2] } }', { a: 1, b: { c: [1, 2] } }],
  [{}, '{}', {}],
  ['eth0', '"eth0"', 'eth0'],
];

describe('values', () => {
  it.each(ROWS)('%o', (value, text, json) => {
    expect(formatValue(value)).toBe(text);
    expect(jsonValue(value)).toEqual(json);
  });
});
