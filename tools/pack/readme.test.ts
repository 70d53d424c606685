// SPDX-License-Identifier: MIT
import { describe, expect, test } from 'vitest';
import { firstTsBlock, toJavaScript } from './readme.ts';

describe('firstTsBlock', () => {
  const rows: [name: string, markdown: string, expected: string | undefined][] = [
    ['the first of two', '# x\n```ts\na;\n```\n```ts\nb;\n```\n', 'a;\n'],
    ['after a block of another language', '```sh\nnpm i\n```\n\n```ts\na;\nb;\n```\n', 'a;\nb;\n'],
    ['typescript, CRLF', '```typescript\r\na;\r\n```\r\n', 'a;\n'],
    ['tsx is not ts', '```tsx\na;\n```\n', undefined],
    ['none', '# x\n', undefined],
    ['unclosed', '```ts\na;\n', undefined],
  ];
  test.each(rows)('%s', (_name, markdown, expected) => {
    expect(firstTsBlock(markdown)).toBe(expected);
  });
});

test('toJavaScript drops types, and compiles `using`', () => {
  const js = toJavaScript(`import type { A } from 'a';\nimport { b } from 'b';\nusing x: A = b() as A;\nawait x;\n`);
  expect(js).not.toMatch(/\busing x\b|: A|as A|from 'a'/);
  expect(js).toContain(`import { b } from 'b';`);
});
