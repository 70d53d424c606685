// SPDX-License-Identifier: MIT
// Answers a native program's bpf(2): attributes and what their pointers name are read in that program's memory.
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { SimulatedKernel, UserMemory } from 'tsbpf';
import { EBADF, EFAULT, EINVAL } from '../../packages/uapi/src/index.ts';

/** The first file descriptor that the server gives out; preload.c has the same number. */
export const FIRST_FD = 600;

const OP = { bpf: 1, close: 2, file: 3, cpu: 4, mmap: 5, dup: 6, unlink: 7 } as const;
const REQUEST_BYTES = 32;
const WRITABLE = 1n << 63n;

/** A map's memory, here and in the program. */
interface Mapping {
  readonly pid: number;
  readonly addr: bigint;
  readonly off: number;
  readonly len: number;
  readonly writable: boolean;
}

interface Answer {
  readonly result: number;
  readonly bytes?: Uint8Array;
}

/** Options of {@link serve}. */
export interface ServeOptions {
  /** Called with each command, for a trace. */
  onCommand?(cmd: number, result: number): void;
}

/** Memory of a process, through /proc. */
function memoryOf(fd: number): UserMemory {
  return {
    read(addr, len) {
      const bytes = new Uint8Array(len);
      try {
        return readSync(fd, bytes, 0, len, addr) === len ? bytes : undefined;
      } catch {
        return undefined;
      }
    },
    write(addr, bytes) {
      try {
        // Addresses of user space are below 2^47.
        return writeSync(fd, bytes, 0, bytes.length, Number(addr)) === bytes.length;
      } catch {
        return false;
      }
    },
  };
}

/** Serves a simulated kernel on a socket's path. */
export function serve(kernel: SimulatedKernel, path: string, options: ServeOptions = {}): Promise<Server> {
  const { state } = kernel;
  const memories = new Map<number, { fd: number; user: UserMemory }>();
  const mappings: Mapping[] = [];
  // What is below is the program's own.
  while (state.fds.install({ kind: 'tty', name: 'below', release: () => undefined } as never) < FIRST_FD - 1);

  const userOf = (pid: number): UserMemory => {
    const known = memories.get(pid);
    if (known !== undefined) return known.user;
    const fd = openSync(`/proc/${pid}/mem`, 'r+');
    const user = memoryOf(fd);
    memories.set(pid, { fd, user });
    return user;
  };
  const areaOf = ({ off, len }: Mapping): Uint8Array => new Uint8Array(state.mem.wasm.buffer, off, len);

  const bpf = (pid: number, cmd: number, attrAddr: bigint, size: number): number => {
    const user = userOf(pid);
    const bytes = size > 4096 ? new Uint8Array(0) : user.read(attrAddr, size);
    if (bytes === undefined) return -EFAULT;
    const mine = mappings.filter((mapping) => mapping.pid === pid);
    for (const mapping of mine) if (mapping.writable) areaOf(mapping).set(user.read(mapping.addr, mapping.len) ?? []);
    const before = bytes.slice();
    const result = kernel.bpfRaw?.(cmd, bytes, size, user) ?? -EINVAL;
    if (bytes.some((byte, i) => byte !== before[i])) user.write(attrAddr, bytes);
    for (const mapping of mine) user.write(mapping.addr, areaOf(mapping));
    options.onCommand?.(cmd, result);
    return result;
  };

  const mmap = (pid: number, fd: number, addr: bigint, lenAndMode: bigint): number => {
    const writable = (lenAndMode & WRITABLE) !== 0n;
    const len = Number(lenAndMode & ~WRITABLE);
    const area = kernel.mmap?.(fd, { lenBytes: len, offset: 0, writable }) ?? -EINVAL;
    if (typeof area === 'number') return area;
    const mapping: Mapping = { pid, addr, off: area.byteOffset, len, writable };
    mappings.push(mapping);
    userOf(pid).write(addr, area);
    return 0;
  };

  const text = (pid: number, addr: bigint, len: bigint): string | undefined => {
    const bytes = userOf(pid).read(addr, Number(len));
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  };

  const answer = (request: DataView): Answer => {
    const pid = request.getUint32(4, true);
    const arg = (i: number): bigint => request.getBigUint64(8 + 8 * i, true);
    switch (request.getUint32(0, true)) {
      case OP.bpf:
        return { result: bpf(pid, Number(arg(0)), arg(1), Number(arg(2))) };
      case OP.close:
        return { result: kernel.close(Number(arg(0))) };
      case OP.unlink: {
        const path = text(pid, arg(0), arg(1));
        return { result: path === undefined ? -EFAULT : (kernel.unlink?.(path) ?? -EINVAL) };
      }
      case OP.file: {
        const path = text(pid, arg(0), arg(1));
        const content = path === undefined ? -EFAULT : kernel.readFile(path);
        return typeof content === 'number' ? { result: content } : { result: 0, bytes: content };
      }
      case OP.cpu:
        state.env.cpu = Number(arg(0));
        return { result: 0 };
      case OP.mmap:
        return { result: mmap(pid, Number(arg(0)), arg(1), arg(2)) };
      case OP.dup: {
        const file = state.fds.file(Number(arg(0)));
        return { result: file === undefined ? -EBADF : state.fds.install(file) };
      }
      default:
        return { result: -EINVAL };
    }
  };

  const onData = (socket: Socket): void => {
    let pending = new Uint8Array(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Uint8Array) => {
      const all = new Uint8Array(pending.length + chunk.length);
      all.set(pending);
      all.set(chunk, pending.length);
      let at = 0;
      for (; all.length - at >= REQUEST_BYTES; at += REQUEST_BYTES) {
        const { result, bytes = new Uint8Array(0) } = answer(new DataView(all.buffer, at, REQUEST_BYTES));
        const reply = new Uint8Array(16 + bytes.length);
        const view = new DataView(reply.buffer);
        view.setBigInt64(0, BigInt(result), true);
        view.setBigUint64(8, BigInt(bytes.length), true);
        reply.set(bytes, 16);
        socket.write(reply);
      }
      pending = all.slice(at);
    });
  };

  return new Promise((resolve) => {
    const server = createServer(onData);
    server.on('close', () => {
      for (const { fd } of memories.values()) closeSync(fd);
    });
    server.listen(path, () => resolve(server));
  });
}
