// SPDX-License-Identifier: MIT
import type { BpfMap } from './map.ts';
import type { BpfProg } from './prog.ts';
import type { KernelBtf } from './kernel-btf.ts';

/** What an fd refers to. `kind` decides what bpf(2) makes of it. */
export interface KernelFile {
  readonly kind: string;
  /** The name procfs shows, such as `bpf-map`. */
  readonly name: string;
  /** Called when the last fd of the file is closed. */
  release(): void;
  /** Lines of /proc/PID/fdinfo/FD, `key:\tvalue`. */
  fdinfo?(): readonly string[];
}

/** Access a map fd grants to system calls. */
export interface MapFileMode {
  readonly read: boolean;
  readonly write: boolean;
}

export interface MapFile extends KernelFile {
  readonly kind: 'map';
  readonly map: BpfMap;
  readonly mode: MapFileMode;
}

export interface ProgFile extends KernelFile {
  readonly kind: 'prog';
  readonly prog: BpfProg;
}

export interface BtfFile extends KernelFile {
  readonly kind: 'btf';
  readonly btf: KernelBtf;
}

/** Files of bpf(2) by kind; subsystems add theirs by declaration merging (sockets, cgroups, perf events). */
export interface KernelFiles {
  map: MapFile;
  prog: ProgFile;
  btf: BtfFile;
}

/** The fds of the simulated process. */
export interface FdTable {
  /** The lowest free fd, or -EMFILE. */
  install(file: KernelFile): number;
  /** Any file; undefined where the fd is not open (EBADF). */
  file(fd: number): KernelFile | undefined;
  /** A file of one kind: -EBADF where the fd is not open, -EINVAL where it is something else. */
  get<K extends keyof KernelFiles>(fd: number, kind: K): KernelFiles[K] | number;
  /** 0 or -EBADF. */
  close(fd: number): number;
  /** Open fds, ascending. */
  fds(): number[];
  /** RLIMIT_NOFILE. */
  limit: number;
}
