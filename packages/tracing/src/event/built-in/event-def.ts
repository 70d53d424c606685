// SPDX-License-Identifier: MIT
import { DATA_LOC, type FieldSpec } from '../trace-event.ts';
import type { AssignFields } from '../tracepoint-args.ts';

/** A trace event that a kernel has from the start. */
export interface EventDef {
  /** `category:name` */
  readonly event: string;
  /**
   * The class of its record: `trace_event_raw_CLASS` in the kernel's BTF, where that has none of the event's own name. A
   * later name of the class comes behind a `|`.
   */
  readonly recordClass: string;
  readonly fields: readonly FieldSpec[];
  /** What it takes from the tracepoint of its name. */
  readonly assign: AssignFields;
}

export const comm = (name: string): FieldSpec => ({ name, type: 'char[16]', size: 16, align: 1 });
export const bytes = (name: string, size: number, type = 'char'): FieldSpec => ({
  ...{ name, type: `${type}[${size}]`, size, align: 1 },
});
export const short = (name: string, type = 'unsigned short'): FieldSpec => ({ name, type, size: 2 });
export const int = (name: string, type = 'int'): FieldSpec => ({ name, type, size: 4 });
export const long = (name: string, type = 'long'): FieldSpec => ({ name, type, size: 8 });
export const text = (name: string): FieldSpec => ({ name, type: DATA_LOC, size: 4 });
