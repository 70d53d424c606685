// SPDX-License-Identifier: MIT
// The raw form of BPF_OBJ_GET_INFO_BY_FD: a structure whose pointers name arrays.
import { BPF_INFO_LAYOUTS, E2BIG, EFAULT, type StructLayout, type UserMemory } from '@tsbpf/uapi';
import { RawFields } from './raw-fields.ts';
import type { Decoded } from './decode.ts';
import type { KernelState } from '../kernel-state.ts';

/** Bytes of one element of each array, and the member that counts them. */
const ARRAYS: Readonly<Record<string, readonly [count: string, elemBytes: number]>> = {
  jited_prog_insns: ['jited_prog_len', 1],
  xlated_prog_insns: ['xlated_prog_len', 1],
  map_ids: ['nr_map_ids', 4],
  jited_ksyms: ['nr_jited_ksyms', 8],
  jited_func_lens: ['nr_jited_func_lens', 4],
  func_info: ['nr_func_info', 8],
  line_info: ['nr_line_info', 16],
  jited_line_info: ['nr_jited_line_info', 8],
  prog_tags: ['nr_prog_tags', 8],
  btf: ['btf_size', 1],
};

/** No machine code is shown, as by a kernel that hides its addresses. */
const UNSHOWN: readonly string[] = ['jited_prog_insns'];

const layoutFor = (kind: string | undefined): StructLayout | undefined =>
  kind === 'prog'
    ? BPF_INFO_LAYOUTS.bpf_prog_info
    : kind === 'map'
      ? BPF_INFO_LAYOUTS.bpf_map_info
      : kind === 'btf'
        ? BPF_INFO_LAYOUTS.bpf_btf_info
        : undefined;

export function decodeInfo(k: KernelState, raw: RawFields, user: UserMemory): Decoded | number {
  const fd = raw.u32('bpf_fd');
  const layout = layoutFor(k.fds.file(fd)?.kind);
  const given = raw.u32('info_len');
  const addr = raw.u64('info');
  if (layout === undefined) return { attr: { bpf_fd: fd, info: {} }, writeBack: () => 0 };
  const bytes = user.read(addr, given);
  if (bytes === undefined) return -EFAULT;
  if (bytes.subarray(layout.size).some((byte) => byte !== 0)) return -E2BIG;
  const struct = new Uint8Array(layout.size);
  struct.set(bytes.subarray(0, Math.min(given, layout.size)));
  const fields = new RawFields(struct, layout, user);
  const info: Record<string, unknown> = fields.integers();
  for (const [name, [count, elemBytes]] of Object.entries(ARRAYS)) {
    if (!layout.fields.some((field) => field.name === name)) continue;
    info[name] = fields.u64(name) === 0n ? undefined : new Uint8Array(fields.u32(count) * elemBytes);
  }
  const attr = { bpf_fd: fd, info };
  return {
    attr,
    writeBack(union, result) {
      if (result < 0) return 0;
      for (const [name, [count, elemBytes]] of Object.entries(ARRAYS)) {
        // No more than there is: what is behind it stays as the caller left it.
        const there = info[count];
        const bytes = Math.min(fields.u32(count), typeof there === 'number' ? there : 0) * elemBytes;
        if (bytes === 0 || UNSHOWN.includes(name)) continue;
        const array = info[name];
        if (!(array instanceof Uint8Array) || fields.put(name, array.subarray(0, bytes)) < 0) return -EFAULT;
      }
      fields.storeIntegers(struct, info, Object.keys(ARRAYS));
      for (const { name, off, size } of layout.fields) {
        const value = info[name];
        if (name === 'tag' && value instanceof Uint8Array) struct.set(value.subarray(0, size), off);
        if (name === 'name' && typeof value === 'string') {
          for (let i = 0; i < size; i++) struct[off + i] = i < value.length ? value.charCodeAt(i) : 0;
        }
      }
      const len = Math.min(given, layout.size);
      raw.setU32(union, 'info_len', len);
      return len === 0 || user.write(addr, struct.subarray(0, len)) ? 0 : -EFAULT;
    },
  };
}
