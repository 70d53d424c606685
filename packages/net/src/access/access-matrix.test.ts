// SPDX-License-Identifier: MIT
// Every offset, size and direction, as the predicates of Linux v5.6 answer. The table is the maintainers' reference.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BPF_PROG_TYPE_NAMES } from '@tsbpf/uapi';
import type { AccessInfo, AccessRequest, ProgFacts } from '@tsbpf/core';
import { progFacts } from '@tsbpf/testkit';
import { accessSkb, CGROUP_SKB_FIELDS, netProgTypes, netPtrClasses } from '../rows.ts';

type Row = [off: number, size: number, dir: 'R' | 'W', reg: string | null, width: number];
interface Matrix {
  variants: Record<string, { ctx_size: number; accept: Row[] }>;
}

const shared = process.env['TSBPF_SHARED'] ?? resolve(import.meta.dirname, '../../../../../shared');
const path = resolve(shared, 'reference/programs/access-matrix.json');
const missing = !existsSync(path);
if (missing) console.log(`skipped: no reference data at ${path}`);
const matrix = missing ? { variants: {} } : (JSON.parse(readFileSync(path, 'utf8')) as Matrix);

const env = { vmlinux: undefined, types: undefined, progType: () => undefined };

type Judge = (request: AccessRequest) => AccessInfo | string | undefined;

/** What of ours a variant of the reference is about; undefined for other packages' contexts. */
function judges(variant: string): { judge: Judge; prog: ProgFacts }[] {
  const pointer = /^\(via (PTR_TO_\w+)\)/.exec(variant);
  if (pointer !== null) {
    return netPtrClasses
      .filter((row) => row.regType === pointer[1])
      .map((row) => ({ judge: (request) => row.isValidAccess(request), prog: progFacts() }));
  }
  const [, names = '', note = ''] = /^([A-Z0-9_|]+)(?:\((.*)\))?$/.exec(variant) ?? [];
  const prog = progFacts({ privileged: note !== 'unpriv', devBound: note === 'device-bound' });
  if (names === 'CGROUP_SKB') return [{ judge: (request) => accessSkb(CGROUP_SKB_FIELDS, request), prog }];
  return names.split('|').flatMap((name) => {
    const row = netProgTypes.find(({ type }) => BPF_PROG_TYPE_NAMES[type] === `BPF_PROG_TYPE_${name}`);
    return row === undefined ? [] : [{ judge: (request) => row.verifier.isValidAccess(request, env), prog }];
  });
}

/** Our rows without a variant would go unnoticed. */
const covered = Object.keys(matrix.variants).filter((variant) => judges(variant).length > 0);

describe.skipIf(missing)('context access', () => {
  it('covers every program type and pointer class of the package', () => {
    const count = covered.reduce((sum, variant) => sum + judges(variant).length, 0);
    // XDP and CGROUP_SKB have two variants each.
    expect(count).toBe(netProgTypes.length + 1 + 2 + netPtrClasses.length);
  });

  it.each(covered)('%s', (variant) => {
    const { ctx_size: ctxSize, accept } = matrix.variants[variant] as Matrix['variants'][string];
    const expected = accept.map(([off, size, dir, reg, width]) =>
      [off, size, dir, reg === 'SCALAR' || reg === null ? 'SCALAR_VALUE' : reg, width].join(' '),
    );
    for (const { judge, prog } of judges(variant)) {
      const ours: string[] = [];
      for (let off = -8; off < ctxSize + 16; off++) {
        for (const size of [1, 2, 4, 8]) {
          for (const write of [false, true]) {
            const info = judge({ off, size, write, prog });
            if (typeof info !== 'object') continue;
            ours.push([off, size, write ? 'W' : 'R', info.regType, info.ctxFieldSize].join(' '));
          }
        }
      }
      expect(new Set(ours)).toEqual(new Set(expected));
    }
  });
});
