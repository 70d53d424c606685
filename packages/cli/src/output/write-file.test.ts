// SPDX-License-Identifier: MIT
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAILED } from '../exit-status.ts';
import { CommandFailure } from '../failure.ts';
import { writeWhole } from './write-file.ts';

const NOBODY = 65534;
const bytes = new Uint8Array([1, 2, 3]);
let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsbpf-write-'));
  mkdirSync(join(dir, 'read-only'));
  writeFileSync(join(dir, 'read-only/old'), 'kept');
  chmodSync(join(dir, 'read-only'), 0o555);
});
afterAll(() => {
  chmodSync(join(dir, 'read-only'), 0o755);
  rmSync(dir, { recursive: true, force: true });
});

/** Modes do not bind root: somebody else does it then. */
function asUser(work: () => void): void {
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(NOBODY);
  try {
    work();
  } finally {
    if (root) process.seteuid?.(0);
  }
}

describe('writeWhole', () => {
  it('writes a file, over an old one, too', () => {
    for (const content of [bytes, bytes.subarray(1)]) {
      writeWhole(join(dir, 'file'), content);
      expect(new Uint8Array(readFileSync(join(dir, 'file')))).toEqual(content);
    }
    expect(readdirSync(dir).sort()).toEqual(['file', 'read-only']);
  });

  it.each(['new', 'old'])('says that a read-only folder takes no %s file, and leaves it as it was', (name) => {
    const path = join(dir, 'read-only', name);
    let caught: unknown;
    asUser(() => {
      try {
        writeWhole(path, bytes);
      } catch (error) {
        caught = error;
      }
    });
    expect(caught).toBeInstanceOf(CommandFailure);
    expect(caught).toMatchObject({
      status: FAILED,
      message: expect.stringMatching(/read-only\/\S+: cannot be written: EACCES/) as string,
    });
    expect(readdirSync(join(dir, 'read-only'))).toEqual(['old']);
    expect(readFileSync(join(dir, 'read-only/old'), 'utf8')).toBe('kept');
  });
});
