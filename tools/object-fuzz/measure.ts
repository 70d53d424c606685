// SPDX-License-Identifier: MIT
import { getHeapStatistics } from 'node:v8';
import { exercise } from './exercise.ts';
import type { FuzzInput } from './inputs.ts';

const MIB = 1024 * 1024;

/** Milliseconds of CPU that one step may take. */
export const MAX_CPU_MS = 2000;

/** Bytes that one step may hold: ten times the input and 64 MiB. */
export const memoryBound = (inputBytes: number): number => 10 * inputBytes + 64 * MIB;

export interface Finding {
  readonly index: number;
  readonly from: string;
  readonly step: string;
  readonly what: string;
}

const held = (): number => {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
};

/** Runs the steps of an input; what breaks a promise is found. Allocations count until collected: more than are held. */
export function check(input: FuzzInput): Finding[] {
  const findings: Finding[] = [];
  for (const step of input.steps) {
    const found = (what: string): void => {
      findings.push({ index: input.index, from: input.from.name, step, what });
    };
    const before = held();
    const cpu = process.cpuUsage();
    try {
      exercise(step, input.bytes, input.other);
    } catch (error) {
      found(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
    const { user, system } = process.cpuUsage(cpu);
    const ms = (user + system) / 1000;
    if (ms > MAX_CPU_MS) found(`took ${Math.round(ms)} ms of CPU`);
    const grown = held() - before;
    if (grown > memoryBound(input.bytes.length)) found(`allocated ${Math.round(grown / MIB)} MiB`);
  }
  return findings;
}
