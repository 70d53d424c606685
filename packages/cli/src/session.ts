// SPDX-License-Identifier: MIT
import type { BpfObject, SimulatedKernel } from 'tsbpf';
import { makeKernel, openFile, type KernelOptions } from './commands/open.ts';

/**
 * What verbs share: one kernel and the objects loaded into it. A command has its own; the verbs of a batch share one, so
 * that a map filled by one verb is dumped by the next.
 */
export interface Session {
  kernel(options: KernelOptions): SimulatedKernel;
  /** The object of a file with all its programs loaded, loaded when first asked for. */
  loaded(path: string, options: KernelOptions): BpfObject;
  /** The object, opened and not loaded unless an earlier verb of the batch did. */
  opened(path: string, options: KernelOptions): BpfObject;
  /** Closes and forgets objects: a verb that names one loads it anew. */
  drop(which: (obj: BpfObject) => boolean): void;
  close(): void;
}

const STATS_LEVEL = 4;

export function createSession(): Session {
  let kernel: SimulatedKernel | undefined;
  const objects = new Map<string, BpfObject>();
  const session: Session = {
    kernel: (options) => (kernel ??= makeKernel(options)),
    opened(path, options) {
      let obj = objects.get(path);
      if (obj === undefined) {
        obj = openFile(path, { kernel: session.kernel(options), logLevel: STATS_LEVEL });
        objects.set(path, obj);
      }
      return obj;
    },
    loaded(path, options) {
      const obj = session.opened(path, options);
      if (!obj.loaded) {
        try {
          obj.load();
        } catch (error) {
          objects.delete(path);
          throw error;
        }
      }
      return obj;
    },
    drop(which) {
      for (const [path, obj] of objects) {
        if (!which(obj)) continue;
        obj.close();
        objects.delete(path);
      }
    },
    close() {
      for (const obj of objects.values()) obj.close();
      objects.clear();
    },
  };
  return session;
}
