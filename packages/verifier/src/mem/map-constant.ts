// SPDX-License-Identifier: MIT
// Values of maps that nobody can write any more are constants. @see kernel/bpf/verifier.c, bpf_map_direct_read
import { BPF_F_RDONLY_PROG, EINVAL, NotSupportedError } from '@tsbpf/uapi';
import { reject } from '../reject.ts';
import { type Bounds, known, tnumIsConst } from '../scalar/index.ts';
import type { Analysis } from '../state/analysis.ts';
import type { Reg } from '../state/reg.ts';
import { mapOf } from './map-value.ts';

/**
 * What a load from a frozen, read-only map yields; undefined where it is not one, or the offset is not known.
 * @errno ENOTSUPP, EINVAL of the map type: Linux fails the load where the map has several elements
 */
export function constantOfMap(a: Analysis, reg: Reg, off: number, size: number): Bounds | undefined {
  const map = mapOf(reg);
  if ((map.flags & BPF_F_RDONLY_PROG) === 0 || !map.frozen || map.def.directValue === undefined) return undefined;
  if (!tnumIsConst(reg.bounds)) return undefined;
  const addr = map.def.directValue(map, (off + reg.bounds.valueLo) >>> 0);
  if (typeof addr === 'number') reject(-addr);
  const read = a.v.env.readMemory;
  if (read === undefined) {
    throw new NotSupportedError('verifying loads from a frozen map needs an environment that can read its values', {
      errno: EINVAL,
      feature: 'constants of frozen maps',
    });
  }
  return known(read(addr, size));
}
