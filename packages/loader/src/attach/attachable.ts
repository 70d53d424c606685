// SPDX-License-Identifier: MIT
import { LoaderError, type Sys } from '@tsbpf/uapi';
import type { SecDef } from '../sections/sec-def.ts';

/** What attaching needs of a program. */
export interface Attachable {
  readonly name: string;
  readonly sectionName: string;
  readonly secDef: SecDef | undefined;
  readonly type: number;
  readonly expectedAttachType: number;
  readonly fd: number;
  readonly sys: Sys;
}

/** An error that names the program. */
export function attachError(prog: Attachable, text: string, errno: number): LoaderError {
  return new LoaderError(`prog '${prog.name}': ${text}`, { errno, prog: prog.name });
}
