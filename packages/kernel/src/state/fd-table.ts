// SPDX-License-Identifier: MIT
import { EBADF, EINVAL, EMFILE } from '@tsbpf/uapi';
import type { FdTable, KernelFile, KernelFiles } from '@tsbpf/core';

/** What every process has open: stdin, stdout, stderr. bpf(2) answers EINVAL for them, not EBADF. */
const STDIO = 3;
const terminal: KernelFile = { kind: 'tty', name: 'tty', release: () => undefined };

/** The fds of the simulated process; the lowest free number is taken, as POSIX wants. */
export function createFdTable(options: { limit?: number } = {}): FdTable {
  const files: (KernelFile | undefined)[] = [];
  const holders = new Map<KernelFile, number>();
  for (let fd = 0; fd < STDIO; fd++) files[fd] = terminal;
  holders.set(terminal, STDIO);
  let lowest = STDIO;
  return {
    limit: options.limit ?? 1_048_576,
    install(file) {
      let fd = lowest;
      while (files[fd] !== undefined) fd++;
      if (fd >= this.limit) return -EMFILE;
      files[fd] = file;
      holders.set(file, (holders.get(file) ?? 0) + 1);
      lowest = fd + 1;
      return fd;
    },
    file(fd) {
      return files[fd];
    },
    get<K extends keyof KernelFiles>(fd: number, kind: K): KernelFiles[K] | number {
      const file = files[fd];
      if (file === undefined) return -EBADF;
      return file.kind === kind ? (file as KernelFiles[K]) : -EINVAL;
    },
    close(fd) {
      const file = files[fd];
      if (file === undefined) return -EBADF;
      files[fd] = undefined;
      if (fd < lowest) lowest = fd;
      const left = (holders.get(file) ?? 1) - 1;
      if (left > 0) holders.set(file, left);
      else {
        holders.delete(file);
        file.release();
      }
      return 0;
    },
    fds() {
      return files.flatMap((file, fd) => (file === undefined ? [] : [fd]));
    },
  };
}
