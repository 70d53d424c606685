// SPDX-License-Identifier: MIT

/** A lookup in a map of {@link MAPS}, then `rest` with r0 pointing to the value; at `out` the program returns 0. */
export function lookup(map: string, rest: string): string {
  return `
  *(u64 *)(r10 -8) = 0
  r2 = r10
  r2 += -8
  r1 = ${map} ll
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  ${rest}
out:
  r0 = 0
  exit`;
}
