// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC_PROTO, BTF_KIND_PTR, BTF_KIND_STRUCT } from '@tsbpf/btf';
import { createTestKernel, progFacts } from '@tsbpf/testkit';
import { describe, expect, test } from 'vitest';
import { tcpCongestionOpsRules } from './rules.ts';

const { types, vmlinux } = createTestKernel();
const { btf } = vmlinux;
const prog = progFacts({ type: 27, expectedAttachType: 5 });
const members = btf.members(btf.findByName('tcp_congestion_ops', BTF_KIND_STRUCT) ?? -1);

function isFunction(typeId: number): boolean {
  const ptr = btf.skipModifiers(typeId);
  return btf.kind(ptr) === BTF_KIND_PTR && btf.kind(btf.skipModifiers(btf.sizeOrType(ptr))) === BTF_KIND_FUNC_PROTO;
}

describe('stores through BTF pointers', () => {
  const write = (structName: string, off: number, size: number): unknown =>
    tcpCongestionOpsRules.btfStructWrite({ structName, off, size, types });
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
      expect(write('tcp_sock', off, size)).toBe(size <= bytes ? 0 : beyond);
    }
    expect(write('tcp_sock', off - 1, 1)).toBe(`no write support to tcp_sock at off ${off - 1}\n`);
    if (bytes > 1) expect(write('tcp_sock', off + 1, 1)).toBe(`no write support to tcp_sock at off ${off + 1}\n`);
  });

  test('the private area: anywhere inside its 104 bytes', () => {
    const { off, size } = place('inet_conn.icsk_ca_priv');
    expect(size).toBe(104);
    expect(write('tcp_sock', off + 37, 2)).toBe(0);
    expect(write('tcp_sock', off + 96, 8)).toBe(0);
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
    const functions = members.filter(({ typeId }) => isFunction(typeId)).map(({ name }) => name);
    expect([...mandatory, ...optional, ...unsupported].sort()).toEqual([...functions].sort());
    expect(members.map(({ name }) => name).indexOf('get_info')).toBe(15);
  });

  test('sock becomes tcp_sock, and nothing else changes', () => {
    expect(tcpCongestionOpsRules.promote?.('sock')).toBe('tcp_sock');
    expect(tcpCongestionOpsRules.promote?.('ack_sample')).toBeUndefined();
  });

  test('helpers: the base set and tcp_send_ack', () => {
    const proto = (id: number, privileged = true) => tcpCongestionOpsRules.getFuncProto(id, { ...prog, privileged });
    expect(proto(116)).toBe('bpf_tcp_send_ack');
    expect(proto(1)).toBe('bpf_map_lookup_elem');
    expect(proto(93)).toBe('bpf_spin_lock');
    expect(proto(93, false)).toBeUndefined();
    expect(proto(14)).toBeUndefined();
  });
});
