// SPDX-License-Identifier: MIT
// Running a script: what each step returned and what it wrote.
import { EINVAL, InternalError, UsageError } from '../../packages/uapi/src/index.ts';
import type { BpfAttrs, BpfCmd, Sys } from '../../packages/uapi/src/index.ts';
import { commandNumber, resolve } from './script.ts';
import type { Script, ScriptState, ScriptValue, Step } from './script.ts';

/** What a step did. */
export interface TraceStep {
  /** The step's name, or its position and command. */
  label: string;
  /** Of a bpf(2) step; undefined for others. */
  cmd: number | undefined;
  /** An fd or another result, or -errno. What a verb gave that is no number is in `out`. */
  result: number;
  /** Fields that the step wrote, by path (`retval`, `info.id`). */
  out: Record<string, unknown>;
}

/** Runs a script. */
export function runScript(sys: Sys, script: Script): TraceStep[] {
  const results = new Map<string, number>();
  const attrs = new Map<string, Record<string, unknown>>();
  const open: number[] = [];
  const state: ScriptState = { results, attrs };

  const runStep = (step: Step, position: number): TraceStep => {
    const done = perform(step, position);
    if (step.name !== undefined) results.set(step.name, done.result);
    return done;
  };

  const perform = (step: Step, position: number): TraceStep => {
    if ('close' in step) {
      const fd = results.get(step.close);
      if (fd === undefined) throw new UsageError(`No earlier step is called ${step.close}`, { errno: EINVAL });
      if (open.includes(fd)) open.splice(open.indexOf(fd), 1);
      return { label: step.name ?? `${position} close ${step.close}`, cmd: undefined, result: sys.close(fd), out: {} };
    }
    if ('verb' in step) return performVerb(step, position);
    const cmd = commandNumber(step.bpf);
    const attr = resolve(step.attr, state) as Record<string, unknown>;
    const before = snapshot(attr);
    const result = sys.bpf(cmd as BpfCmd, attr as unknown as BpfAttrs[BpfCmd]);
    if (result >= 0 && FD_COMMANDS.has(cmd)) open.push(result);
    if (step.name !== undefined) attrs.set(step.name, attr);
    const written = snapshot(attr);
    const out: Record<string, unknown> = {};
    for (const [path, value] of written) if (!sameValue(value, before.get(path))) out[path] = value;
    return { label: step.name ?? `${position} ${String(step.bpf)}`, cmd, result, out };
  };

  const performVerb = (step: Extract<Step, { verb: string }>, position: number): TraceStep => {
    const verb = (sys as unknown as Record<string, unknown>)[step.verb];
    if (typeof verb !== 'function') throw new UsageError(`No system call is called ${step.verb}`, { errno: EINVAL });
    const args = step.args.map((arg: ScriptValue) => resolve(arg, state));
    const result: unknown = (verb as (...args: unknown[]) => unknown).apply(sys, args);
    const label = step.name ?? `${position} ${step.verb}`;
    if (typeof result !== 'number') return { label, cmd: undefined, result: 0, out: { result } };
    if (result >= 0 && FD_VERBS.has(step.verb)) open.push(result);
    return { label, cmd: undefined, result, out: {} };
  };

  try {
    return script.steps.map(runStep);
  } finally {
    for (const fd of open.reverse()) sys.close(fd);
  }
}

/** Commands and verbs whose result is an fd. */
export const FD_COMMANDS: ReadonlySet<number> = new Set([0, 5, 7, 13, 14, 17, 18, 19]);
const FD_VERBS: ReadonlySet<string> = new Set(['open', 'perfEventOpen']);

/** Every field by path, buffers copied. */
function snapshot(attr: Record<string, unknown>, prefix = ''): Map<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [name, value] of Object.entries(attr)) {
    // Only the simulated kernel explains itself.
    if (name === 'diagnostic') continue;
    const path = `${prefix}${name}`;
    if (value instanceof Uint8Array) fields.set(path, value.slice());
    else if (typeof value === 'object' && value !== null) {
      if (prefix !== '') throw new InternalError(`attribute field ${path} is nested too deeply`);
      for (const [inner, field] of snapshot(value as Record<string, unknown>, `${path}.`)) fields.set(inner, field);
    } else fields.set(path, value);
  }
  return fields;
}

function sameValue(a: unknown, b: unknown): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array)
    return a.length === b.length && a.every((byte, i) => byte === b[i]);
  return a === b;
}
