// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC } from '@tsbpf/btf';
import { ENOSYS, NotSupportedError } from '@tsbpf/uapi';
import { HELPER_PROTOS, type HelperRow, type VerifierEnv } from '@tsbpf/core';
import type { KernelState } from '../kernel-state.ts';

/** What the verifier may ask of this kernel. */
export function verifierEnv(k: KernelState): VerifierEnv {
  return {
    version: k.version,
    progType: (type) => k.progTypes.get(type),
    mapByFd(fd) {
      const file = k.fds.get(fd, 'map');
      return typeof file === 'number' ? file : file.map;
    },
    helper: (variant) => replaceable(k, variant),
    helperProtos: HELPER_PROTOS,
    ptrClass: (regType) => k.ptrClasses.get(regType),
    vmlinux: k.vmlinux.btf,
    types: k.types,
    callBase: k.text.callBase,
    kernelSymbol: (name) => symbolAddr(k, name),
    jit: true,
    inlineLookups: k.overrides.get('bpf_map_lookup_elem') === undefined,
    efficientUnaligned: true,
    readMemory: (addr, lenBytes) => readWord(k, k.mem.toOff(addr), lenBytes),
    now: () => k.env.ktimeNs(),
    structOps: (structName) => k.registries.structOps.find((row) => row.name === structName),
  };
}

/** A helper's row. One without a body can run where a test has replaced it before the program is loaded. */
function replaceable(k: KernelState, variant: string): HelperRow | undefined {
  const row = k.helpers.get(variant);
  if (row === undefined || row.impl !== undefined || k.overrides.get(variant) === undefined) return row;
  const call = (): never => {
    throw new NotSupportedError(`helper ${variant} is not simulated, and nothing stands in for it any more`, {
      errno: ENOSYS,
      feature: variant,
    });
  };
  const retWidth = row.proto.ret.startsWith('RET_PTR') ? 'ptr' : 'words';
  return { ...row, impl: { retWidth, wideArgs: [1, 2, 3, 4, 5], call } };
}

/** Address of a kernel function: one that was defined, or that the kernel's BTF knows; 0n for any other name. */
function symbolAddr(k: KernelState, name: string): bigint {
  const known = k.text.byName(name);
  if (known !== undefined) return known.addr;
  return k.vmlinux.btf.findByName(name, BTF_KIND_FUNC) === undefined ? 0n : k.text.define(name).addr;
}

/** Up to eight little-endian bytes as a number. */
function readWord(k: KernelState, off: number, lenBytes: number): bigint {
  let word = 0n;
  for (let i = lenBytes - 1; i >= 0; i--) word = (word << 8n) | BigInt(k.mem.read8(off + i));
  return word;
}
