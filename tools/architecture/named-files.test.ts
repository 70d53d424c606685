// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(`${root}ARCHITECTURE.md`, 'utf8');
const named = [...new Set(Array.from(text.matchAll(/`([a-z-]+\/src\/[^`\s]+)`/g), (match) => match[1] ?? ''))];

describe('ARCHITECTURE.md', () => {
  it('names files', () => expect(named.length).toBeGreaterThan(30));
  it.each(named)('%s exists', (path) => expect(existsSync(`${root}packages/${path}`)).toBe(true));
});
