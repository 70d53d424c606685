// SPDX-License-Identifier: MIT
import { BTF_KIND_FUNC, BTF_KIND_VAR, essentialName, typesAreCompat } from '@tsbpf/btf';
import { EINVAL, ESRCH } from '@tsbpf/uapi';
import type { ExternSpec } from '../open/spec.ts';
import { newerKfunc } from './newer.ts';
import type { LoadState } from './state.ts';

/** Where the kernel has an extern: at an address, or behind a BTF id (`objFd` 0 is the kernel itself). */
export type KsymAddress =
  | { readonly kind: 'addr'; readonly addr: bigint }
  | { readonly kind: 'btf'; readonly typeId: number; readonly objFd: number };

/** Addresses of symbols, from the text of /proc/kallsyms. Of symbols of one name, libbpf takes the first. */
function kallsyms(text: string, names: ReadonlySet<string>): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const line of text.split('\n')) {
    const [addr, , sym] = line.split(/[ \t]/);
    if (sym === undefined) continue;
    // The compiler adds .llvm.NUMBER to what it renames.
    const name = sym.replace(/\.llvm\..*$/, '');
    if (!names.has(name) || found.has(name)) continue;
    found.set(name, BigInt(`0x${addr}`));
  }
  return found;
}

/** Looks up what .ksyms externs stand for. A weak one may be missing. */
export function resolveKsyms(state: LoadState): Map<ExternSpec, KsymAddress> {
  const { spec, sys, print, refuse } = state;
  const found = new Map<ExternSpec, KsymAddress>();
  const typeless: ExternSpec[] = [];
  for (const ext of spec.externs) {
    const { where } = ext;
    if (where.sec !== 'ksyms') continue;
    if (where.typeId === 0) {
      typeless.push(ext);
      continue;
    }
    const kernel = state.kernelBtf();
    const name = essentialName(ext.name);
    const kind = where.func ? BTF_KIND_FUNC : BTF_KIND_VAR;
    const what = where.func ? 'func' : 'var';
    const id = kernel.findByName(name, kind);
    if (id === undefined) {
      if (!ext.weak) {
        refuse(`extern (${what} ksym) '${ext.name}': not found in kernel or module BTFs`, {
          errno: ESRCH,
          hint: what === 'func' ? newerKfunc(sys) : undefined,
        });
      }
      print('debug', `extern (${what} ksym) '${ext.name}': not found in kernel or module BTFs`);
      continue;
    }
    const targetType = kernel.sizeOrType(id);
    if (
      spec.btf !== undefined &&
      !typesAreCompat(
        { localBtf: spec.btf, localId: where.typeId, targetBtf: kernel, targetId: targetType },
        { log: print },
      )
    ) {
      const text = `extern (${what} ksym) '${ext.name}': incompatible types, expected [${where.typeId}], but kernel has [${targetType}]`;
      if (!ext.weak || !where.func) refuse(text, { errno: EINVAL });
      print('warn', text);
      continue;
    }
    print('debug', `extern (${what} ksym) '${ext.name}': resolved to vmlinux [${id}]`);
    found.set(ext, { kind: 'btf', typeId: id, objFd: 0 });
  }
  if (typeless.length > 0) {
    const bytes = sys.readFile('/proc/kallsyms');
    const names = new Set(typeless.map((ext) => ext.name));
    if (typeof bytes === 'number') {
      print('warn', `failed to open /proc/kallsyms: ${bytes}`);
      return refuse(`failed to open /proc/kallsyms: ${bytes}`, { errno: -bytes });
    }
    const addresses = kallsyms(new TextDecoder().decode(bytes), names);
    for (const ext of typeless) {
      const addr = addresses.get(ext.name);
      if (addr !== undefined) {
        found.set(ext, { kind: 'addr', addr });
        print('debug', `extern (ksym) '${ext.name}': set to 0x${addr.toString(16)}`);
      } else if (!ext.weak) refuse(`extern '${ext.name}' (strong): not resolved`, { errno: ESRCH });
      else print('debug', `extern '${ext.name}' (weak): not resolved, defaulting to zero`);
    }
  }
  return found;
}
