// SPDX-License-Identifier: MIT
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoaderError } from '@tsbpf/uapi';
import { gunzipText } from './inflate.ts';

describe('gunzipText', () => {
  it.each([0, 1, 6, 9])('inflates what zlib makes at level %i', (level) => {
    const text = Array.from({ length: 5000 }, (_, i) => `CONFIG_OPTION_${i}=${i % 7 === 0 ? 'm' : 'y'}\n`).join('');
    expect(gunzipText(new Uint8Array(gzipSync(text, { level })))).toBe(text);
  });

  it('inflates any text, and takes plain text as it is', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), (text) => gunzipText(new Uint8Array(gzipSync(text))) === text),
    );
    expect(gunzipText(new TextEncoder().encode('CONFIG_X=y\n'))).toBe('CONFIG_X=y\n');
  });

  it('refuses what is cut off or damaged', () => {
    const bytes = new Uint8Array(gzipSync('CONFIG_X=y\n'.repeat(50)));
    expect(() => gunzipText(bytes.subarray(0, 20))).toThrow(LoaderError);
    expect(() => gunzipText(new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff]))).toThrow(LoaderError);
  });
});
