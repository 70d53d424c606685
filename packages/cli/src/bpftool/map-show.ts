// SPDX-License-Identifier: MIT
// `map show`, as bpftool prints it.
import { BPF_MAP_TYPE_NAMES, BPF_PROG_TYPE_NAMES, formatJson } from 'tsbpf';
import { BpftoolError, fail, type BpftoolOptions } from '../commands/bpftool-error.ts';
import { print } from '../output/streams.ts';
import type { Session } from '../session.ts';
import { eachMap, mapById, strerror, type KernelMap, type MapWords } from './kernel-maps.ts';

type Json = Parameters<typeof formatJson>[0];

const typeName = (type: number): string | undefined =>
  BPF_MAP_TYPE_NAMES[type]?.replace('BPF_MAP_TYPE_', '').toLowerCase();
const progTypeName = (type: number): string =>
  BPF_PROG_TYPE_NAMES[type]?.replace('BPF_PROG_TYPE_', '').toLowerCase() ?? `type ${type}`;

/** `id N` and `name NAME`. */
export function parseMapWords(words: readonly string[]): MapWords {
  const [keyword = '', value, extra] = words;
  if (keyword !== 'id' && keyword !== 'name')
    return fail(`expected 'id', 'tag', 'name' or 'pinned', got: '${keyword}'?`);
  if (value === undefined || extra !== undefined) return fail(`map show [id ID | name NAME]`);
  if (keyword === 'name') return { name: value };
  const id = Number(value);
  return Number.isInteger(id) && id >= 0 ? { id } : fail(`can't parse ${value} as ID`);
}

function textOf({ info, fdinfo }: KernelMap): string {
  const name = (info.name ?? '') === '' ? '' : `  name ${info.name}`;
  const head = `${info.id}: ${typeName(info.type ?? 0) ?? `type ${info.type}`}${name}  flags 0x${(info.map_flags ?? 0).toString(16)}`;
  const sizes = `\tkey ${info.key_size}B  value ${info.value_size}B  max_entries ${info.max_entries}`;
  const memlock = fdinfo('memlock');
  const lines = [head, `${sizes}${memlock === undefined ? '' : `  memlock ${memlock}B`}`];
  const [ownerType, ownerJited] = [fdinfo('owner_prog_type'), fdinfo('owner_jited')];
  if (ownerType !== undefined || ownerJited !== undefined) {
    const type = ownerType === undefined ? '' : `owner_prog_type ${progTypeName(Number(ownerType))}  `;
    const jited = ownerJited === undefined ? '' : `owner${ownerJited === '1' ? '' : ' not'} jited`;
    lines.push(`\t${type}${jited}`);
  }
  const btf = (info.btf_id ?? 0) === 0 ? '' : `btf_id ${info.btf_id}`;
  const frozen = fdinfo('frozen') === '1' ? 'frozen' : '';
  if (btf !== '' || frozen !== '') lines.push(`\t${[btf, frozen].filter((word) => word !== '').join('  ')}`);
  return lines.join('\n');
}

function jsonOf({ info, fdinfo }: KernelMap): Json {
  const [ownerType, ownerJited] = [fdinfo('owner_prog_type'), fdinfo('owner_jited')];
  const type = typeName(info.type ?? 0);
  return {
    id: info.id ?? 0,
    type: type ?? info.type ?? 0,
    ...((info.name ?? '') === '' ? {} : { name: info.name ?? '' }),
    flags: info.map_flags ?? 0,
    bytes_key: info.key_size ?? 0,
    bytes_value: info.value_size ?? 0,
    max_entries: info.max_entries ?? 0,
    bytes_memlock: Number(fdinfo('memlock') ?? 0),
    ...(ownerType === undefined ? {} : { owner_prog_type: progTypeName(Number(ownerType)) }),
    ...(ownerJited === undefined ? {} : { owner_jited: ownerJited === '1' }),
    frozen: Number(fdinfo('frozen') ?? 0),
    ...((info.btf_id ?? 0) === 0 ? {} : { btf_id: info.btf_id ?? 0 }),
  };
}

/** `map show [id ID | name NAME]` */
export function showMaps(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const kernel = session.kernel({});
  const wanted = words.length === 0 ? {} : parseMapWords(words);
  const shown: Json[] = [];
  const take = (map: KernelMap): void => {
    if (options.json) shown.push(jsonOf(map));
    else print(textOf(map));
  };
  if (wanted.id !== undefined) {
    const map = mapById(kernel, wanted.id);
    if (typeof map === 'number') return fail(`get map by id (${wanted.id}): ${strerror(map)}`);
    take(map);
    kernel.close(map.fd);
  } else if (eachMap(kernel, wanted, take) === 0 && wanted.name !== undefined) throw new BpftoolError('');
  if (!options.json) return;
  const single = words.length > 0 && shown.length === 1;
  print(formatJson(single ? shown[0] : shown, { pretty: options.pretty }));
}
