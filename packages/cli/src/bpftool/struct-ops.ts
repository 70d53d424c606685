// SPDX-License-Identifier: MIT
// `struct_ops`, as bpftool prints it.
import { BPF_MAP_DELETE_ELEM, BPF_MAP_TYPE_STRUCT_OPS, BpfError, formatJson, type SimulatedKernel } from 'tsbpf';
import { BpftoolError, fail, type BpftoolOptions } from '../commands/bpftool-error.ts';
import { note, print } from '../output/streams.ts';
import type { Session } from '../session.ts';
import { refuseLinks, tableMaps } from '../tcp/tables.ts';
import { eachMap, mapById, strerror, type KernelMap, type MapWords } from './kernel-maps.ts';
import { structOpsValue } from './struct-ops-value.ts';

type Json = Parameters<typeof formatJson>[0];

const VALUE_PREFIX = 'bpf_struct_ops_';
const NAME_WIDTH = 15;
const STRUCT_WIDTH = 32;

const USAGE = [
  'Usage: bpftool struct_ops { show | list } [STRUCT_OPS_MAP]',
  '       bpftool struct_ops dump [STRUCT_OPS_MAP]',
  '       bpftool struct_ops register OBJ',
  '       bpftool struct_ops unregister STRUCT_OPS_MAP',
  '       bpftool struct_ops help',
  '',
  '       STRUCT_OPS_MAP := [ id STRUCT_OPS_MAP_ID | name STRUCT_OPS_MAP_NAME ]',
  '       OPTIONS := { {-j|--json} [{-p|--pretty}] | {-d|--debug} | {-l|--legacy} }',
].join('\n');

/** Prints how to use the verb, and ends it. */
function usage(): never {
  note(USAGE);
  throw new BpftoolError('');
}

function kernelStruct(kernel: SimulatedKernel, map: KernelMap): string {
  return kernel.state.types.btf.name(map.info.btf_vmlinux_value_type_id ?? 0).slice(VALUE_PREFIX.length);
}

/** `id N` or `name NAME`, both of which may be cut short. */
function parseWords(words: readonly string[]): MapWords {
  const [keyword = '', value, extra] = words;
  if (value === undefined || extra !== undefined || keyword === '') return usage();
  if ('id'.startsWith(keyword)) {
    const id = Number(value);
    return value !== '' && Number.isInteger(id) && id >= 0 ? { id } : fail(`invalid id ${value}`);
  }
  return 'name'.startsWith(keyword) ? { name: value } : usage();
}

/** Does something with the struct_ops maps that words name. Answers how many there were. */
function eachTable(kernel: SimulatedKernel, words: readonly string[], action: (map: KernelMap) => void): number {
  const wanted = words.length === 0 ? {} : parseWords(words);
  let found = 0;
  if (wanted.id !== undefined) {
    const map = mapById(kernel, wanted.id);
    if (typeof map === 'number') return fail(`can't get map by id (${wanted.id}): ${strerror(map)}`);
    try {
      if (map.info.type !== BPF_MAP_TYPE_STRUCT_OPS) fail(`${map.info.name} id ${map.info.id} is not a struct_ops map`);
      action(map);
    } finally {
      kernel.close(map.fd);
    }
    return 1;
  }
  eachMap(kernel, wanted, (map) => {
    if (map.info.type !== BPF_MAP_TYPE_STRUCT_OPS) return;
    found++;
    action(map);
  });
  return found;
}

function show(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const kernel = session.kernel({});
  const list: Json[] = [];
  const found = eachTable(kernel, words, (map) => {
    const { id = 0, name = '' } = map.info;
    const struct = kernelStruct(kernel, map);
    if (options.json) list.push({ id, name, kernel_struct_ops: struct });
    else print(`${id}: ${name.padEnd(NAME_WIDTH)} ${struct.padEnd(STRUCT_WIDTH)}`);
  });
  if (options.json) print(formatJson(list, { pretty: options.pretty }));
  if (found === 0 && words.length > 0)
    throw new BpftoolError(options.json ? '' : `no struct_ops found for ${words[1]}`);
}

/** A map's information as bpftool prints the kernel's structure of it. */
function infoJson({ info }: KernelMap): Json {
  return {
    type: info.type ?? 0,
    id: info.id ?? 0,
    key_size: info.key_size ?? 0,
    value_size: info.value_size ?? 0,
    max_entries: info.max_entries ?? 0,
    map_flags: info.map_flags ?? 0,
    name: info.name ?? '',
    ifindex: info.ifindex ?? 0,
    btf_vmlinux_value_type_id: info.btf_vmlinux_value_type_id ?? 0,
    netns_dev: info.netns_dev ?? 0n,
    netns_ino: info.netns_ino ?? 0n,
    btf_id: info.btf_id ?? 0,
    btf_key_type_id: info.btf_key_type_id ?? 0,
    btf_value_type_id: info.btf_value_type_id ?? 0,
  };
}

function dump(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const kernel = session.kernel({});
  const list: Json[] = [];
  const found = eachTable(kernel, words, (map) => {
    const typeId = map.info.btf_vmlinux_value_type_id ?? 0;
    const bytes = map.map.getBytes(new Uint8Array(4));
    if (bytes === undefined) return fail(`can't lookup struct_ops map ${map.info.name} id ${map.info.id}`);
    const value = structOpsValue(kernel, { typeId, bytes, plain: !options.json, functions: true });
    list.push({ bpf_map_info: infoJson(map) }, { [kernel.state.types.btf.name(typeId)]: value });
  });
  print(formatJson(list, { pretty: !options.json || options.pretty }));
  if (found === 0 && words.length > 0) throw new BpftoolError('');
}

function register(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const [path, extra] = words;
  if (path === undefined || extra !== undefined) return usage();
  refuseLinks(path, session.opened(path, {}));
  const obj = session.loaded(path, {});
  const kernel = session.kernel({});
  const maps = tableMaps(obj);
  if (maps.length === 0) fail(`no struct_ops found in ${path}`);
  let registered = 0;
  for (const map of maps) {
    try {
      obj.attachStructOps(map);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      if (!options.json) note(`Error: can't register struct_ops ${map.name}: ${strerror(error.errno)}`);
      continue;
    }
    registered++;
    const { id = 0, btf_vmlinux_value_type_id: typeId = 0 } = map.info();
    const struct = kernel.state.types.btf.name(typeId).slice(VALUE_PREFIX.length);
    if (!options.json) print(`Registered ${struct} ${map.name} id ${id}`);
  }
  if (registered === 0) throw new BpftoolError(options.json ? `can't register struct_ops ${maps[0]?.name ?? ''}` : '');
  if (options.json) print('null');
}

function unregister(words: readonly string[], session: Session, options: BpftoolOptions): void {
  if (words.length === 0) return usage();
  const kernel = session.kernel({});
  const gone = new Set<number>();
  const found = eachTable(kernel, words, (map) => {
    const { id = 0, name } = map.info;
    const struct = kernelStruct(kernel, map);
    const err = kernel.bpf(BPF_MAP_DELETE_ELEM, { map_fd: map.fd, key: new Uint8Array(4) });
    if (err < 0) fail(`can't unload ${struct} ${name} id ${id}: ${strerror(err)}`);
    gone.add(id);
    if (!options.json) print(`Unregistered ${struct} ${name} id ${id}`);
  });
  // As when bpftool registered it and closed its object: nothing holds the map any more.
  session.drop((obj) => obj.loaded && tableMaps(obj).some((map) => gone.has(map.info().id ?? 0)));
  if (found === 0) fail(`no struct_ops found for ${words[1]}`);
  if (options.json) print('null');
}

const COMMANDS = { show, list: show, help: () => note(USAGE), register, unregister, dump } as const;

/** `struct_ops [COMMAND] …` */
export function structOps(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const [verb = 'show', ...rest] = words;
  const found = Object.entries(COMMANDS).find(([name]) => verb !== '' && name.startsWith(verb));
  if (found === undefined) return usage();
  found[1](rest, session, options);
}
