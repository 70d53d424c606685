// SPDX-License-Identifier: MIT
import { BPF_MAP_TYPE_NAMES, BpfError, type BpfMap, type EngineChoice } from 'tsbpf';
import type { CaptureResult } from '../commands/run-capture.ts';
import { parseStats } from './stats.ts';
import { formatValue, jsonValue } from './value.ts';

export interface RunReport {
  readonly file: string;
  readonly prog: string;
  readonly type: string;
  readonly engine: EngineChoice;
  readonly log: string;
  readonly maps: readonly BpfMap[];
  readonly tracePipe: readonly string[];
  capture: CaptureResult | undefined;
  single:
    | { readonly retval: number; readonly data?: Uint8Array; readonly ctx?: Uint8Array; readonly repeat: number }
    | undefined;
}

/** Entries of a map shown; the rest is counted. */
const MAX_ENTRIES = 20;

const count = (n: number): string => n.toLocaleString('en-US');
const short = (name: string, prefix: string): string => name.replace(prefix, '').toLowerCase();

/** Entries of a map, up to `limit` of them and how many there are in all; or why they cannot be read. */
function entriesOf(
  map: BpfMap,
  limit = Infinity,
): { entries: [unknown, unknown][]; total: number } | { problem: string } {
  try {
    const entries: [unknown, unknown][] = [];
    let total = 0;
    for (const at = map.cursor(); at.next(); total++) if (total < limit) entries.push([at.key, at.value]);
    return { entries, total };
  } catch (error) {
    if (error instanceof BpfError) return { problem: error.message };
    throw error;
  }
}

function mapLines(map: BpfMap): string[] {
  const type = short(BPF_MAP_TYPE_NAMES[map.type] ?? String(map.type), 'BPF_MAP_TYPE_');
  const found = entriesOf(map, MAX_ENTRIES);
  if ('problem' in found) return ['', `map ${map.name} (${type}): ${found.problem}`];
  const { entries, total } = found;
  const single = map.kind !== 'user' && total === 1;
  if (single) return ['', `${map.sectionName}`, ...variableLines(entries[0]?.[1])];
  const title = `map ${map.name} (${type}, ${count(total)} of ${count(map.maxEntries)} entries)`;
  const shown = entries.map(([key, value]) => `  ${formatValue(key)}: ${formatValue(value)}`);
  const more = total - shown.length;
  return ['', title, ...shown, ...(more > 0 ? [`  … ${count(more)} more`] : [])];
}

/** The variables of a data section, one a line. */
function variableLines(value: unknown): string[] {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return [`  ${formatValue(value)}`];
  return Object.entries(value).map(([name, inner]) => `  ${name} = ${formatValue(inner)}`);
}

export function textReport(report: RunReport): string[] {
  const lines = [`${report.file}: ${report.prog} (${short(report.type, 'BPF_PROG_TYPE_')})`];
  const stats = parseStats(report.log);
  if (stats !== undefined) {
    const stack = stats.stackDepths === undefined ? '' : `, stack ${stats.stackDepths.join('+')} bytes`;
    lines.push(
      `verified: ${count(stats.insns)} instructions processed, ` +
        `${count(stats.totalStates)} states (peak ${count(stats.peakStates)})${stack}`,
    );
  }
  const { capture, single } = report;
  if (capture !== undefined) {
    lines.push(`ran over ${count(capture.packets)} packets (${count(capture.bytes)} bytes) of ${capture.file}`);
    const width = Math.max(...[...capture.verdicts.keys()].map((name) => name.length));
    const total = Math.max(1, capture.packets);
    for (const [name, n] of [...capture.verdicts].sort((a, b) => b[1] - a[1])) {
      lines.push(`  ${name.padEnd(width)}  ${count(n).padStart(9)}  ${((n / total) * 100).toFixed(1).padStart(5)}%`);
    }
    if (capture.skipped > 0) lines.push(`  ${count(capture.skipped)} packets were too short to be Ethernet frames`);
    if (capture.out !== undefined) lines.push(`wrote ${capture.out}`);
  }
  if (single !== undefined) {
    lines.push(
      `returned ${single.retval} (0x${single.retval.toString(16)})${single.repeat > 1 ? `, ${count(single.repeat)} runs` : ''}`,
    );
    if (single.data !== undefined) lines.push(`data ${formatValue(single.data)}`);
    if (single.ctx !== undefined) lines.push(`ctx ${formatValue(single.ctx)}`);
  }
  for (const map of report.maps) lines.push(...mapLines(map));
  if (report.tracePipe.length > 0)
    lines.push('', 'trace_pipe', ...report.tracePipe.map((line) => line.replace(/\n$/, '')));
  return lines;
}

export function jsonReport(report: RunReport): unknown {
  const { capture, single } = report;
  return {
    file: report.file,
    prog: report.prog,
    type: report.type,
    engine: report.engine,
    verifier: parseStats(report.log),
    ...(capture === undefined
      ? {}
      : {
          capture: capture.file,
          packets: capture.packets,
          bytes: capture.bytes,
          skipped: capture.skipped,
          verdicts: Object.fromEntries(capture.verdicts),
        }),
    ...(single === undefined
      ? {}
      : { retval: single.retval, repeat: single.repeat, data: jsonValue(single.data), ctx: jsonValue(single.ctx) }),
    maps: report.maps.map((map) => {
      const found = entriesOf(map);
      return {
        name: map.name,
        type: BPF_MAP_TYPE_NAMES[map.type],
        ...('problem' in found
          ? { problem: found.problem }
          : { entries: found.entries.map(([key, value]) => ({ key: jsonValue(key), value: jsonValue(value) })) }),
      };
    }),
    trace_pipe: report.tracePipe,
  };
}
