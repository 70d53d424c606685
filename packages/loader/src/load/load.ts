// SPDX-License-Identifier: MIT
import { BpfError, BPF_MAP_TYPE_PROG_ARRAY, BPF_PROG_TYPE_STRUCT_OPS, EOPNOTSUPP } from '@tsbpf/uapi';
import { ctxArgs, nameContexts } from '../btf/arg-ctx.ts';
import { loadBtf } from '../btf/load.ts';
import type { BpfMap } from '../handle/map.ts';
import type { BpfProgram } from '../handle/program.ts';
import { kernelVersionOf, resolveKconfig } from '../kconfig/kconfig.ts';
import type { MapSpec, ProgSpec } from '../open/spec.ts';
import { resolveAttachTarget } from './attach-target.ts';
import { applyCore } from './core.ts';
import { createMaps, fillSlots } from './create-maps.ts';
import { resolveKsyms } from './ksyms.ts';
import { Linker, type LinkedProg } from './link.ts';
import { loadProgram } from './prog-load.ts';
import { relocateLate } from './relocate.ts';
import type { LoadState } from './state.ts';
import { initStructOps, type KernelStructOps } from './struct-ops.ts';

const BIG_ENDIAN_MACHINES = /^(s390x?|ppc(64)?|mips(64)?|sparc(64)?|m68k|parisc)$/;

function checkEndian(state: LoadState): void {
  const { spec, sys, refuse } = state;
  const little = !BIG_ENDIAN_MACHINES.test(sys.uname().machine);
  if (little === spec.elf.littleEndian) return;
  const word = (le: boolean): string => (le ? 'little' : 'big');
  refuse(
    `object '${spec.name}': it is ${word(spec.elf.littleEndian)}-endian and the system ${word(little)}-endian; it can be opened but not loaded`,
    { errno: EOPNOTSUPP },
  );
}

function resolveExterns(state: LoadState): ReturnType<typeof resolveKsyms> {
  const { spec, sys, print, refuse, maps } = state;
  const kconfig = maps.find((map) => map.kind === 'kconfig');
  if (kconfig?.spec.data !== undefined) {
    resolveKconfig({
      externs: spec.externs,
      data: kconfig.spec.data,
      kconfig: state.kconfig,
      sys,
      features: state.features,
      print,
      refuse,
    });
  }
  return resolveKsyms(state);
}

/** Works out struct_ops maps, and which programs only they want. */
function prepareStructOps(state: LoadState): Map<BpfMap, KernelStructOps> {
  const kern = new Map<BpfMap, KernelStructOps>();
  const wanted = new Set<string>();
  const named = new Set<string>();
  for (const map of state.maps) {
    for (const { progName } of map.spec.structOps?.funcs ?? []) {
      named.add(progName);
      if (map.autocreate) wanted.add(progName);
    }
    if (map.kind === 'struct_ops' && map.autocreate) kern.set(map, initStructOps(state, map));
  }
  for (const prog of state.progs) {
    if (prog.type !== BPF_PROG_TYPE_STRUCT_OPS) continue;
    if (named.has(prog.name) && !wanted.has(prog.name)) prog.autoload = false;
    else if (!named.has(prog.name) && prog.autoload) {
      state.refuse(
        `prog '${prog.name}': SEC("struct_ops") program isn't referenced anywhere, did you forget to use it?`,
        { prog: prog.name },
      );
    }
  }
  return kern;
}

/** Loads an object: everything between opening and attaching, in libbpf's order. */
export function loadObject(state: LoadState): { structOps: Map<BpfMap, KernelStructOps> } {
  const { spec, sys, print, refuse, maps, progs } = state;
  checkEndian(state);
  if (!state.features.has('trivialProg')) {
    refuse(
      "Error in bpf_object__probe_loading(): couldn't load a trivial BPF program. Make sure your kernel supports BPF " +
        '(CONFIG_BPF_SYSCALL=y) and/or that RLIMIT_MEMLOCK is set to big enough value.',
      { errno: 1 },
    );
  }
  const ksyms = resolveExterns(state);
  const structOps = prepareStructOps(state);

  const bySpec = new Map<ProgSpec, BpfProgram>(progs.map((prog) => [prog.spec, prog]));
  const core = applyCore(state, (prog) => prog.isSubprog || bySpec.get(prog)?.autoload === true);
  const linker = new Linker(state, core);
  const linked = new Map<BpfProgram, LinkedProg>();
  for (const prog of progs) {
    if (prog.autoload) linked.set(prog, linker.link(prog.spec));
    else print('debug', `prog '${prog.name}': skipped loading`);
  }

  if (spec.btf !== undefined) {
    const { features } = state;
    const tagged = ctxArgs(spec.btf);
    const infos = Array.from(linked, ([prog, { funcInfo, funcInfoRecSize }]) => ({
      progType: prog.type,
      funcInfo,
      funcInfoRecSize,
    }));
    const named = tagged.size > 0 && !features.has('argCtxTag');
    const btf = named ? nameContexts(spec.btf, tagged, infos) : spec.btf;
    const fd = loadBtf({ sys, btf, features, mandatory: spec.btfMandatory, print });
    if (fd !== undefined) {
      state.btfFd = fd;
      state.ownFds.push(fd);
    }
  }
  createMaps(state, structOps);

  const mapOf = new Map<MapSpec, BpfMap>(maps.map((map) => [map.spec, map]));
  for (const [prog, link] of linked) {
    relocateLate(link.insns, link.relos, { maps, mapOf, externs: spec.externs, ksyms });
    if (prog.kernVersion === 0) prog.kernVersion = spec.kernVersion === 0 ? kernelVersionOf(sys) : spec.kernVersion;
  }
  for (const [prog, link] of linked) {
    try {
      resolveAttachTarget(state, prog);
      prog.adoptFd(loadProgram(state, prog, link));
    } catch (error) {
      if (error instanceof BpfError) print('warn', `prog '${prog.name}': failed to load: ${-error.errno}`);
      throw error;
    }
  }
  for (const map of maps) {
    if (map.type === BPF_MAP_TYPE_PROG_ARRAY && map.exists && !map.reused) fillSlots(state, map);
  }
  return { structOps };
}
