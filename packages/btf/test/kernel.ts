// SPDX-License-Identifier: MIT
// Test support: BPF_BTF_LOAD on the machine's own kernel.
import { createRequire } from 'node:module';

type Koffi = {
  load(path: string): { func(signature: string): (...args: unknown[]) => number };
  address(buffer: Uint8Array): bigint;
  errno(): number;
};

/** Loads BTF into the running kernel; undefined where that is not possible here. */
export function openKernelBtfLoad(): ((bytes: Uint8Array) => { errno: number; log: string }) | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  let koffi: Koffi;
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi;
  } catch {
    return undefined;
  }
  const libc = koffi.load('libc.so.6');
  const syscall = libc.func('long syscall(long, long, void *, long)');
  const close = libc.func('int close(int)');
  const nr = { x64: 321, arm64: 280 }[process.arch as 'x64' | 'arm64'];
  if (nr === undefined) return undefined;
  const logBuf = new Uint8Array(4 * 1024 * 1024);
  return (bytes) => {
    const attr = new Uint8Array(32);
    const view = new DataView(attr.buffer);
    const data = bytes.length > 0 ? bytes : new Uint8Array(1);
    view.setBigUint64(0, BigInt(koffi.address(data)), true);
    view.setBigUint64(8, BigInt(koffi.address(logBuf)), true);
    view.setUint32(16, bytes.length, true);
    view.setUint32(20, logBuf.length, true);
    view.setUint32(24, 1, true);
    logBuf[0] = 0;
    const fd = syscall(nr, 18, attr, 28);
    const errno = fd < 0 ? koffi.errno() : 0;
    if (fd >= 0) close(fd);
    let end = logBuf.indexOf(0);
    if (end < 0) end = logBuf.length;
    return { errno, log: new TextDecoder('latin1').decode(logBuf.subarray(0, end)) };
  };
}
