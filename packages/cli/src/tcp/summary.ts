// SPDX-License-Identifier: MIT
// A simulation in a few lines.
import type { TcpRecorder, TcpSim } from 'tsbpf';
import { formatTable } from '../output/columns.ts';

/** More connections than this are summed up. */
const MAX_ROWS = 20;

export interface FlowSummary {
  readonly flow: number;
  readonly control: string;
  readonly throughputMbps: number;
  readonly meanCwnd: number;
  readonly meanRttMs: number;
  readonly retransmits: number;
  /** Seconds after which everything had arrived; null where it has not. */
  readonly doneS: number | null;
}

export interface TcpSummary {
  readonly seconds: number;
  readonly flows: readonly FlowSummary[];
  readonly links: readonly {
    readonly utilisation: number;
    readonly meanQueue: number;
    readonly maxQueue: number;
    readonly packets: number;
    readonly drops: number;
    readonly losses: number;
    readonly marks: number;
  }[];
  /** How evenly the throughput is shared, 1 at best. */
  readonly jain: number;
}

function mean(values: Float64Array, count: number): number {
  let [sum, seen] = [0, 0];
  for (let i = 0; i < count; i++) {
    if (values[i] === 0) continue;
    sum += values[i];
    seen++;
  }
  return seen === 0 ? 0 : sum / seen;
}

export function summarize(sim: TcpSim, recorder: TcpRecorder): TcpSummary {
  const flows = sim.flows.map(({ sender, startNs, doneNs }, i): FlowSummary => {
    const series = recorder.flows[i];
    const tookNs = Math.min(doneNs, sim.nowNs) - startNs;
    const bytes = sender.bytesBefore(sender.sndUna);
    return {
      flow: i,
      control: sender.ca.name,
      throughputMbps: tookNs > 0 ? (bytes * 8) / tookNs / 1e-3 : 0,
      meanCwnd: mean(series.cwnd, recorder.count),
      meanRttMs: mean(series.rttUs, recorder.count) / 1000,
      retransmits: sender.totalRetrans,
      doneS: doneNs === Infinity ? null : doneNs / 1e9,
    };
  });
  const rates = flows.map(({ throughputMbps }) => throughputMbps);
  const sum = rates.reduce((a, b) => a + b, 0);
  const squares = rates.reduce((a, b) => a + b * b, 0);
  return {
    seconds: sim.nowNs / 1e9,
    flows,
    links: sim.links.map((link, i) => ({
      utilisation: link.busyNs(sim.nowNs) / sim.nowNs,
      meanQueue: recorder.links[i].queued.subarray(0, recorder.count).reduce((a, b) => a + b, 0) / recorder.count,
      maxQueue: link.stats.maxQueue,
      packets: link.stats.packets,
      drops: link.stats.drops,
      losses: link.stats.losses,
      marks: link.stats.marks,
    })),
    jain: squares === 0 ? 0 : sum ** 2 / (flows.length * squares),
  };
}

const percent = (part: number): string => `${(part * 100).toFixed(1)}%`;
const count = (n: number): string => n.toLocaleString('en-US');

/** Flows of one congestion control together. */
function byControl(flows: readonly FlowSummary[]): FlowSummary[][] {
  const groups = new Map<string, FlowSummary[]>();
  for (const flow of flows) groups.set(flow.control, [...(groups.get(flow.control) ?? []), flow]);
  return [...groups.values()];
}

const average = (flows: readonly FlowSummary[], of: (flow: FlowSummary) => number): number =>
  flows.reduce((sum, flow) => sum + of(flow), 0) / flows.length;

export function summaryLines(summary: TcpSummary): string[] {
  const { flows, links } = summary;
  const rows = flows.length > MAX_ROWS ? byControl(flows) : flows.map((flow) => [flow]);
  const done = flows.some(({ doneS }) => doneS !== null);
  const table = formatTable<readonly FlowSummary[]>(
    [
      { title: 'flow', cell: (g) => (g.length > 1 ? `${g.length} flows` : String(g[0].flow)) },
      { title: 'control', cell: (g) => g[0].control },
      { title: 'Mbit/s', align: 'right', cell: (g) => average(g, (f) => f.throughputMbps).toFixed(2) },
      { title: 'cwnd', align: 'right', cell: (g) => average(g, (f) => f.meanCwnd).toFixed(1) },
      { title: 'rtt ms', align: 'right', cell: (g) => average(g, (f) => f.meanRttMs).toFixed(1) },
      { title: 'retransmits', align: 'right', cell: (g) => count(g.reduce((sum, f) => sum + f.retransmits, 0)) },
      ...(done ? [{ title: 'done s', align: 'right' as const, cell: (g: readonly FlowSummary[]) => doneText(g) }] : []),
    ],
    rows,
  );
  const linkLines = links.map((link, i) => {
    const name = links.length > 1 ? `link ${i}` : 'link';
    return `${name}: ${percent(link.utilisation)} used, queue ${link.meanQueue.toFixed(1)} packets (at most ${link.maxQueue}), ${count(link.packets)} sent, ${count(link.drops)} dropped, ${count(link.losses)} lost, ${count(link.marks)} marked`;
  });
  return [...table, '', ...linkLines, ...(flows.length > 1 ? [`Jain's index: ${summary.jain.toFixed(4)}`] : [])];
}

function doneText(flows: readonly FlowSummary[]): string {
  const times = flows.flatMap(({ doneS }) => (doneS === null ? [] : [doneS]));
  return times.length < flows.length ? `${times.length} of ${flows.length}` : Math.max(...times).toFixed(3);
}
