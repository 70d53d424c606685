// SPDX-License-Identifier: MIT
import { BTF_KIND_TYPEDEF } from '@tsbpf/btf';
import type { KernelServices } from '@tsbpf/core';
import { EINVAL, ENOENT, UsageError } from '@tsbpf/uapi';
import { Arena, type KernelValue } from '../function/kernel-value.ts';

/**
 * Fires a raw tracepoint with arguments as its prototype in the kernel's BTF types them. Objects made for them are
 * freed afterwards.
 * @errno ENOENT UsageError: there is none of that name; EINVAL, ERANGE UsageError: arguments that do not fit it
 */
export function emitTracepoint(kernel: KernelServices, name: string, args: readonly KernelValue[]): void {
  const { btf } = kernel.types;
  const id = btf.findByName(`btf_trace_${name}`, BTF_KIND_TYPEDEF);
  if (id === undefined) throw new UsageError(`the kernel's BTF has no tracepoint ${name}`, { errno: ENOENT });
  const params = btf.funcProto(id).params.slice(1);
  if (args.length !== params.length) {
    throw new UsageError(`tracepoint ${name} has ${params.length} arguments, not ${args.length}`, { errno: EINVAL });
  }
  const arena = new Arena(kernel);
  try {
    const words = params.map(({ typeId, name: param }, i) =>
      arena.word(typeId, args[i], `${name}(${param || `arg${i}`})`),
    );
    kernel.tracepoints.fire(name, words);
  } finally {
    arena.free();
  }
}

/** As many of the arguments as the tracepoint takes, more of them zero; undefined where the kernel's BTF lacks it. */
export function argumentsOf56(
  { types: { btf } }: KernelServices,
  name: string,
  args: readonly KernelValue[],
): readonly KernelValue[] | undefined {
  const id = btf.findByName(`btf_trace_${name}`, BTF_KIND_TYPEDEF);
  if (id === undefined) return undefined;
  return btf
    .funcProto(id)
    .params.slice(1)
    .map((_, i) => args[i] ?? 0);
}
