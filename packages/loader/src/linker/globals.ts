// SPDX-License-Identifier: MIT
import type { Input } from './input.ts';
import type { OutSection } from './output.ts';

/** A symbol that every object knows by its name. */
export interface Global {
  readonly name: string;
  /** Its symbol in the output. */
  readonly symIdx: number;
  /** Where it is, or is declared to be; undefined of an extern that is declared nowhere. */
  section: OutSection | undefined;
  /** No object defines it so far. */
  isExtern: boolean;
  isWeak: boolean;
  /** The object whose definition stands. */
  definedBy: Input | undefined;
  /** Its VAR or FUNC in the output's types; 0 before there is one. */
  btfId: number;
  /** What that VAR or FUNC refers to; 0 where the next object's types decide it. */
  typeId: number;
  /** Position among its section's variables; -1 before there is one. */
  varIdx: number;
}

export type Globals = Map<string, Global>;

/** What is said of a name that two objects place in different sections. */
export function sectionMismatch(name: string, a: OutSection | undefined, b: OutSection | undefined): string {
  const word = (section: OutSection | undefined): string => `'${section?.name ?? '<none>'}'`;
  return `global '${name}': section mismatch ${word(a)} vs ${word(b)}`;
}
