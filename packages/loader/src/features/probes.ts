// SPDX-License-Identifier: MIT
// What a kernel can do is found out by asking it: each probe is the smallest call that only a kernel with the feature
// takes. @see libbpf, kernel_supports
import { createBtfBuilder } from '@tsbpf/btf';
import * as K from '@tsbpf/btf';
import {
  callHelper,
  callPseudo,
  encodeInsns,
  exit,
  ldMapValue,
  ldxMem,
  mov64Imm,
  mov64Reg,
  alu64Imm,
  stMem,
  type Insn,
} from '@tsbpf/insn';
import {
  BPF_ADD,
  BPF_BTF_LOAD,
  BPF_CGROUP_INET_SOCK_CREATE,
  BPF_DW,
  BPF_W,
  BPF_F_MMAPABLE,
  BPF_FUNC_probe_read_kernel,
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_ARRAY,
  BPF_PROG_LOAD,
  BPF_PROG_TYPE_CGROUP_SOCK,
  BPF_PROG_TYPE_SOCKET_FILTER,
  BPF_PROG_TYPE_TRACEPOINT,
  type MapCreateAttr,
  type ProgLoadAttr,
  type Sys,
} from '@tsbpf/uapi';

/** A probe: true where the kernel has the feature. It leaves no fd open. */
export type Probe = (sys: Sys) => boolean;

function succeeds(sys: Sys, fd: number): boolean {
  if (fd < 0) return false;
  sys.close(fd);
  return true;
}

const EXIT_0: readonly Insn[] = [mov64Imm(0, 0), exit()];

function loads(sys: Sys, insns: readonly Insn[], attr: Partial<ProgLoadAttr> & { prog_type: number }): boolean {
  return succeeds(sys, sys.bpf(BPF_PROG_LOAD, { insns: encodeInsns(insns), license: 'GPL', ...attr }));
}

const array = (fields: Partial<MapCreateAttr>): MapCreateAttr => ({
  map_type: BPF_MAP_TYPE_ARRAY,
  key_size: 4,
  value_size: 4,
  max_entries: 1,
  ...fields,
});

/** A probe that loads BTF: `int`, and what `more` adds to it. */
function btfProbe(more: (b: ReturnType<typeof createBtfBuilder>, int: number) => void): Probe {
  return (sys) => {
    const b = createBtfBuilder();
    more(b, b.int('int', 4, { encoding: K.BTF_INT_SIGNED }));
    return succeeds(sys, sys.bpf(BPF_BTF_LOAD, { btf: b.bytes() }));
  };
}

const funcProbe = (linkage: number): Probe =>
  btfProbe((b, int) => {
    b.func('x', b.funcProto(0, [{ name: 'a', typeId: int }]), { linkage });
  });

const datasecProbe = (name: string): Probe =>
  btfProbe((b, int) => {
    const typeId = b.add({ kind: K.BTF_KIND_VAR, name: 'x', typeId: int, linkage: K.BTF_VAR_STATIC });
    b.add({ kind: K.BTF_KIND_DATASEC, name, size: 4, vars: [{ typeId, offset: 0, size: 4 }] });
  });

function globalData(sys: Sys): boolean {
  const map = sys.bpf(BPF_MAP_CREATE, array({ value_size: 32, map_name: 'libbpf_global' }));
  if (map < 0) return false;
  const insns = [...ldMapValue(1, map, 16), stMem(BPF_DW, 1, 0, 42), ...EXIT_0];
  const ok = loads(sys, insns, { prog_type: BPF_PROG_TYPE_SOCKET_FILTER });
  sys.close(map);
  return ok;
}

/** Helper of Linux 5.15. */
const BPF_FUNC_get_attach_cookie = 174;

const SYSCALL_PREFIXES: Readonly<Record<string, string>> = {
  x86_64: 'x64',
  i686: 'ia32',
  s390x: 's390x',
  aarch64: 'arm64',
  riscv64: 'riscv',
};

/** What the names of system calls' functions begin with on the machine, where they take their registers in memory. */
export function syscallPrefix(sys: Sys): string | undefined {
  return SYSCALL_PREFIXES[sys.uname().machine];
}

/**
 * Whether system calls take their registers in memory: their functions have a prefix then. Where kprobes are perf
 * events, one on bpf(2) says so; else the kernel's list of names.
 */
function syscallWrapper(sys: Sys): boolean {
  const prefix = syscallPrefix(sys);
  if (prefix === undefined) return false;
  const func = `__${prefix}_sys_bpf`;
  const type = sys.readFile('/sys/bus/event_source/devices/kprobe/type');
  if (typeof type !== 'number') {
    const number = Number.parseInt(new TextDecoder().decode(type), 10);
    return succeeds(sys, sys.perfEventOpen({ type: number, config: 0n, path: func, probeOffset: 0n, pid: -1, cpu: 0 }));
  }
  const kallsyms = sys.readFile('/proc/kallsyms');
  return typeof kallsyms !== 'number' && new TextDecoder().decode(kallsyms).includes(` ${func}\n`);
}

/** A global function that reads its argument as a context, which only a tag says it is. */
function argCtxTag(sys: Sys): boolean {
  const b = createBtfBuilder();
  const int = b.int('int', 4, { encoding: K.BTF_INT_SIGNED });
  const params = [{ name: 'ctx', typeId: b.ptr(0) }];
  const main = b.func('main', b.funcProto(int, params), { linkage: K.BTF_FUNC_GLOBAL });
  const reader = b.func('reader', b.funcProto(int, params), { linkage: K.BTF_FUNC_GLOBAL });
  b.add({ kind: K.BTF_KIND_DECL_TAG, name: 'arg:ctx', typeId: reader, componentIdx: 0, kflag: false });
  const btfFd = sys.bpf(BPF_BTF_LOAD, { btf: b.bytes() });
  if (btfFd < 0) return false;
  const insns = [callPseudo(1), exit(), ldxMem(BPF_W, 0, 1, 0), exit()];
  const ok = loads(sys, insns, {
    prog_type: BPF_PROG_TYPE_SOCKET_FILTER,
    prog_btf_fd: btfFd,
    func_info_rec_size: 8,
    func_info: new Uint8Array(new Uint32Array([0, main, 2, reader]).buffer),
  });
  sys.close(btfFd);
  return ok;
}

/** Features by name. */
export const PROBES = {
  progName: (sys) => loads(sys, EXIT_0, { prog_type: BPF_PROG_TYPE_SOCKET_FILTER, prog_name: 'libbpf_nametest' }),
  globalData,
  btf: btfProbe(() => undefined),
  btfFunc: funcProbe(K.BTF_FUNC_STATIC),
  btfGlobalFunc: funcProbe(K.BTF_FUNC_GLOBAL),
  btfDatasec: datasecProbe('.data'),
  btfQmarkDatasec: datasecProbe('?.data'),
  btfFloat: btfProbe((b) => {
    b.add({ kind: K.BTF_KIND_FLOAT, name: 'float', size: 4 });
  }),
  btfDeclTag: btfProbe((b, int) => {
    const typeId = b.add({ kind: K.BTF_KIND_VAR, name: 'x', typeId: int, linkage: K.BTF_VAR_STATIC });
    b.add({ kind: K.BTF_KIND_DECL_TAG, name: 'tag', typeId, componentIdx: -1, kflag: false });
  }),
  btfTypeTag: btfProbe((b, int) => {
    b.ptr(b.add({ kind: K.BTF_KIND_TYPE_TAG, name: 'tag', typeId: int, kflag: false }));
  }),
  btfEnum64: btfProbe((b) => {
    b.add({ kind: K.BTF_KIND_ENUM64, name: 'e', size: 8, signed: false, values: [{ name: 'v', value: 0n }] });
  }),
  arrayMmap: (sys) =>
    succeeds(sys, sys.bpf(BPF_MAP_CREATE, array({ map_name: 'libbpf_mmap', map_flags: BPF_F_MMAPABLE }))),
  expAttachType: (sys) =>
    loads(sys, EXIT_0, {
      prog_type: BPF_PROG_TYPE_CGROUP_SOCK,
      expected_attach_type: BPF_CGROUP_INET_SOCK_CREATE,
    }),
  probeReadKernel: (sys) =>
    loads(
      sys,
      [
        mov64Reg(1, 10),
        alu64Imm(BPF_ADD, 1, -8),
        mov64Imm(2, 8),
        mov64Imm(3, 0),
        callHelper(BPF_FUNC_probe_read_kernel),
        exit(),
      ],
      { prog_type: BPF_PROG_TYPE_TRACEPOINT },
    ),
  bpfCookie: (sys) =>
    loads(sys, [callHelper(BPF_FUNC_get_attach_cookie), exit()], { prog_type: BPF_PROG_TYPE_TRACEPOINT }),
  syscallWrapper,
  argCtxTag,
  /** A program of the simplest kind at all. */
  trivialProg: (sys) =>
    loads(sys, EXIT_0, { prog_type: BPF_PROG_TYPE_SOCKET_FILTER }) ||
    loads(sys, EXIT_0, { prog_type: BPF_PROG_TYPE_TRACEPOINT }),
} as const satisfies Record<string, Probe>;

export type Feature = keyof typeof PROBES;

/** Answers to probes, each asked once. */
export interface Features {
  has(feature: Feature): boolean;
}

/** Starts without knowing anything of the system. */
export function createFeatures(sys: Sys): Features {
  const known = new Map<Feature, boolean>();
  return {
    has(feature) {
      let answer = known.get(feature);
      if (answer === undefined) {
        answer = PROBES[feature](sys);
        known.set(feature, answer);
      }
      return answer;
    },
  };
}
