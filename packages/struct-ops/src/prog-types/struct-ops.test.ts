// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, BTF_KIND_STRUCT } from '@tsbpf/btf';
import type { CtxEnv } from '@tsbpf/core';
import { createTestKernel, progFacts } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { tcpCongestionOpsRules } from '../tcp/congestion-ops.ts';
import { structOpsProgType } from './struct-ops.ts';

const kernel = createTestKernel();
const { types } = kernel;
const { btf } = kernel.vmlinux;
const structId = (name: string): number => btf.findByName(name, BTF_KIND_STRUCT) ?? -1;
const env: CtxEnv = { vmlinux: btf, types, progType: () => undefined };
const prog = progFacts({ type: 27, expectedAttachType: 5 });
const { verifier } = structOpsProgType;

const members = btf.members(structId('tcp_congestion_ops'));

/** The prototype of a member that is a pointer to a function; 0 for any other. */
function protoOf(name: string): number {
  const member = members.find((m) => m.name === name);
  const ptr = btf.skipModifiers(member?.typeId ?? 0);
  if (btf.kind(ptr) !== BTF_KIND_PTR) return 0;
  const pointee = btf.skipModifiers(btf.sizeOrType(ptr));
  return btf.kind(pointee) === BTF_KIND_FUNC_PROTO ? pointee : 0;
}

describe('stores through BTF pointers', () => {
  const write = (structName: string, off: number, size: number): unknown =>
    verifier.btfStructWrite?.({ btf, structId: structId(structName), off, size }, env);
  const place = (member: string) => types.resolve(`tcp_sock.${member}`);

  test.each([
    ['snd_cwnd', 4],
    ['snd_cwnd_cnt', 4],
    ['snd_ssthresh', 4],
    ['ecn_flags', 1],
    ['inet_conn.icsk_ack.pending', 1],
  ])('%s: from its beginning, up to %i bytes', (member, bytes) => {
    const { off } = place(member);
    for (let size = 1; size <= 8; size *= 2) {
      const end = off + bytes;
      const beyond = `write access at off ${off} with size ${size} beyond the member of tcp_sock ended at ${end}\n`;
      expect(write('tcp_sock', off, size)).toBe(size <= bytes ? true : beyond);
    }
    expect(write('tcp_sock', off - 1, 1)).toBe(`no write support to tcp_sock at off ${off - 1}\n`);
    if (bytes > 1) expect(write('tcp_sock', off + 1, 1)).toBe(`no write support to tcp_sock at off ${off + 1}\n`);
  });

  test('the private area: anywhere inside its 104 bytes', () => {
    const { off, size } = place('inet_conn.icsk_ca_priv');
    expect(size).toBe(104);
    expect(write('tcp_sock', off + 37, 2)).toBe(true);
    expect(write('tcp_sock', off + 96, 8)).toBe(true);
    expect(write('tcp_sock', off + 100, 8)).toBe(
      `write access at off ${off + 100} with size 8 beyond the member of tcp_sock ended at ${off + 104}\n`,
    );
    expect(write('tcp_sock', off + 104, 1)).toContain('no write support');
  });

  test('no other structure, not even the one a tcp_sock begins with', () => {
    expect(write('sock', place('snd_cwnd').off, 4)).toBe('only read is supported\n');
    expect(write('inet_connection_sock', place('inet_conn.icsk_ca_priv').off, 4)).toBe('only read is supported\n');
  });
});

describe('members of tcp_congestion_ops', () => {
  test('those that are functions are mandatory, optional or not to be implemented', () => {
    const { mandatory, optional, unsupported } = tcpCongestionOpsRules;
    const functions = members.filter((m) => protoOf(m.name) !== 0).map((m) => m.name);
    expect([...mandatory, ...optional, ...unsupported].sort()).toEqual([...functions].sort());
    expect(members.map((m) => m.name).indexOf('get_info')).toBe(15);
  });

  test.each([
    ['init', true],
    ['cong_avoid', true],
    ['ssthresh', false],
    ['undo_cwnd', false],
    ['min_tso_segs', false],
  ])('%s returns nothing: %s', (name, isVoid) => {
    const attachFuncProto = { btf, typeId: protoOf(name), name };
    expect(verifier.returnsVoid?.(prog, { ...env, attachFuncProto })).toBe(isVoid);
  });

  test('sock becomes tcp_sock, and nothing else changes', () => {
    expect(tcpCongestionOpsRules.promote?.('sock')).toBe('tcp_sock');
    expect(tcpCongestionOpsRules.promote?.('ack_sample')).toBeUndefined();
  });

  test('helpers: the base set and tcp_send_ack', () => {
    expect(verifier.getFuncProto(116, prog)).toBe('bpf_tcp_send_ack');
    expect(verifier.getFuncProto(1, prog)).toBe('bpf_map_lookup_elem');
    expect(verifier.getFuncProto(93, prog)).toBe('bpf_spin_lock');
    expect(verifier.getFuncProto(93, { ...prog, privileged: false })).toBeUndefined();
    expect(verifier.getFuncProto(14, prog)).toBeUndefined();
  });
});
