// SPDX-License-Identifier: MIT
import { EINVAL, UsageError } from '@tsbpf/uapi';

/** A field of a trace event's record. */
export interface TraceField {
  readonly name: string;
  /** The C type, as the event's `format` file shows it; `char x[16]` takes text. */
  readonly type: string;
  readonly off: number;
  readonly size: number;
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
}

/** Bytes every record begins with: type, flags, preemption count, pid. Programs find a pointer of the kernel's there. */
export const COMMON_BYTES = 8;

/** A field to lay out: its type and size in bytes; it is aligned to the smaller of its size and 8, or to `align`. */
export interface FieldSpec {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly align?: number;
}

/** Lays fields out as a C structure behind the common ones. */
export function layOut(specs: readonly FieldSpec[]): TraceField[] {
  let end = COMMON_BYTES;
  return specs.map(({ name, type, size, align = Math.min(size, 8) }) => {
    const off = Math.ceil(end / align) * align;
    end = off + size;
    return { name, type, off, size };
  });
}

/** Bytes from the record's beginning to the end of its last field: what a program may read. */
export function recordBytes(event: TraceEvent): number {
  return event.fields.reduce((end, field) => Math.max(end, field.off + field.size), COMMON_BYTES);
}

/** Values of fields by name: integers, text for char arrays, bytes as they are. */
export type EventValues = Readonly<Record<string, number | bigint | string | Uint8Array>>;

/**
 * A record of the event; fields without a value are 0.
 * @errno EINVAL UsageError: a field the event does not have, or a value its field does not hold
 */
export function buildRecord(event: TraceEvent, values: EventValues, common: { pid: number }): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(recordBytes(event) / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, event.id, true);
  view.setInt32(4, common.pid, true);
  for (const [name, value] of Object.entries(values)) {
    const field = event.fields.find((f) => f.name === name);
    const raw = typeof value === 'string' ? new TextEncoder().encode(value) : value;
    const tooLong = raw instanceof Uint8Array && raw.length > (field?.size ?? 0);
    if (field === undefined || tooLong || (!(raw instanceof Uint8Array) && field.size > 8)) {
      const names = event.fields.map((f) => `${f.name}: ${f.size} bytes`).join(', ');
      throw new UsageError(`${event.category}:${event.name} takes no such ${name}; it has ${names}`, {
        errno: EINVAL,
      });
    }
    if (raw instanceof Uint8Array) bytes.set(raw, field.off);
    else for (let i = 0; i < field.size; i++) bytes[field.off + i] = Number((BigInt(raw) >> BigInt(8 * i)) & 0xffn);
  }
  return bytes;
}

/** The event's `format` file, as far as readers of offsets need it. */
export function formatFile(event: TraceEvent): string {
  const line = ({ name, type, off, size }: TraceField): string => {
    const array = /^(.*)(\[\d+\])$/.exec(type);
    const declared = array === null ? `${type} ${name}` : `${array[1]} ${name}${array[2]}`;
    const signed = /unsigned|^u\d|pointer|\*/.test(type) ? 0 : 1;
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
