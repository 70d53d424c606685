// SPDX-License-Identifier: MIT
// Maps as `bpftool map dump` prints them.
import { type Btf, formatJson, formatValue, type BpfMap } from 'tsbpf';

type Json = Parameters<typeof formatJson>[0];

const hexList = (bytes: Uint8Array): string[] => Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, '0')}`);
const hexText = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** Bytes of one CPU's slot of a value. */
const slotSize = (map: BpfMap): number => Math.ceil(map.valueSize / 8) * 8;

interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

function entriesOf(map: BpfMap): Entry[] {
  const entries: Entry[] = [];
  for (const key of map.keyBytes()) {
    const value = map.getBytes(key);
    if (value !== undefined) entries.push({ key, value });
  }
  return entries;
}

/** The values of an entry, one for each CPU where the map is per-CPU. */
function slots(map: BpfMap, value: Uint8Array): Uint8Array[] | undefined {
  if (value.length === map.valueSize) return undefined;
  const size = slotSize(map);
  return Array.from({ length: value.length / size }, (_, cpu) =>
    value.subarray(cpu * size, cpu * size + map.valueSize),
  );
}

interface Types {
  readonly btf: Btf;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
}

/** The types of keys and values; those of a table of functions are the kernel's. */
function typesOf(map: BpfMap, kernelBtf: Btf | undefined): Types | undefined {
  const { btf } = map;
  const info = map.info();
  const { btf_key_type_id: keyTypeId = 0, btf_value_type_id: valueTypeId = 0 } = info;
  const { btf_vmlinux_value_type_id: kernelTypeId = 0 } = info;
  if (kernelTypeId !== 0 && kernelBtf !== undefined) return { btf: kernelBtf, keyTypeId: 0, valueTypeId: kernelTypeId };
  return btf === undefined || valueTypeId === 0 ? undefined : { btf, keyTypeId, valueTypeId };
}

function formatted(map: BpfMap, entry: Entry, types: Types, plain: boolean): Record<string, Json> {
  const key: Record<string, Json> =
    types.keyTypeId === 0 ? {} : { key: formatValue(types.btf, types.keyTypeId, entry.key, { plain }) };
  const perCpu = slots(map, entry.value);
  if (perCpu === undefined) return { ...key, value: formatValue(types.btf, types.valueTypeId, entry.value, { plain }) };
  return {
    ...key,
    values: perCpu.map((value, cpu) => ({ cpu, value: formatValue(types.btf, types.valueTypeId, value, { plain }) })),
  };
}

function rawJson(map: BpfMap, entry: Entry): Record<string, Json> {
  const perCpu = slots(map, entry.value);
  const key: Json = hexList(entry.key);
  if (perCpu === undefined) return { key, value: hexList(entry.value) };
  return { key, values: perCpu.map((value, cpu) => ({ cpu, value: hexList(value) })) };
}

/** `-j`, or `-p` with `pretty`: bytes, and values by BTF beside them. */
export function mapDumpJson(map: BpfMap, options: { pretty: boolean; kernelBtf?: Btf }): string {
  const types = typesOf(map, options.kernelBtf);
  const list = entriesOf(map).map((entry): Json => {
    const raw = rawJson(map, entry);
    return types === undefined ? raw : { ...raw, formatted: formatted(map, entry, types, false) };
  });
  return formatJson(list, options);
}

/** Plain text: values by BTF as pretty JSON, bytes where there is no BTF. */
export function mapDumpText(map: BpfMap, kernelBtf?: Btf): string {
  const types = typesOf(map, kernelBtf);
  const entries = entriesOf(map);
  if (types !== undefined) {
    return formatJson(
      entries.map((entry): Json => formatted(map, entry, types, true)),
      { pretty: true },
    );
  }
  const lines = entries.flatMap(({ key, value }) => {
    const perCpu = slots(map, value);
    if (perCpu === undefined) return [`key: ${hexText(key)}  value: ${hexText(value)}`];
    return [
      'key:',
      hexText(key),
      ...perCpu.map((slot, cpu) => `value (CPU ${String(cpu).padStart(2, '0')}): ${hexText(slot)}`),
    ];
  });
  return [...lines, `Found ${entries.length} element${entries.length === 1 ? '' : 's'}`].join('\n');
}
