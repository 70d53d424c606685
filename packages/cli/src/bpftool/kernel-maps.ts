// SPDX-License-Identifier: MIT
// Maps of the session's kernel, as bpftool finds them: by id, or by name.
import {
  BPF_MAP_GET_FD_BY_ID,
  BPF_MAP_GET_NEXT_ID,
  BPF_OBJ_GET_INFO_BY_FD,
  errnoText,
  openMap,
  type BpfMap,
  type MapInfo,
  type SimulatedKernel,
} from 'tsbpf';

/** A map with an fd for as long as a verb lasts. */
export interface KernelMap {
  readonly fd: number;
  readonly info: MapInfo;
  readonly map: BpfMap;
  /** A line of the fd's information, by its key. */
  fdinfo(key: string): string | undefined;
}

/** Words that name a map: `id 5` or `name counters`. */
export interface MapWords {
  readonly id?: number;
  readonly name?: string;
}

/** What an errno says, as strerror(3) does. */
export const strerror = (err: number): string => errnoText(Math.abs(err));

function fdinfoOf(kernel: SimulatedKernel, fd: number): Map<string, string> {
  const text = kernel.readFile(`/proc/self/fdinfo/${fd}`);
  const lines = typeof text === 'number' ? [] : new TextDecoder().decode(text).split('\n');
  return new Map(lines.filter((line) => line.includes(':')).map((line) => line.split(':\t', 2) as [string, string]));
}

/** The map with an id; negative errno where it cannot be had. */
export function mapById(kernel: SimulatedKernel, id: number): KernelMap | number {
  const fd = kernel.bpf(BPF_MAP_GET_FD_BY_ID, { map_id: id });
  if (fd < 0) return fd;
  const info: MapInfo = {} as MapInfo;
  const err = kernel.bpf(BPF_OBJ_GET_INFO_BY_FD, { bpf_fd: fd, info });
  if (err < 0) {
    kernel.close(fd);
    return err;
  }
  const lines = fdinfoOf(kernel, fd);
  const btf = [...kernel.state.btfs.values()].find((one) => one.id === info.btf_id)?.btf;
  return { fd, info, map: openMap(kernel, fd, btf === undefined ? {} : { btf }), fdinfo: (key) => lines.get(key) };
}

/** Does something with every map, or those of a name, in the order of their ids. Answers how many there were. */
export function eachMap(kernel: SimulatedKernel, wanted: MapWords, action: (map: KernelMap) => void): number {
  let found = 0;
  const attr = { start_id: 0, next_id: 0 };
  while (kernel.bpf(BPF_MAP_GET_NEXT_ID, attr) === 0) {
    attr.start_id = attr.next_id;
    const map = mapById(kernel, attr.next_id);
    if (typeof map === 'number') continue;
    try {
      if (wanted.name !== undefined && map.info.name !== wanted.name) continue;
      found++;
      action(map);
    } finally {
      kernel.close(map.fd);
    }
  }
  return found;
}
