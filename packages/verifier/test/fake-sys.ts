// SPDX-License-Identifier: MIT
// A bpf(2) that only verifies: maps are facts, programs are verdicts. For tools/selftests, by this file's path:
//   tsx --conditions=@tsbpf/source tools/selftests/run.ts --sys packages/verifier/test/fake-sys.ts --kernel 5.6.4
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Btf, parseBtf, validateBtf } from '@tsbpf/btf';
import { HELPER_PROTOS, type HelperVariant, type KernelBtf, type MapFacts, type VerifierEnv, defineHelper } from '@tsbpf/core';
import { decodeInsns } from '@tsbpf/insn';
import {
  BPF_BTF_LOAD,
  BPF_MAP_CREATE,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  EBADF,
  EINVAL,
  ENOENT,
  InternalError,
  type BtfLoadAttr,
  type MapCreateAttr,
  type ProgLoadAttr,
  type Sys,
} from '@tsbpf/uapi';
import { verify } from '../src/index.ts';
import { fakeMapType } from './fake-map-types.ts';
import { fakeRows } from './fake-rows.ts';

const SHARED = process.env['TSBPF_SHARED'] ?? fileURLToPath(new URL('../../../../shared', import.meta.url));

/** Where the reference's table of context accesses is; undefined where there is none. */
export function matrixFile(): string | undefined {
  const file = `${SHARED}/reference/programs/access-matrix.json`;
  return existsSync(file) ? file : undefined;
}

/** Offset of `struct bpf_spin_lock` in a value, or -ENOENT. Tests have it at the top level. */
function spinLockOff(btf: Btf | undefined, valueId: number): number {
  if (btf === undefined || !btf.has(valueId)) return -ENOENT;
  for (const member of btf.members(valueId)) {
    if (btf.name(btf.skipModifiers(member.typeId)) === 'bpf_spin_lock') return member.bitOffset / 8;
  }
  return -ENOENT;
}

/** Makes the system. Needs the reference's table. */
export function createSys(options: { unprivileged?: boolean } = {}): Sys {
  const file = matrixFile();
  if (file === undefined) throw new InternalError('there is no table of context accesses');
  const { types, classes } = fakeRows(file);
  const fds = new Map<number, MapFacts | KernelBtf | 'prog'>();
  const memory = new Map<bigint, Uint8Array>();
  let nextFd = 3;
  let nextAddr = 0xff110000bbb20000n;
  const open = (what: MapFacts | KernelBtf | 'prog'): number => {
    fds.set(nextFd, what);
    return nextFd++;
  };
  const env: VerifierEnv = {
    version: '5.6',
    progType: (type) => types.get(type),
    mapByFd(fd) {
      const it = fds.get(fd);
      // Standard input, output and error are files, but no maps.
      if (it === undefined) return fd >= 0 && fd <= 2 ? -EINVAL : -EBADF;
      return it !== 'prog' && 'keySize' in it ? it : -EINVAL;
    },
    helper: (variant) => (variant in HELPER_PROTOS ? defineHelper(variant as HelperVariant) : undefined),
    helperProtos: HELPER_PROTOS,
    ptrClass: (regType) => classes.get(regType),
    vmlinux: undefined,
    types: undefined,
    callBase: 0n,
    kernelSymbol: () => 0x1000n,
    readMemory(addr, lenBytes) {
      for (const [base, bytes] of memory) {
        const off = Number(addr - base);
        if (off < 0 || off >= bytes.length) continue;
        let value = 0n;
        for (let i = lenBytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[off + i] ?? 0);
        return value;
      }
      return 0n;
    },
    jit: true,
    efficientUnaligned: true,
    now: () => 0n,
  };

  const createMap = (attr: MapCreateAttr): number => {
    const inner = attr.inner_map_fd === undefined ? undefined : fds.get(attr.inner_map_fd);
    const btf = attr.btf_fd === undefined ? undefined : (fds.get(attr.btf_fd) as KernelBtf);
    const addr = nextAddr;
    nextAddr += 0x10000n;
    const type = attr.map_type ?? 0;
    if (type > 26) return -EINVAL;
    memory.set(addr + 0x100n, new Uint8Array((attr.value_size ?? 0) * Math.max(1, attr.max_entries ?? 0)));
    return open({
      type,
      keySize: attr.key_size ?? 0,
      valueSize: attr.value_size ?? 0,
      maxEntries: attr.max_entries ?? 0,
      flags: attr.map_flags ?? 0,
      name: attr.map_name ?? '',
      addr,
      spinLockOff: spinLockOff(btf?.btf, attr.btf_value_type_id ?? 0),
      btf,
      btfKeyTypeId: attr.btf_key_type_id ?? 0,
      btfValueTypeId: attr.btf_value_type_id ?? 0,
      frozen: false,
      innerMap: inner === undefined || inner === 'prog' || !('keySize' in inner) ? undefined : inner,
      def: fakeMapType(type),
    });
  };

  const loadBtf = (attr: BtfLoadAttr): number => {
    const bytes = attr.btf ?? new Uint8Array();
    const { errno } = validateBtf(bytes);
    if (errno !== 0) return -errno;
    return open({ id: 1, btf: parseBtf(bytes), bytes, get: () => undefined, put: () => undefined });
  };

  const loadProg = (attr: ProgLoadAttr): number => {
    const btf = attr.prog_btf_fd === undefined ? undefined : (fds.get(attr.prog_btf_fd) as KernelBtf);
    const result = verify(
      env,
      {
        type: attr.prog_type ?? 0,
        insns: decodeInsns(attr.insns ?? new Uint8Array()),
        gplCompatible: attr.license === 'GPL',
        expectedAttachType: expectedAttachType(attr),
        flags: attr.prog_flags ?? 0,
        name: attr.prog_name ?? '',
        devBound: false,
        privileged: options.unprivileged !== true,
        btf: btf?.btf,
        funcInfo:
          attr.func_info === undefined ? undefined : { recSize: attr.func_info_rec_size ?? 0, bytes: attr.func_info },
        lineInfo:
          attr.line_info === undefined ? undefined : { recSize: attr.line_info_rec_size ?? 0, bytes: attr.line_info },
        attachBtfId: attr.attach_btf_id ?? 0,
        targetProg: undefined,
      },
      attr.log_buf === undefined ? {} : { log: { level: attr.log_level ?? 0, sizeBytes: attr.log_buf.length } },
    );
    attr.log_buf?.set(new TextEncoder().encode(`${result.log}\0`).subarray(0, attr.log_buf.length));
    return result.errno < 0 ? result.errno : open('prog');
  };

  const sys = {
    bpf(cmd: number, attr: unknown): number {
      switch (cmd) {
        case BPF_MAP_CREATE:
          return createMap(attr as MapCreateAttr);
        case BPF_BTF_LOAD:
          return loadBtf(attr as BtfLoadAttr);
        case BPF_PROG_LOAD:
          return loadProg(attr as ProgLoadAttr);
        case BPF_MAP_UPDATE_ELEM:
          return 0;
        default:
          return -EINVAL;
      }
    },
    close(fd: number): number {
      fds.delete(fd);
      return 0;
    },
    readFile: () => -ENOENT,
  };
  return sys as unknown as Sys;
}

/** What PROG_LOAD stores. */
function expectedAttachType(attr: ProgLoadAttr): number {
  const CGROUP_SOCK = 9;
  const INET_SOCK_CREATE = 2;
  const given = attr.expected_attach_type ?? 0;
  return attr.prog_type === CGROUP_SOCK && given === 0 ? INET_SOCK_CREATE : given;
}
