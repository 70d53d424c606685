// SPDX-License-Identifier: MIT
// Programs that tail-call each other go into one module, where such a call is a jump: a tenth of the time of a call
// through the table. What a prog array holds is compared at each call, so arrays may change at any time.
import type { BpfMap, VerifiedProg } from '@tsbpf/core';
import { translate, type ProgramImports } from '../translate/program.ts';
import type { Source, TailTarget } from '../translate/source.ts';
import { TooLargeError } from '../translate/too-large.ts';
import { sourceOf, type Compilable } from './compile.ts';
import type { Engine } from './engine.ts';

/** A program as fusion sees it. */
export interface Fusible extends Compilable {
  readonly progOff: number;
  /** Imports from `k` and its place. */
  importsFor(imports: ProgramImports): Record<string, WebAssembly.ImportValue>;
  /** Takes the exports of a new instance that are its own. */
  adopt(exports: WebAssembly.Exports, place: { index: number; imports: ProgramImports }): void;
  /** Goes back to a module of its own. */
  relink(): void;
}

/** Bounds of a module of several programs: programs, and instructions. */
const MAX_PROGRAMS = 64;
const MAX_INSNS = 20_000;
/** Times that a program is translated with others. */
const MAX_FUSIONS = 4;
/** Elements of a prog array that are looked at, and direct targets of one call. */
const MAX_ENTRIES = 4096;
const MAX_TARGETS = 8;

/** Knows which programs were seen to tail-call which, and puts those into one module. */
export class Fusion {
  readonly #engine: Engine;
  readonly #calls = new Map<Fusible, Set<Fusible>>();
  readonly #groups = new Map<Fusible, Set<Fusible>>();
  readonly #times = new WeakMap<Fusible, number>();
  /** Programs to be fused before the next run. */
  readonly #pending = new Set<Fusible>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  get isPending(): boolean {
    return this.#pending.size > 0;
  }

  /** A tail call that found its target by the slow way. */
  note(from: Fusible, to: Fusible): void {
    this.#link(from, to);
    this.#link(to, from);
    if ((this.#times.get(from) ?? 0) < MAX_FUSIONS) this.#pending.add(from);
  }

  #link(from: Fusible, to: Fusible): void {
    const known = this.#calls.get(from);
    if (known === undefined) this.#calls.set(from, new Set([to]));
    else known.add(to);
  }

  /** The program goes: nobody may jump to it, because another may get its place in memory. */
  forget(program: Fusible): void {
    for (const other of this.#calls.get(program) ?? []) this.#calls.get(other)?.delete(program);
    this.#calls.delete(program);
    this.#pending.delete(program);
    this.#dissolve(program, (member) => {
      if (member !== program) member.relink();
    });
  }

  /** The program is about to be linked alone: those it shares a module with must not jump to what it was. */
  left(program: Fusible): void {
    if (!this.#groups.has(program)) return;
    this.#dissolve(program, (member) => {
      if (member !== program) member.relink();
    });
    if ((this.#times.get(program) ?? 0) < MAX_FUSIONS) this.#pending.add(program);
  }

  #dissolve(program: Fusible, each: (member: Fusible) => void): void {
    const group = this.#groups.get(program);
    for (const member of group ?? []) this.#groups.delete(member);
    for (const member of group ?? []) each(member);
  }

  /** Fuses what is pending. */
  run(): void {
    const pending = [...this.#pending];
    this.#pending.clear();
    const done = new Set<Fusible>();
    for (const program of pending) {
      if (done.has(program)) continue;
      const members = this.#component(program);
      for (const member of members) done.add(member);
      const insns = members.reduce((sum, { verified }) => sum + verified.insns.length, 0);
      if (members.length <= MAX_PROGRAMS && insns <= MAX_INSNS) this.#fuse(members);
    }
  }

  #component(program: Fusible): Fusible[] {
    const found = new Set([program]);
    for (const member of found) {
      for (const other of this.#calls.get(member) ?? []) found.add(other);
      if (found.size > MAX_PROGRAMS) break;
    }
    return [...found];
  }

  #fuse(members: readonly Fusible[]): void {
    const engine = this.#engine;
    const places = new Map(members.map(({ progOff }, index) => [progOff, index]));
    const sources = members.map((member): Source => ({
      ...sourceOf(engine, member),
      tailTargets: (idx) => targetsOf(member.verified, idx, places),
    }));
    let compiled;
    try {
      compiled = engine.cache.compile(translate(sources));
    } catch (error) {
      // Each alone was small enough, and still is.
      if (error instanceof TooLargeError) return;
      throw error;
    }
    const { module, programs } = compiled;
    const imports: WebAssembly.Imports = { k: { mem: engine.mem.wasm, tails: engine.table } };
    members.forEach((member, index) => (imports[`k${index}`] = member.importsFor(programs[index])));
    const { exports } = new WebAssembly.Instance(module, imports);
    for (const member of members) this.#dissolve(member, () => undefined);
    const group = new Set(members);
    members.forEach((member, index) => {
      this.#groups.set(member, group);
      this.#times.set(member, (this.#times.get(member) ?? 0) + 1);
      member.adopt(exports, { index, imports: programs[index] });
    });
  }
}

/** Members that the tail call at `idx` reaches by what its array holds now. */
function targetsOf(verified: VerifiedProg, idx: number, places: ReadonlyMap<number, number>): TailTarget[] {
  const aux = verified.aux[idx];
  const map = aux?.map as BpfMap | undefined;
  const find = map?.def.ops.tailCallTarget;
  if (map === undefined || find === undefined) return [];
  const found = new Map<number, TailTarget>();
  const see = (key: number): void => {
    const progOff = key < map.maxEntries ? find(map, key)?.off : undefined;
    const index = progOff === undefined ? undefined : places.get(progOff);
    if (progOff !== undefined && index !== undefined) found.set(progOff, { progOff, index });
  };
  if (aux?.constKey !== undefined) see(aux.constKey);
  else for (let key = 0; key < Math.min(map.maxEntries, MAX_ENTRIES); key++) see(key);
  return found.size <= MAX_TARGETS ? [...found.values()] : [];
}
