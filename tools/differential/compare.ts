// SPDX-License-Identifier: MIT
// Two systems, one script: where they differ, and which differences a version rule explains.
import { errnoName } from '../../packages/uapi/src/index.ts';
import type { Sys } from '../../packages/uapi/src/index.ts';
import { normalizeTrace } from './normalize.ts';
import type { NormalStep } from './normalize.ts';
import type { Script } from './script.ts';
import { runScript } from './trace.ts';

/** One difference. */
export interface TraceDifference {
  /** Position in the script, from 0. */
  position: number;
  label: string;
  /** `result`, or a field that was written. */
  path: string;
  /** Undefined where that side did not write the field. */
  left: string | undefined;
  right: string | undefined;
}

/**
 * Explains differences by the name of a version rule. Each pattern is a regular expression that must match somewhere;
 * one left out matches all.
 */
export interface Allowance {
  /** The version rule's name. */
  rule: string;
  step?: string;
  path?: string;
  left?: string;
  right?: string;
}

/** What came out. */
export interface Comparison {
  title: string;
  steps: number;
  /** What no allowance explains. */
  differences: TraceDifference[];
  allowed: (TraceDifference & { rule: string })[];
  /** Rules that explained nothing: they are stale, or the script no longer reaches them. */
  unused: string[];
}

/** Compares two normalized traces of one script. */
export function compareTraces(left: readonly NormalStep[], right: readonly NormalStep[]): TraceDifference[] {
  const differences: TraceDifference[] = [];
  for (const [position, one] of left.entries()) {
    const other = right[position];
    const add = (path: string, a: string | undefined, b: string | undefined): void => {
      if (a !== b) differences.push({ position, label: one.label, path, left: a, right: b });
    };
    add('result', renderResult(one.result), other === undefined ? undefined : renderResult(other.result));
    for (const path of new Set([...Object.keys(one.out), ...Object.keys(other?.out ?? {})]))
      add(path, one.out[path], other?.out[path]);
  }
  return differences;
}

function renderResult(result: number | 'fd'): string {
  return typeof result === 'number' && result < 0 ? `-${errnoName(-result)}` : String(result);
}

function explains(allowance: Allowance, difference: TraceDifference): boolean {
  const matches = (pattern: string | undefined, text: string | undefined): boolean =>
    pattern === undefined || (text !== undefined && new RegExp(pattern).test(text));
  return (
    matches(allowance.step, difference.label) &&
    matches(allowance.path, difference.path) &&
    matches(allowance.left, difference.left) &&
    matches(allowance.right, difference.right)
  );
}

/** Sorts differences by the allowances that explain them. */
export function applyAllowances(
  differences: readonly TraceDifference[],
  allow: readonly Allowance[],
): Pick<Comparison, 'differences' | 'allowed' | 'unused'> {
  const unexplained: TraceDifference[] = [];
  const allowed: Comparison['allowed'] = [];
  for (const difference of differences) {
    const allowance = allow.find((candidate) => explains(candidate, difference));
    if (allowance === undefined) unexplained.push(difference);
    else allowed.push({ ...difference, rule: allowance.rule });
  }
  const used = new Set(allowed.map(({ rule }) => rule));
  const unused = [...new Set(allow.map(({ rule }) => rule))].filter((rule) => !used.has(rule));
  return { differences: unexplained, allowed, unused };
}

/** Runs a script on both systems and compares. */
export function compareSystems(
  left: Sys,
  right: Sys,
  script: Script,
  options: { allow?: readonly Allowance[] } = {},
): Comparison {
  const differences = compareTraces(normalizeTrace(runScript(left, script)), normalizeTrace(runScript(right, script)));
  return {
    title: script.title ?? 'script',
    steps: script.steps.length,
    ...applyAllowances(differences, options.allow ?? []),
  };
}

/** The comparison for people: texts of many lines by their first line that differs. */
export function formatComparison(comparison: Comparison): string {
  const { title, steps, differences, allowed, unused } = comparison;
  const lines = [`${title}: ${steps} steps, ${differences.length} differences, ${allowed.length} allowed`];
  for (const difference of differences)
    lines.push(`  #${difference.position} ${difference.label}: ${difference.path}`, ...showSides(difference));
  for (const { position, label, path, rule } of allowed) lines.push(`  #${position} ${label}: ${path} (rule ${rule})`);
  for (const rule of unused) lines.push(`  rule ${rule} explains nothing`);
  return lines.join('\n');
}

function showSides({ left, right }: TraceDifference): string[] {
  const side = (mark: string, line: string | undefined): string => `    ${mark} ${line ?? '(nothing)'}`;
  const [a, b] = [left?.split('\n'), right?.split('\n')];
  if (a === undefined || b === undefined || (a.length === 1 && b.length === 1))
    return [side('-', a?.[0]), side('+', b?.[0])];
  const at = a.findIndex((line, i) => line !== b[i]);
  const row = at < 0 ? a.length : at;
  return [`    line ${row + 1}:`, side('-', a[row]), side('+', b[row])];
}
