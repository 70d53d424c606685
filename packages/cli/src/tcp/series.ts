// SPDX-License-Identifier: MIT
// What a recorder saw, as CSV and as charts.
import { CA_STATE_NAMES, type TcpRecorder } from 'tsbpf';
import { chartSvg, type ChartLine } from './chart.ts';

const NS_PER_S = 1e9;

function mbitPerSecond(bytes: number, intervalNs: number): number {
  return (bytes * 8) / (intervalNs / NS_PER_S) / 1e6;
}

/** A row for each look at each connection. */
export function flowsCsv(recorder: TcpRecorder, names: readonly string[]): string {
  const rows = ['time_s,flow,control,cwnd,ssthresh,rtt_ms,in_flight,throughput_mbps,retransmits,state'];
  recorder.flows.forEach((series, flow) => {
    for (let look = 0; look < recorder.count; look++) {
      rows.push(
        [
          recorder.secondsAt(look).toFixed(6),
          flow,
          names[flow],
          series.cwnd[look],
          series.ssthresh[look],
          (series.rttUs[look] / 1000).toFixed(3),
          series.inFlight[look],
          mbitPerSecond(series.deliveredBytes[look], recorder.intervalNs).toFixed(4),
          series.retransmits[look],
          CA_STATE_NAMES[series.state[look]],
        ].join(','),
      );
    }
  });
  return `${rows.join('\n')}\n`;
}

/** A row for each look at each link. */
export function linksCsv(recorder: TcpRecorder): string {
  const rows = ['time_s,link,queue_packets,drops,losses,marks'];
  recorder.links.forEach((series, link) => {
    for (let look = 0; look < recorder.count; look++) {
      const { queued, drops, losses, marks } = series;
      rows.push(
        [recorder.secondsAt(look).toFixed(6), link, queued[look], drops[look], losses[look], marks[look]].join(','),
      );
    }
  });
  return `${rows.join('\n')}\n`;
}

/** Windows over which a throughput is a number worth drawing: a look may see no acknowledgement at all. */
const SMOOTHING_LOOKS = 5;

function throughput(recorder: TcpRecorder, delivered: Float64Array): Float64Array {
  const out = new Float64Array(recorder.count);
  let sum = 0;
  for (let look = 0; look < recorder.count; look++) {
    sum += delivered[look];
    if (look >= SMOOTHING_LOOKS) sum -= delivered[look - SMOOTHING_LOOKS];
    const looks = Math.min(look, SMOOTHING_LOOKS);
    out[look] = looks === 0 ? 0 : mbitPerSecond(sum, looks * recorder.intervalNs);
  }
  return out;
}

/** The charts by file name. */
export function charts(recorder: TcpRecorder, names: readonly string[], what: string): ReadonlyMap<string, string> {
  const x = Float64Array.from({ length: recorder.count }, (_, look) => recorder.secondsAt(look));
  const draw = (title: string, yTitle: string, lines: readonly ChartLine[]): string =>
    chartSvg({ title: `${title}: ${what}`, xTitle: 'seconds', yTitle, x, lines });
  // What is 0 is not there yet, or no more.
  const present = (values: Float64Array, scale = 1): Float64Array =>
    values.subarray(0, recorder.count).map((value) => (value === 0 ? NaN : value * scale));
  const perFlow = (pick: (flow: TcpRecorder['flows'][number]) => Float64Array): ChartLine[] =>
    recorder.flows.map((series, i) => ({ name: `${names[i]} ${i}`, values: pick(series) }));
  const queues = recorder.links.map(({ queued }, i) => ({
    name: recorder.links.length > 1 ? `link ${i}` : 'queue',
    values: queued.subarray(0, recorder.count),
  }));
  return new Map([
    [
      'cwnd.svg',
      draw(
        'Congestion window',
        'segments',
        perFlow(({ cwnd }) => present(cwnd)),
      ),
    ],
    [
      'rtt.svg',
      draw(
        'Round trip',
        'milliseconds',
        perFlow(({ rttUs }) => present(rttUs, 0.001)),
      ),
    ],
    ['queue.svg', draw('Queue', 'packets', queues)],
    [
      'throughput.svg',
      draw(
        'Throughput',
        'Mbit/s',
        perFlow((series) => throughput(recorder, series.deliveredBytes)),
      ),
    ],
  ]);
}
