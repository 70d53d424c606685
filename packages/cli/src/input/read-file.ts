// SPDX-License-Identifier: MIT
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { badInput } from '../failure.ts';

/** No BPF object, BTF blob or packet is anywhere near this; a file of that size is a mistake. Bytes. */
const MAX_OBJECT = 256 * 1024 * 1024;
const MAX_CAPTURE = 2 * 1024 * 1024 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  ENOTDIR: 'a part of the path is not a directory',
};

function reason(error: unknown): string {
  const code = (error as { code?: string }).code ?? '';
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    return badInput(`${path}: ${reason(error)}`);
  }
}

interface ReadOptions {
  /** What the file should be, for messages: `a BPF object`. */
  readonly what: string;
  readonly maxBytes: number;
  /** Looks at the first bytes before the rest is read; a string says what is wrong. */
  readonly peek?: (head: Uint8Array) => string | undefined;
}

function readChecked(path: string, options: ReadOptions): Uint8Array {
  const fd = open(path);
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) badInput(`${path}: is a directory, not ${options.what}`);
    const head = new Uint8Array(64);
    if (stat.isFile()) {
      if (stat.size === 0) badInput(`${path}: is empty, not ${options.what}`);
      const got = readSync(fd, head, 0, head.length, 0);
      const wrong = options.peek?.(head.subarray(0, got));
      if (wrong !== undefined) badInput(`${path}: ${wrong}`);
      if (stat.size > options.maxBytes) {
        badInput(`${path}: ${stat.size} bytes is too large for ${options.what} (at most ${options.maxBytes})`);
      }
    }
    return new Uint8Array(readFileSync(fd));
  } catch (error) {
    if ((error as { code?: string }).code === undefined) throw error;
    return badInput(`${path}: ${reason(error)}`);
  } finally {
    closeSync(fd);
  }
}

function peekElf(head: Uint8Array): string | undefined {
  if (head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46) return undefined;
  return 'not an ELF file: compile it with `clang -target bpf -g -O2 -c`';
}

/** An object file that clang compiled. */
export function readObject(path: string): Uint8Array {
  return readChecked(path, { what: 'a BPF object', maxBytes: MAX_OBJECT, peek: peekElf });
}

/** A pcap or pcapng file. */
export function readCaptureFile(path: string): Uint8Array {
  return readChecked(path, { what: 'a packet capture', maxBytes: MAX_CAPTURE });
}

/** Any other bytes: a packet, a context, a BTF blob. */
export function readBytes(path: string, what: string): Uint8Array {
  return readChecked(path, { what, maxBytes: MAX_OBJECT });
}
