// SPDX-License-Identifier: MIT
// What the tests of the congestion controls share.
import { readFileSync } from 'node:fs';
import { createKernel, openObject, type CreateKernelOptions, type SimulatedKernel, type TcpSimOptions } from 'tsbpf';

export const CONTROLS = ['reno', 'cubic', 'dctcp'] as const;

/** A kernel with the three registered. */
export function kernelWithControls(options: CreateKernelOptions): SimulatedKernel {
  const kernel = createKernel(options);
  for (const name of CONTROLS) {
    const obj = openObject(readFileSync(new URL(`./${name}.bpf.o`, import.meta.url)), { sys: kernel });
    obj.load();
    obj.attach();
  }
  return kernel;
}

export interface Scenario extends TcpSimOptions {
  readonly seconds: number;
  /** When each connection begins, seconds, and how much further it is than the first, milliseconds. */
  readonly flows: readonly { readonly at?: number; readonly furtherMs?: number; readonly bytes?: number }[];
  /** A change of the first link's delay, seconds and milliseconds. */
  readonly delay?: readonly (readonly [at: number, ms: number])[];
}

/** Every packet of a scenario, in order. */
export function packetsOf(kernel: SimulatedKernel, cc: string, scenario: Scenario): string[] {
  const packets: string[] = [];
  const sim = kernel.tcp.simulate({
    ...scenario,
    trace: (kind, flow, seq, flags, nowNs) => packets.push(`${nowNs} ${kind} ${flow} ${seq} ${flags}`),
  });
  for (const { at = 0, furtherMs = 0, bytes } of scenario.flows) {
    sim.addFlow({ cc, startNs: at * 1e9, extraDelayNs: furtherMs * 1e6, ...(bytes === undefined ? {} : { bytes }) });
  }
  for (const [at, ms] of scenario.delay ?? []) sim.at(at * 1e9, () => void (sim.links[0].delayNs = ms * 1e6));
  sim.runUntil(scenario.seconds * 1e9);
  sim.close();
  return packets;
}
