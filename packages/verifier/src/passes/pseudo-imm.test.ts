// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeInsns, exit, type Insn, ldImm64, ldMapFd, ldMapValue, ldxMem, mov64Imm, stxMem } from '@tsbpf/insn';
import { BPF_W, E2BIG, EBADF, EBUSY, EINVAL, ENOTSUPP } from '@tsbpf/uapi';
import { fakeMap, fakeVerification, outcome } from '../../test/verification.ts';
import { resolvePseudoImmediates } from './pseudo-imm.ts';
import { sha1 } from './sha1.ts';
import { progTag } from './tag.ts';

const raw = (code: number, rest: Partial<Insn> = {}): Insn => ({ code, dst: 0, src: 0, off: 0, imm: 0, ...rest });
const wide = (first: Partial<Insn>, second: Partial<Insn> = {}): Insn[] => [raw(0x18, first), raw(0, second)];

const array = fakeMap(
  { addr: 0xffff888000001000n, valueSize: 16 },
  { directValue: (map, off) => (off < map.valueSize ? 0xffff888000002000n + BigInt(off) : -EINVAL) },
);
const many = fakeMap({ maxEntries: 2, valueSize: 16 }, { directValue: () => -ENOTSUPP });
const hash = fakeMap({ type: 1 }, { hashed: true });
const lazyHash = fakeMap({ type: 1, flags: 1 }, { hashed: true });
const outer = fakeMap({ type: 12, innerMap: lazyHash });
const locked = fakeMap({ spinLockOff: 4 });
const storage = fakeMap({ type: 19 });
const otherStorage = fakeMap({ type: 19 });
const takenStorage = fakeMap({ type: 21, ownedByProg: true });
const structOps = fakeMap({ type: 26 });
const maps = [array, many, hash, lazyHash, outer, locked, storage, otherStorage, takenStorage, structOps];
const mapByFd = (fd: number) => maps[fd] ?? (fd === 99 ? -EINVAL : -EBADF);

describe('pseudo immediates', () => {
  const refused: [string, Insn[], string, number, { type?: number; devBound?: boolean }?][] = [
    ['ldx with imm', [{ ...ldxMem(BPF_W, 0, 1, 0), imm: 1 }], 'BPF_LDX uses reserved fields\n', EINVAL],
    ['ldx of another mode', [raw(0x81)], 'BPF_LDX uses reserved fields\n', EINVAL],
    ['stx with imm', [{ ...stxMem(BPF_W, 1, 0, 0), imm: 1 }], 'BPF_STX uses reserved fields\n', EINVAL],
    ['atomic with imm', [raw(0xdb, { imm: 0x40 })], 'BPF_STX uses reserved fields\n', EINVAL],
    ['stx of another mode', [raw(0x23)], 'BPF_STX uses reserved fields\n', EINVAL],
    ['first half only', [raw(0x18)], 'invalid bpf_ld_imm64 insn\n', EINVAL],
    ['second half with code', wide({}, { code: 0xb7 }), 'invalid bpf_ld_imm64 insn\n', EINVAL],
    ['second half with dst', wide({}, { dst: 1 }), 'invalid bpf_ld_imm64 insn\n', EINVAL],
    ['second half with src', wide({}, { src: 1 }), 'invalid bpf_ld_imm64 insn\n', EINVAL],
    ['second half with off', wide({}, { off: 1 }), 'invalid bpf_ld_imm64 insn\n', EINVAL],
    ['BTF id, since 5.10', wide({ src: 3 }), 'unrecognized bpf_ld_imm64 insn\n', EINVAL],
    ['fd with high half', wide({ src: 1 }, { imm: 1 }), 'unrecognized bpf_ld_imm64 insn\n', EINVAL],
    ['no such fd', ldMapFd(1, 77), 'fd 77 is not pointing to valid bpf_map\n', EBADF],
    ['fd -1', ldMapFd(1, -1), 'fd -1 is not pointing to valid bpf_map\n', EBADF],
    ['fd of something else', ldMapFd(1, 99), 'fd 99 is not pointing to valid bpf_map\n', EINVAL],
    ['offset too big', ldMapValue(1, 0, 1 << 29), 'direct value offset of 536870912 is not allowed\n', EINVAL],
    ['negative offset', ldMapValue(1, 0, -1), 'direct value offset of 4294967295 is not allowed\n', EINVAL],
    ['no direct values', ldMapValue(1, 2, 0), 'no direct value access support for this map type\n', EINVAL],
    ['beyond the value', ldMapValue(1, 0, 16), 'invalid access to map value pointer, value_size=16 off=16\n', EINVAL],
    ['many entries', ldMapValue(1, 1, 0), 'invalid access to map value pointer, value_size=16 off=0\n', ENOTSUPP],
    ['perf event', ldMapFd(1, 3), 'perf_event programs can only use preallocated hash map\n', EINVAL, { type: 7 }],
    ['inner', ldMapFd(1, 4), 'perf_event programs can only use preallocated inner hash map\n', EINVAL, { type: 7 }],
    ['lock, kprobe', ldMapFd(1, 5), 'tracing progs cannot use bpf_spin_lock yet\n', EINVAL, { type: 2 }],
    ['lock, filter', ldMapFd(1, 5), 'tracing progs cannot use bpf_spin_lock yet\n', EINVAL, { type: 1 }],
    ['offload', ldMapFd(1, 0), 'offload device mismatch between prog and map\n', EINVAL, { devBound: true }],
    ['struct_ops', ldMapFd(1, 9), 'bpf_struct_ops map cannot be used in prog\n', EINVAL],
    ['storage twice', [...ldMapFd(1, 6), ...ldMapFd(1, 7)], 'only one cgroup storage of each type is allowed\n', EBUSY],
    ['storage of another', ldMapFd(1, 8), 'only one cgroup storage of each type is allowed\n', EBUSY],
    ['JMP32 JA', [raw(0x06)], 'unknown opcode 06\n', EINVAL],
    ['ALU64 END', [raw(0xd7)], 'unknown opcode d7\n', EINVAL],
    ["the kernel's own tail call", [raw(0xf5)], 'unknown opcode f5\n', EINVAL],
  ];
  it.each(refused)('%s', (_, insns, log, errno, prog = {}) => {
    const v = fakeVerification({ insns: [...insns, exit()], prog: { type: 3, ...prog }, env: { mapByFd } });
    if (_ === 'first half only') v.insns.length = 1;
    expect(outcome(v, resolvePseudoImmediates)).toEqual({ errno: -errno, log });
  });

  it('puts addresses where fds were and notes maps once, in order', () => {
    const insns = [...ldMapFd(1, 2), ...ldMapValue(2, 0, 4), ...ldMapFd(3, 2), ...ldImm64(4, 2n), exit()];
    const v = fakeVerification({ insns, prog: { type: 3 }, env: { mapByFd } });
    expect(outcome(v, resolvePseudoImmediates)).toEqual({ errno: 0, log: '' });
    expect(v.usedMaps).toEqual([hash, array]);
    expect([v.insns[2].imm >>> 0, v.insns[3].imm >>> 0]).toEqual([0x00002004, 0xffff8880]);
    expect([v.insns[0].src, v.insns[2].src, v.insns[6].imm]).toEqual([1, 2, 2]);
    expect([v.insnFacts[0].map, v.insnFacts[2].map, v.insnFacts[2].mapValueOff]).toEqual([hash, array, 4]);
  });

  it('takes 64 maps, not 65', () => {
    const all = Array.from({ length: 65 }, () => fakeMap());
    const load = (count: number) => all.slice(0, count).flatMap((_, fd) => ldMapFd(1, fd));
    const run = (count: number) =>
      outcome(fakeVerification({ insns: load(count), env: { mapByFd: (fd) => all[fd] } }), resolvePseudoImmediates);
    expect(run(64)).toEqual({ errno: 0, log: '' });
    expect(run(65)).toEqual({ errno: -E2BIG, log: '' });
  });

  it('remembers the storage of each kind', () => {
    const v = fakeVerification({ insns: [...ldMapFd(1, 6), ...ldMapFd(1, 6), exit()], env: { mapByFd } });
    expect(outcome(v, resolvePseudoImmediates).errno).toBe(0);
    expect(v.cgroupStorage).toEqual([storage, undefined]);
  });
});

describe('tag', () => {
  it.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1000])('sha1 of %d bytes', (length) => {
    const message = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 0xff);
    expect(sha1(message)).toEqual(new Uint8Array(createHash('sha1').update(message).digest()));
  });

  const digest = (insns: readonly Insn[]) =>
    new Uint8Array(createHash('sha1').update(encodeInsns(insns)).digest()).slice(0, 8);
  const tags: [string, Insn[], Insn[]][] = [
    ['plain', [mov64Imm(0, 1), exit()], [mov64Imm(0, 1), exit()]],
    ['fd', [...ldMapFd(1, 5), exit()], [...ldMapFd(1, 0), exit()]],
    ['value', [...ldMapValue(1, 5, 8), exit()], [...ldMapValue(1, 0, 0), exit()]],
    ['constants count', [...ldImm64(1, 5n << 32n), exit()], [...ldImm64(1, 5n << 32n), exit()]],
    ['a broken second half counts', wide({ src: 1, imm: 5 }, { off: 1, imm: 3 }), wide({ src: 1 }, { off: 1, imm: 3 })],
  ];
  it.each(tags)('%s', (_, insns, cleared) => {
    expect(progTag(insns)).toEqual(digest(cleared));
  });
});
