// SPDX-License-Identifier: MIT
import { EINVAL } from '@tsbpf/uapi';
import { defineHelper, type HelperCall, type HelperRow } from '@tsbpf/core';
import { byteAt } from '../probe/unsafe-memory.ts';
import { wideArg } from '../words.ts';
import { formatInteger, formatPointer, parseFormat, type FormatPart } from './format.ts';
import { traceLine } from './trace-line.ts';

/** Bytes of a `%s` argument, its NUL included. */
const STRING_BYTES = 64;
/** Bytes of one message, its NUL included. @see kernel/trace/trace.c, TRACE_BUF_SIZE */
const MESSAGE_BYTES = 1024;

/** The string at an address of any space, as far as it can be read and fits. */
function readString(call: HelperCall, addr: bigint): string {
  let text = '';
  for (let i = 0; i < STRING_BYTES - 1; i++) {
    const byte = byteAt(call.kernel, 'any', addr + BigInt(i));
    if (byte <= 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

function print(call: HelperCall, part: FormatPart, arg: bigint): string {
  switch (part.kind) {
    case 'text':
      return part.text;
    case 'integer':
      return formatInteger(arg, part.conversion, part.bits);
    case 'pointer':
      return formatPointer(arg);
    case 'string':
      return readString(call, arg);
  }
}

/**
 * Writes a message to the trace pipe and answers its length in bytes. One newline at the end belongs to the line's own
 * end and is not passed on.
 * @errno EINVAL a format that {@link parseFormat} refuses
 * @see kernel/trace/bpf_trace.c, bpf_trace_printk
 */
export const tracePrintkHelpers: readonly HelperRow[] = [
  defineHelper('bpf_trace_printk', {
    retWidth: 'sext',
    wideArgs: [3, 4, 5],
    call(call, fmt, size, ...lows) {
      const { mem, env } = call.kernel;
      const parts = parseFormat(mem.readBytes(fmt, size));
      if (parts === undefined) return -EINVAL;
      const args = lows.map((low, i) => wideArg(call, i + 3, low));
      let text = '';
      let used = 0;
      for (const part of parts) text += print(call, part, part.kind === 'text' ? 0n : args[used++]);
      text = text.slice(0, MESSAGE_BYTES - 1);
      env.tracePrintk(traceLine(call.kernel, text.replace(/\n$/, '')));
      return text.length;
    },
  }),
];
