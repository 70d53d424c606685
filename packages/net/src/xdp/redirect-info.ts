// SPDX-License-Identifier: MIT
import type { BpfMap } from '@tsbpf/core';

/**
 * What a CPU remembers from a redirect helper until the verdict is carried out. The last call wins; a program that does
 * not return the redirect verdict leaves it in place.
 * @see include/linux/filter.h, struct bpf_redirect_info
 */
export interface RedirectInfo {
  /** Of bpf_redirect; 32 bits. */
  flags: number;
  /** The ifindex of bpf_redirect, or the key of bpf_redirect_map. */
  tgtIndex: number;
  /** The map bpf_redirect_map chose from; undefined for a plain ifindex. */
  map: BpfMap | undefined;
  /** Offset of the target in kernel memory that the map answered. */
  tgtValue: number;
}

export function createRedirectInfo(): RedirectInfo {
  return { flags: 0, tgtIndex: 0, map: undefined, tgtValue: 0 };
}
