// SPDX-License-Identifier: MIT
// What two kernels are free to choose (fds, ids, addresses, times) becomes names by order of appearance: equal
// relations stay equal, and a wrong relation still shows.
import { FD_COMMANDS } from './trace.ts';
import type { TraceStep } from './trace.ts';

/** A step with nothing in it that a kernel may choose. Buffers are text. */
export interface NormalStep {
  label: string;
  /** `fd`, a number, or -errno. */
  result: number | 'fd';
  out: Record<string, string>;
}

type IdKind = 'prog' | 'map' | 'btf' | 'link';

const TIMES: ReadonlySet<string> = new Set(['duration', 'info.load_time', 'info.run_time_ns']);
const NAMESPACES: ReadonlySet<string> = new Set(['info.netns_dev', 'info.netns_ino']);
/** Machine code: neither its bytes nor its size nor its place says anything about BPF. */
const JITED = /^info\.jited_|^info\.nr_jited_/;
const LOGS: ReadonlySet<string> = new Set(['log_buf', 'btf_log_buf']);
const TEXTS: ReadonlySet<string> = new Set(['buf']);
const ID_FIELDS: Readonly<Record<string, IdKind>> = {
  map_id: 'map',
  prog_id: 'prog',
  btf_id: 'btf',
  'info.btf_id': 'btf',
};
const ID_ARRAYS: Readonly<Record<string, IdKind>> = { 'info.map_ids': 'map', prog_ids: 'prog' };
const NEXT_ID_COMMANDS: Readonly<Record<number, IdKind>> = { 11: 'prog', 12: 'map', 23: 'btf' };
const BPF_LD_IMM64 = 0x18;
const BPF_CALL = 0x85;
const PSEUDO_MAP_SOURCES: ReadonlySet<number> = new Set([1, 2, 5, 6]);
/** Offsets from the kernel's call base are far beyond any helper's number. */
const LARGEST_HELPER_ID = 4096;

/** Normalizes a whole trace. */
export function normalizeTrace(steps: readonly TraceStep[]): NormalStep[] {
  const ids = numbering();
  const addresses = numbering();
  return steps.map((step) => {
    const out: Record<string, string> = {};
    for (const [path, value] of Object.entries(step.out)) {
      if (JITED.test(path)) continue;
      out[path] = normalizeField({ step, path, value, ids, addresses });
    }
    const isFd = step.result >= 0 && step.cmd !== undefined && FD_COMMANDS.has(step.cmd);
    return { label: step.label, result: isFd ? 'fd' : step.result, out };
  });
}

interface Numbering {
  name(kind: string, value: number | bigint | string): string;
}

function numbering(): Numbering {
  const seen = new Map<string, Map<string, number>>();
  return {
    name(kind, value) {
      const known = seen.get(kind) ?? new Map<string, number>();
      seen.set(kind, known);
      const key = String(value);
      const number = known.get(key) ?? known.size + 1;
      known.set(key, number);
      return `<${kind} ${number}>`;
    },
  };
}

interface Field {
  step: TraceStep;
  path: string;
  value: unknown;
  ids: Numbering;
  addresses: Numbering;
}

function normalizeField({ step, path, value, ids, addresses }: Field): string {
  const idName = (kind: IdKind, id: number): string => (id === 0 ? '0' : ids.name(kind, id));
  if (TIMES.has(path)) return '<time>';
  if (NAMESPACES.has(path)) return value === 0n ? '0' : '<netns>';
  const scalarKind = ID_FIELDS[path] ?? (path === 'next_id' ? NEXT_ID_COMMANDS[step.cmd ?? -1] : undefined);
  if (scalarKind !== undefined) return idName(scalarKind, Number(value));
  if (path === 'info.id') return idName(infoKind(step), Number(value));
  if (!(value instanceof Uint8Array)) return render(value);
  if (LOGS.has(path)) return normalizeLog(untilNul(value), addresses);
  if (TEXTS.has(path)) return untilNul(value);
  const arrayKind = ID_ARRAYS[path];
  if (arrayKind !== undefined)
    return words(value)
      .map((id) => idName(arrayKind, id))
      .join(' ');
  if (path === 'info.xlated_prog_insns') return normalizeInsns(value, (id) => idName('map', id));
  return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function infoKind(step: TraceStep): IdKind {
  if ('info.tag' in step.out || 'info.xlated_prog_len' in step.out) return 'prog';
  if ('info.btf_size' in step.out) return 'btf';
  return 'map';
}

function render(value: unknown): string {
  return typeof value === 'bigint' ? `${value}n` : JSON.stringify(value);
}

function untilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/**
 * Addresses of maps are named, where a 64-bit load shows them and nowhere else: bounds of scalars look the same. The
 * time the verifier took goes.
 */
export function normalizeLog(log: string, addresses: Numbering = numbering()): string {
  return log
    .replace(
      /(\(18\) r\d+ = )0x(ff[0-9a-f]{14})\b/g,
      (_, load: string, digits: string) => load + addresses.name('address', digits),
    )
    .replace(/^verification time \d+ usec$/gm, 'verification time <time>');
}

function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(i * 4, true));
}

/** Translated instructions, a line each: opcode, destination, source, offset, immediate. */
function normalizeInsns(bytes: Uint8Array, mapName: (id: number) => string): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: string[] = [];
  for (let off = 0; off + 8 <= bytes.length; off += 8) {
    const code = view.getUint8(off);
    const regs = view.getUint8(off + 1);
    const [dst, src, imm] = [regs & 15, regs >> 4, view.getInt32(off + 4, true)];
    let shown = String(imm);
    if (code === BPF_LD_IMM64 && PSEUDO_MAP_SOURCES.has(src)) shown = mapName(imm);
    else if (code === BPF_CALL && src === 0 && (imm < 0 || imm > LARGEST_HELPER_ID)) shown = '<helper>';
    lines.push(`${code.toString(16).padStart(2, '0')} ${dst} ${src} ${view.getInt16(off + 2, true)} ${shown}`);
  }
  return lines.join('\n');
}
