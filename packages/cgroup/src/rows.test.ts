// SPDX-License-Identifier: MIT
// Every offset, size and direction, as the predicates of Linux v5.6 answer.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as uapi from '@tsbpf/uapi';
import type { ProgTypeDef } from '@tsbpf/core';
import { acceptedAccesses, progFacts, type AcceptedAccesses } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { cgroupProgTypes } from './rows.ts';

const fixture = resolve(import.meta.dirname, '../test/fixtures/access-matrix.json');
const matrix = JSON.parse(readFileSync(fixture, 'utf8')) as Record<string, AcceptedAccesses>;
const env = { vmlinux: undefined, types: undefined, progType: () => undefined };

function row(name: string): ProgTypeDef {
  const found = cgroupProgTypes.find((def) => uapi.BPF_PROG_TYPE_NAMES[def.type] === `BPF_PROG_TYPE_${name}`);
  if (found === undefined) throw new uapi.InternalError(`no row for ${name}`);
  return found;
}

const attachType = (name: string): number => (uapi as unknown as Record<string, number>)[name] ?? -1;

describe('context access', () => {
  test.each(Object.entries(matrix))('%s', (variant, { ctxBytes, accept }) => {
    const [, name = '', note = '', attach = 'BPF_CGROUP_INET_INGRESS'] =
      /^([A-Z_]+)(?:\((\w+)\))?(?:\/(\w+))?$/.exec(variant) ?? [];
    const def = row(name);
    const prog = progFacts({ expectedAttachType: attachType(attach), privileged: note !== 'unpriv' });
    const ours = acceptedAccesses((request) => def.verifier.isValidAccess(request, env), { ctxBytes, prog });
    expect(new Set(ours)).toEqual(new Set(accept));
  });

  test('there is a variant for every row and attach type', () => {
    for (const def of cgroupProgTypes) {
      const name = (uapi.BPF_PROG_TYPE_NAMES[def.type] ?? '').replace('BPF_PROG_TYPE_', '');
      const variants = Object.keys(matrix).filter((variant) => variant.split(/[/(]/)[0] === name);
      expect(variants.length, name).toBe(
        def.attachMustMatch === true ? def.expectedAttachTypes?.length : name === 'CGROUP_SKB' ? 2 : 1,
      );
    }
  });
});

const ranges: [name: string, attach: string, expected: object][] = [
  ['CGROUP_SKB', 'BPF_CGROUP_INET_INGRESS', { lo: 0, hi: 1 }],
  ['CGROUP_SKB', 'BPF_CGROUP_INET_EGRESS', { lo: 0, hi: 3, enforceAttachIn: [2, 3] }],
  ['CGROUP_SOCK', 'BPF_CGROUP_INET_SOCK_CREATE', { lo: 0, hi: 1 }],
  ['CGROUP_SOCK', 'BPF_CGROUP_INET6_POST_BIND', { lo: 0, hi: 1 }],
  ['CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET4_CONNECT', { lo: 0, hi: 1 }],
  ['CGROUP_SOCK_ADDR', 'BPF_CGROUP_UDP6_SENDMSG', { lo: 0, hi: 1 }],
  ['CGROUP_SOCK_ADDR', 'BPF_CGROUP_UDP4_RECVMSG', { lo: 1, hi: 1 }],
  ['CGROUP_SOCK_ADDR', 'BPF_CGROUP_UDP6_RECVMSG', { lo: 1, hi: 1 }],
  ['SOCK_OPS', 'BPF_CGROUP_SOCK_OPS', { lo: 0, hi: 1 }],
  ['CGROUP_DEVICE', 'BPF_CGROUP_DEVICE', { lo: 0, hi: 1 }],
  ['CGROUP_SYSCTL', 'BPF_CGROUP_SYSCTL', { lo: 0, hi: 1 }],
  ['CGROUP_SOCKOPT', 'BPF_CGROUP_GETSOCKOPT', { lo: 0, hi: 1 }],
];

test.each(ranges)('%s at %s returns within its range', (name, attach, expected) => {
  const prog = progFacts({ expectedAttachType: attachType(attach) });
  expect(row(name).verifier.returnRange?.(prog, env)).toEqual(expected);
});

const helpers: [name: string, attach: string, id: number, privileged: boolean, variant: string | undefined][] = [
  ['CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET4_CONNECT', 64, true, 'bpf_bind'],
  ['CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET4_BIND', 64, true, undefined],
  ['CGROUP_SKB', 'BPF_CGROUP_INET_EGRESS', 93, true, 'bpf_spin_lock'],
  ['CGROUP_SKB', 'BPF_CGROUP_INET_EGRESS', 93, false, undefined],
  ['CGROUP_SYSCTL', 'BPF_CGROUP_SYSCTL', 105, true, 'bpf_strtol'],
  ['CGROUP_DEVICE', 'BPF_CGROUP_DEVICE', 5, true, undefined],
  ['CGROUP_SOCKOPT', 'BPF_CGROUP_SETSOCKOPT', 81, true, 'bpf_get_local_storage'],
];

test.each(helpers)('%s at %s: helper %i, privileged %s, is %s', (name, attach, id, privileged, variant) => {
  const prog = progFacts({ expectedAttachType: attachType(attach), privileged });
  expect(row(name).verifier.getFuncProto(id, prog)).toBe(variant);
});

test('only cgroup_skb may be loaded by users, and read packets; socket options are like packets', () => {
  expect(cgroupProgTypes.filter((def) => def.unprivileged).map((def) => def.name)).toEqual(['cgroup_skb']);
  expect(cgroupProgTypes.filter((def) => def.verifier.packetAccess !== undefined).map((def) => def.name)).toEqual([
    'cgroup_skb',
    'cgroup_sockopt',
  ]);
});
