// SPDX-License-Identifier: MIT
// BPF_MAP_TYPE_CPUMAP: packets go on to the protocols on another CPU. @see kernel/bpf/cpumap.c
import {
  BPF_EXIST,
  BPF_F_NUMA_NODE,
  BPF_MAP_TYPE_CPUMAP,
  BPF_NOEXIST,
  CAP_SYS_ADMIN,
  E2BIG,
  EBADRQC,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOENT,
  EOVERFLOW,
  EPERM,
} from '@tsbpf/uapi';
import type { Errno } from '@tsbpf/core';
import { chargeAndAlloc, MapObject, mapStructSize, type MapInit } from '@tsbpf/maps';
import { skbWith } from '../dev/receive.ts';
import type { MapRedirect, RedirectMapDef } from '../xdp/redirect-map.ts';
import { forgetRedirects, WORD } from './device-slot.ts';

/** CPUs the simulated configuration is built for. */
const NR_CPUS = 64;
/** The longest queue of packets to a CPU. */
const MAX_QUEUE = 16384;
const SLOT = 8;

/** The length of each CPU's queue, 0 for none, right behind `struct bpf_map`. */
class CpuMap extends MapObject {
  readonly #slotsOff: number;

  constructor(init: MapInit & { slotsOff: number }) {
    super(init);
    this.#slotsOff = init.slotsOff;
  }

  /** Offset of a CPU's slot; 0 beyond the end. */
  slot(cpu: number): number {
    return cpu < this.maxEntries ? this.#slotsOff + cpu * SLOT : 0;
  }
  queueSize(cpu: number): number {
    const slot = this.slot(cpu);
    return slot === 0 ? 0 : this.mem.read32(slot);
  }
}

function update(map: CpuMap, keyOff: number, valueOff: number, flags: number): Errno {
  const cpu = map.mem.read32(keyOff);
  const queueSize = map.mem.read32(valueOff);
  if (flags > BPF_EXIST) return -EINVAL;
  if (cpu >= map.maxEntries) return -E2BIG;
  if (flags === BPF_NOEXIST) return -EEXIST;
  if (queueSize > MAX_QUEUE) return -EOVERFLOW;
  if (cpu >= map.kernel.env.cpus) return -ENODEV;
  map.mem.write32(map.slot(cpu), queueSize);
  return 0;
}

/** The packet becomes an sk_buff there; sk_buffs of generic XDP cannot. */
function redirectToCpu({ map, xdp, from, generic, key }: MapRedirect): Errno {
  if (generic) return -EBADRQC;
  if (xdp.data - xdp.metaLen < xdp.frameEnd) return -EOVERFLOW;
  const { tracepoints } = map.kernel;
  tracepoints.fire('xdp_cpumap_enqueue', [map.id, 1, 0, key]);
  // The sk_buff is made over there, where nobody tells it of metadata.
  from.net.netifRx(from, skbWith(from, xdp.bytes(), new Uint8Array(0)), key);
  tracepoints.fire('xdp_cpumap_kthread', [map.id, 1, 0, 0]);
  return 0;
}

export const cpuMapType: RedirectMapDef<CpuMap> = {
  type: BPF_MAP_TYPE_CPUMAP,
  name: 'cpumap',
  since: '4.15',
  onlyHelpers: ['redirect_map'],
  noBtf: true,
  allocCheck(params, kernel) {
    if (!kernel.env.capable(CAP_SYS_ADMIN)) return -EPERM;
    const { keySize, valueSize, maxEntries, flags } = params;
    if (maxEntries === 0 || keySize !== WORD || valueSize !== WORD || (flags & ~BPF_F_NUMA_NODE) !== 0) return -EINVAL;
    return maxEntries > NR_CPUS ? -E2BIG : 0;
  },
  alloc(params, kernel) {
    const costBytes = params.maxEntries * SLOT;
    return chargeAndAlloc(kernel, costBytes, () => {
      const lead = Math.ceil(mapStructSize(kernel.types) / SLOT) * SLOT;
      const off = kernel.mem.alloc(lead + costBytes, { kind: 'map', name: 'cpumap', writable: false });
      if (off === 0) return undefined;
      const init = { def: cpuMapType, kernel, params, off, regionOff: off, costBytes, syscallValueSize: WORD };
      return new CpuMap({ ...init, slotsOff: off + lead });
    });
  },
  redirectTarget: (map, key) => (map.queueSize(key) === 0 ? 0 : map.slot(key)),
  redirectXmit: redirectToCpu,
  ops: {
    sysLookup(map, keyOff, valueOff) {
      const queueSize = map.queueSize(map.mem.read32(keyOff));
      if (queueSize === 0) return -ENOENT;
      map.mem.write32(valueOff, queueSize);
      return 0;
    },
    sysUpdate: update,
    sysDelete(map, keyOff) {
      const slot = map.slot(map.mem.read32(keyOff));
      if (slot === 0) return -EINVAL;
      map.mem.write32(slot, 0);
      return 0;
    },
    getNextKey(map, keyOff, nextOff) {
      const cpu = keyOff === 0 ? map.maxEntries : map.mem.read32(keyOff);
      if (cpu === map.maxEntries - 1) return -ENOENT;
      map.mem.write32(nextOff, cpu >= map.maxEntries ? 0 : cpu + 1);
      return 0;
    },
    free(map) {
      forgetRedirects(map);
      map.release();
    },
  },
};
