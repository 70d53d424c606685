// SPDX-License-Identifier: MIT
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
    kernelSymbol: (name) => k.text.define(name).addr,
    jit: true,
    efficientUnaligned: true,
    now: () => k.env.ktimeNs(),
    structOps: (structName) => k.registries.structOps.find((row) => row.name === structName),
  };
}
