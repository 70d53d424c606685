// SPDX-License-Identifier: MIT
// Paths through kernel objects, such as `mm.exe_file.f_path.dentry.d_name.len`: members by BTF, pointers followed.
import { BTF_KIND_ARRAY, BTF_KIND_FWD, BTF_KIND_PTR, findMember } from '@tsbpf/btf';
import type { KernelServices } from '@tsbpf/core';
import { EFAULT, EINVAL, ENOENT, UsageError } from '@tsbpf/uapi';

/** Where a value lies in kernel memory. */
export interface Place {
  readonly typeId: number;
  readonly off: number;
  /** Of a bit field: where it begins, and its width; else 0. */
  readonly bitOff: number;
  readonly bits: number;
}

interface WalkOptions {
  /** What the path starts from, for messages. */
  readonly at: string;
  /** Gives a pointer that is NULL something to point to; without it that ends the walk. */
  readonly fill?: (ptrOff: number, typeId: number, name: string) => number;
}

const STEP = /[^.[\]*]+|\[\d+\]|\*/g;

/**
 * The place that a path leads to. `*` follows a pointer; a member or an index behind one does so by itself.
 * @errno ENOENT UsageError: no such member; EFAULT UsageError: a pointer on the way leads nowhere
 * @errno EINVAL UsageError: no path, or not one for these types
 */
export function walkPath(kernel: KernelServices, from: Place, path: string, options: WalkOptions): Place {
  const steps = path.match(STEP) ?? [];
  if (steps.join('') !== path.replaceAll('.', '')) {
    throw new UsageError(`${options.at}: "${path}" is no path of members`, { errno: EINVAL });
  }
  let place = from;
  let at = options.at;
  for (const step of steps) {
    place = takeStep(kernel, place, step, { ...options, at });
    at += step.startsWith('[') ? step : `.${step}`;
  }
  return place;
}

function takeStep(kernel: KernelServices, from: Place, step: string, options: WalkOptions): Place {
  const { btf } = kernel.types;
  const isPtr = btf.kind(btf.skipModifiers(from.typeId)) === BTF_KIND_PTR;
  const place = isPtr ? follow(kernel, from, options) : from;
  if (step === '*') return place;
  const id = btf.skipModifiers(place.typeId);
  if (step.startsWith('[')) return element(kernel, place, Number(step.slice(1, -1)), { at: options.at, isPtr });

  const member = findMember(btf, id, step);
  if (member !== undefined) {
    const { typeId, bitOffset, bitSize } = member;
    return { typeId, off: place.off + Math.floor(bitOffset / 8), bitOff: bitOffset % 8, bits: bitSize };
  }
  const alias = kernel.types.tryResolve(`${btf.name(id)}.${step}`);
  if (alias === undefined) throw new UsageError(`${options.at}: there is no member "${step}"`, { errno: ENOENT });
  return { typeId: alias.typeId, off: place.off + alias.off, bitOff: alias.bitOff, bits: alias.bits };
}

/** An element of an array, or of what a pointer that was followed leads to. */
function element(kernel: KernelServices, place: Place, index: number, from: { at: string; isPtr: boolean }): Place {
  const { btf } = kernel.types;
  const type = btf.type(btf.skipModifiers(place.typeId));
  if (from.isPtr) return { ...place, off: place.off + index * btf.resolveSize(place.typeId) };
  if (type.kind !== BTF_KIND_ARRAY || (type.nelems > 0 && index >= type.nelems)) {
    throw new UsageError(`${from.at}: there is no element ${index}`, { errno: EINVAL });
  }
  const off = place.off + index * btf.resolveSize(type.elemTypeId);
  return { typeId: type.elemTypeId, off, bitOff: 0, bits: 0 };
}

function follow(kernel: KernelServices, { off, typeId }: Place, { at, fill }: WalkOptions): Place {
  const { mem, types } = kernel;
  const pointee = types.btf.sizeOrType(types.btf.skipModifiers(typeId));
  if (pointee === 0) throw new UsageError(`${at} points to void`, { errno: EINVAL });
  if (types.btf.kind(types.btf.skipModifiers(pointee)) === BTF_KIND_FWD) {
    throw new UsageError(`${at}: the kernel's BTF does not say what it points to`, { errno: ENOENT });
  }
  const addr = mem.read64(off);
  const target = addr === 0n && fill !== undefined ? fill(off, pointee, at) : mem.toOff(addr);
  if (target === 0 || mem.regionOf(target) === undefined) {
    throw new UsageError(`${at} points nowhere: 0x${addr.toString(16)}`, { errno: EFAULT });
  }
  return { typeId: pointee, off: target, bitOff: 0, bits: 0 };
}
