// SPDX-License-Identifier: MIT
// The benchmark of a page: both engines on the same programs.
import { INTERPRETER_SAMPLE_NS, measure, nsOf, SAMPLE_NS, timed } from '../measure.ts';
import { PROGRAMS } from '../program-set.ts';
import { simulatedKernel, Target } from '../target.ts';

/** Nanoseconds of a run, by engine. */
export interface BrowserRow {
  readonly name: string;
  readonly jit: number;
  readonly atomics: number;
  readonly interpreter: number;
  /** R0 was not the same everywhere. */
  readonly differs: boolean;
}

export async function main(): Promise<BrowserRow[]> {
  const names = PROGRAMS.map(({ name }) => name);
  const at = (engine: 'jit' | 'atomics' | 'interpreter', sampleNs: number) =>
    timed(new Target(simulatedKernel(engine), names, { ownClock: false }), sampleNs);
  const jit = at('jit', SAMPLE_NS);
  const atomics = at('atomics', SAMPLE_NS);
  const interpreter = at('interpreter', INTERPRETER_SAMPLE_NS);
  const rows: BrowserRow[] = [];
  for (const name of names) {
    const differs = (await measure([jit, atomics, interpreter], name)) !== undefined;
    rows.push({
      name,
      jit: nsOf(jit, name),
      atomics: nsOf(atomics, name),
      interpreter: nsOf(interpreter, name),
      differs,
    });
  }
  return rows;
}
