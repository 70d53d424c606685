// SPDX-License-Identifier: MIT
import { VMLINUX_BTF_BASE64 } from './generated/vmlinux-btf.ts';

/**
 * The BTF of the simulated kernel, as bytes: structures that programs and helpers see, under their names in Linux v5.6,
 * with the simulator's own layout. A new copy at each call. Programs relocate to it by CO-RE, as to a real kernel's.
 * @see c/vmlinux.c
 */
export function vmlinuxBtf(): Uint8Array {
  const text = atob(VMLINUX_BTF_BASE64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
