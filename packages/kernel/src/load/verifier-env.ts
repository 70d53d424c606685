// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC } from '@tsbpf/btf';
import { HELPER_PROTOS, type VerifierEnv } from '@tsbpf/core';
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
    helper: (variant) => k.helpers.get(variant),
    helperProtos: HELPER_PROTOS,
    ptrClass: (regType) => k.ptrClasses.get(regType),
    vmlinux: k.vmlinux.btf,
    types: k.types,
    callBase: k.text.callBase,
    kernelSymbol: (name) => symbolAddr(k, name),
    jit: true,
    efficientUnaligned: true,
    readMemory: (addr, lenBytes) => readWord(k, k.mem.toOff(addr), lenBytes),
    now: () => k.env.ktimeNs(),
    structOps: (structName) => k.registries.structOps.find((row) => row.name === structName),
  };
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
