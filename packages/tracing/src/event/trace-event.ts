// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';
import type { AssignFields } from './tracepoint-args.ts';

/** A field of a trace event's record. */
export interface TraceField {
  readonly name: string;
  /**
   * The C type, as the event's `format` file shows it; `char x[16]` takes text, and so does `__data_loc char[]`, whose
   * text lies behind the record.
   */
  readonly type: string;
  readonly off: number;
  readonly size: number;
  /** The `format` file says unsigned whatever the type. */
  readonly unsigned?: boolean;
}

/** A trace event: what TRACEPOINT programs attach to. */
export interface TraceEvent {
  readonly kind: 'trace_event';
  readonly category: string;
  readonly name: string;
  /** What its `id` file says. */
  readonly id: number;
  /** Behind the 8 bytes that all records begin with. */
  readonly fields: readonly TraceField[];
  /** The tracepoint that makes it occur, and what its record takes from there; without one it is only fired by hand. */
  readonly tracepoint?: { readonly name: string; readonly assign: AssignFields } | undefined;
}

/** Bytes every record begins with: type, flags, preemption count, pid. Programs find a pointer of the kernel's there. */
export const COMMON_BYTES = 8;

/** A field to lay out: its type and size in bytes; it is aligned to the smaller of its size and 8, or to `align`. */
export interface FieldSpec {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly align?: number;
  readonly unsigned?: boolean;
}

/** The type of fields whose text lies behind the record: what the field holds is its length and offset. */
export const DATA_LOC = '__data_loc char[]';

/** Lays fields out as a C structure behind the common ones. */
export function layOut(specs: readonly FieldSpec[]): TraceField[] {
  let end = COMMON_BYTES;
  return specs.map(({ name, type, size, align = Math.min(size, 8), unsigned }) => {
    const off = Math.ceil(end / align) * align;
    end = off + size;
    return { name, type, off, size, ...(unsigned === undefined ? {} : { unsigned }) };
  });
}

/** Bytes from the record's beginning to the end of its last field: what a program may read. */
export function recordBytes(event: TraceEvent): number {
  return event.fields.reduce((end, field) => Math.max(end, field.off + field.size), COMMON_BYTES);
}

/** Values of fields by name: integers, text for char arrays, bytes as they are. */
export type EventValues = Readonly<Record<string, number | bigint | string | Uint8Array>>;

const ALIGN = 8;
const padded = (lenBytes: number): number => Math.ceil(lenBytes / ALIGN) * ALIGN;

/** Texts that lie behind a record. */
class Tail {
  readonly #start: number;
  readonly #bytes: number[] = [];

  constructor(startOff: number) {
    this.#start = startOff;
  }

  /** Adds text and its NUL; answers what the field holds. */
  add(text: Uint8Array): number {
    const off = this.#start + this.#bytes.length;
    this.#bytes.push(...text, 0);
    return ((text.length + 1) << 16) | off;
  }

  join(record: Uint8Array): Uint8Array {
    const all = new Uint8Array(padded(this.#start + this.#bytes.length));
    all.set(record);
    all.set(this.#bytes, this.#start);
    return all;
  }
}

/**
 * A record of the event; fields without a value are 0.
 * @errno EINVAL UsageError: a field the event does not have, or a value its field does not hold
 */
export function buildRecord(event: TraceEvent, values: EventValues, common: { pid: number }): Uint8Array {
  const bytes = new Uint8Array(recordBytes(event));
  const tail = new Tail(bytes.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, event.id, true);
  view.setInt32(4, common.pid, true);
  const put = (field: TraceField, value: number | bigint): void => {
    for (let i = 0; i < field.size; i++) bytes[field.off + i] = Number((BigInt(value) >> BigInt(8 * i)) & 0xffn);
  };
  for (const [name, value] of Object.entries(values)) {
    const field = event.fields.find((f) => f.name === name);
    const raw = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    const isBytes = raw instanceof Uint8Array;
    const outside = field?.type === DATA_LOC;
    const fits = isBytes ? outside || raw.length <= (field?.size ?? 0) : (field?.size ?? 0) <= 8;
    if (field === undefined || !fits) {
      const names = event.fields.map((f) => `${f.name}: ${f.size} bytes`).join(', ');
      throw new UsageError(`${event.category}:${event.name} takes no such ${name}; it has ${names}`, {
        errno: EINVAL,
      });
    }
    if (!isBytes) put(field, raw);
    else if (outside) put(field, tail.add(raw.includes(0) ? raw.subarray(0, raw.indexOf(0)) : raw));
    else bytes.set(raw, field.off);
  }
  return tail.join(bytes);
}

const UNSIGNED = /unsigned|^_*u\d|^(dev_t|sector_t|size_t|gfp_t|bool)$|\*|__data_loc/;

/** The event's `format` file, as far as readers of offsets need it. */
export function formatFile(event: TraceEvent): string {
  const line = ({ name, type, off, size, unsigned = false }: TraceField): string => {
    const array = /^(.*)(\[\d+\])$/.exec(type);
    const declared = array === null ? `${type} ${name}` : `${array[1]} ${name}${array[2]}`;
    const signed = unsigned || UNSIGNED.test(type) ? 0 : 1;
    return `\tfield:${declared};\toffset:${off};\tsize:${size};\tsigned:${signed};`;
  };
  const common: TraceField[] = [
    { name: 'common_type', type: 'unsigned short', off: 0, size: 2 },
    { name: 'common_flags', type: 'unsigned char', off: 2, size: 1 },
    { name: 'common_preempt_count', type: 'unsigned char', off: 3, size: 1 },
    { name: 'common_pid', type: 'int', off: 4, size: 4 },
  ];
  const fields = [...common.map(line), '', ...event.fields.map(line)];
  return `name: ${event.name}\nID: ${event.id}\nformat:\n${fields.join('\n')}\n`;
}
