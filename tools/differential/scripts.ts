// SPDX-License-Identifier: MIT
// Scripts that every bpf(2) must answer alike.
import type { Script, ScriptValue } from './script.ts';

const EXIT = [0x95, 0, 0, 0, 0] as const;
const mov = (dst: number, imm: number) => [0xb7, dst, 0, 0, imm] as const;
const elem = (key: number, more: Record<string, ScriptValue>): Record<string, ScriptValue> => ({
  map_fd: { fd: 'map' },
  key: { u32s: [key] },
  ...more,
});
const room8 = { room: 8 };
const zeros8 = { zeros: 8 };

/** Scripts without clocks, devices or other programs of the machine in them. */
export const COMMON_SCRIPTS: readonly Script[] = [
  {
    title: 'hash map: create, update, look up, delete, full',
    steps: [
      { name: 'map', bpf: 'BPF_MAP_CREATE', attr: { map_type: 1, key_size: 4, value_size: 8, max_entries: 2 } },
      { bpf: 'BPF_MAP_LOOKUP_ELEM', attr: elem(1, { value: room8 }) },
      { bpf: 'BPF_MAP_UPDATE_ELEM', attr: elem(1, { value: { u32s: [7, 8] } }) },
      { bpf: 'BPF_MAP_UPDATE_ELEM', attr: elem(1, { value: { u32s: [9, 9] }, flags: { u64: '1' } }) },
      { bpf: 'BPF_MAP_UPDATE_ELEM', attr: elem(2, { value: { u32s: [9, 9] }, flags: { u64: '2' } }) },
      { bpf: 'BPF_MAP_UPDATE_ELEM', attr: elem(2, { value: { u32s: [9, 9] }, flags: { u64: '8' } }) },
      { bpf: 'BPF_MAP_LOOKUP_ELEM', attr: elem(1, { value: room8 }) },
      { bpf: 'BPF_MAP_UPDATE_ELEM', attr: elem(2, { value: { u32s: [1, 1] } }) },
      { bpf: 'BPF_MAP_UPDATE_ELEM', attr: elem(3, { value: { u32s: [1, 1] } }) },
      { bpf: 'BPF_MAP_DELETE_ELEM', attr: elem(1, {}) },
      { bpf: 'BPF_MAP_DELETE_ELEM', attr: elem(1, {}) },
      { bpf: 'BPF_MAP_GET_NEXT_KEY', attr: { map_fd: { fd: 'map' }, next_key: { room: 4 } } },
      { bpf: 'BPF_MAP_GET_NEXT_KEY', attr: elem(2, { next_key: { room: 4 } }) },
      { close: 'map' },
      { bpf: 'BPF_MAP_LOOKUP_ELEM', attr: elem(1, { value: room8 }) },
      { close: 'map' },
    ],
  },
  {
    title: 'array map: bounds, short buffers, no deletion',
    steps: [
      { name: 'map', bpf: 'BPF_MAP_CREATE', attr: { map_type: 2, key_size: 4, value_size: 8, max_entries: 2 } },
      { bpf: 'BPF_MAP_LOOKUP_ELEM', attr: elem(1, { value: room8 }) },
      { bpf: 'BPF_MAP_LOOKUP_ELEM', attr: elem(2, { value: room8 }) },
      { bpf: 'BPF_MAP_UPDATE_ELEM', attr: elem(2, { value: zeros8 }) },
      { bpf: 'BPF_MAP_UPDATE_ELEM', attr: elem(0, { value: { zeros: 7 } }) },
      { bpf: 'BPF_MAP_UPDATE_ELEM', attr: { map_fd: { fd: 'map' }, key: { zeros: 3 }, value: zeros8 } },
      { bpf: 'BPF_MAP_UPDATE_ELEM', attr: elem(0, { value: zeros8, flags: { u64: '1' } }) },
      { bpf: 'BPF_MAP_DELETE_ELEM', attr: elem(0, {}) },
      { bpf: 'BPF_MAP_CREATE', attr: { map_type: 2, key_size: 8, value_size: 8, max_entries: 1 } },
      { bpf: 'BPF_MAP_CREATE', attr: { map_type: 2, key_size: 4, value_size: 0, max_entries: 1 } },
      { bpf: 'BPF_MAP_CREATE', attr: { map_type: 2, key_size: 4, value_size: 8, max_entries: 0 } },
      { bpf: 'BPF_MAP_CREATE', attr: { map_type: 2, key_size: 4, value_size: 8, max_entries: 1, map_name: 'a b' } },
    ],
  },
  {
    title: 'programs: load, refuse, run, describe',
    steps: [
      { name: 'map', bpf: 'BPF_MAP_CREATE', attr: { map_type: 2, key_size: 4, value_size: 8, max_entries: 2 } },
      {
        name: 'prog',
        bpf: 'BPF_PROG_LOAD',
        attr: {
          prog_type: 6,
          license: 'GPL',
          prog_name: 'pass',
          insns: { insns: [[0x18, 1, 1, 0, { fd: 'map' }], [0, 0, 0, 0, 0], mov(0, 2), EXIT] },
        },
      },
      {
        name: 'run',
        bpf: 'BPF_PROG_TEST_RUN',
        attr: { prog_fd: { fd: 'prog' }, data_in: { zeros: 64 }, data_out: { room: 128 }, repeat: 1 },
      },
      { bpf: 'BPF_PROG_TEST_RUN', attr: { prog_fd: { fd: 'prog' }, data_in: { zeros: 13 }, repeat: 1 } },
      { bpf: 'BPF_PROG_TEST_RUN', attr: { prog_fd: { fd: 'map' }, data_in: { zeros: 64 }, repeat: 1 } },
      { name: 'mapInfo', bpf: 'BPF_OBJ_GET_INFO_BY_FD', attr: { bpf_fd: { fd: 'map' }, info: {} } },
      {
        name: 'info',
        bpf: 'BPF_OBJ_GET_INFO_BY_FD',
        attr: {
          bpf_fd: { fd: 'prog' },
          info: {
            map_ids: { room: 4 },
            nr_map_ids: 1,
            xlated_prog_insns: { room: 32 },
            xlated_prog_len: 32,
          },
        },
      },
      { name: 'again', bpf: 'BPF_MAP_GET_FD_BY_ID', attr: { map_id: { out: 'mapInfo.info.id' } } },
      {
        bpf: 'BPF_PROG_LOAD',
        attr: { prog_type: 6, license: 'GPL', log_level: 1, log_buf: { room: 4096 }, insns: { insns: [EXIT] } },
      },
      { bpf: 'BPF_PROG_LOAD', attr: { prog_type: 6, license: 'GPL', insns: { zeros: 0 } } },
    ],
  },
];
