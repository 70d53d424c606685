// SPDX-License-Identifier: MIT
// Every program of the objects that Debian's libbpf-tools embed, each loaded alone.
import {
  BPF_MAP_CREATE,
  BPF_MAP_TYPE_PERF_EVENT_ARRAY,
  BPF_MAP_TYPE_STACK_TRACE,
  LoaderError,
  openObject,
  VerifierError,
  type BpfObject,
  type Btf,
  type Sys,
} from 'tsbpf';
import { namedObjects, packageExecutables } from '../debian-objects/embedded.ts';
import { lastMessage } from '../kernel-words/words.ts';

/** A program of a tool. */
export interface ToolProgram {
  readonly tool: string;
  readonly name: string;
  readonly section: string;
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** What a kernel said to a program. */
export type Judgement =
  | { readonly verdict: 'accepted' }
  /** By the verifier: its last message. */
  | { readonly verdict: 'rejected'; readonly errno: string; readonly message: string }
  /** Before the verifier looked: the kernel has nothing of that kind. */
  | { readonly verdict: 'not judged'; readonly errno: string; readonly message: string };

/** Every program of every tool; none where the package is not installed. */
export function toolPrograms(): ToolProgram[] {
  return namedObjects(packageExecutables('libbpf-tools')).flatMap(({ name: tool, bytes }) =>
    [...openObject(bytes).progs].map(({ name, sectionName, type }) => ({
      ...{ tool, name, section: sectionName, type, bytes },
    })),
  );
}

/** Functions of a file system that tools attach to instead of the dummies in their objects. */
const DUMMIES: Readonly<Record<string, string>> = {
  dummy_file_read: 'ext4_file_read_iter',
  dummy_file_write: 'ext4_file_write_iter',
  dummy_file_open: 'ext4_file_open',
  dummy_file_sync: 'ext4_sync_file',
  dummy_getattr: 'ext4_file_getattr',
  dummy_fentry: 'vfs_read',
  dummy_fexit: 'vfs_read',
};

const RING_BUFFER = 27;
const RING_BYTES = 256 * 1024;
const STACK_DEPTH = 127;
const SOME_ENTRIES = 1024;

function hasRingBuffers(sys: Sys): boolean {
  const attr = { map_type: RING_BUFFER, key_size: 0, value_size: 0, max_entries: RING_BYTES };
  const fd = sys.bpf(BPF_MAP_CREATE, attr);
  if (fd >= 0) sys.close(fd);
  return fd >= 0;
}

/** What each tool's user side sets before it loads: sizes, kinds of maps, functions to attach to. */
function settle(obj: BpfObject, sys: Sys): void {
  for (const map of obj.maps) {
    if (map.kind !== 'user') continue;
    if (map.type === RING_BUFFER && hasRingBuffers(sys)) map.maxEntries = RING_BYTES;
    else if (map.type === RING_BUFFER) {
      // What tools fall back to.
      map.type = BPF_MAP_TYPE_PERF_EVENT_ARRAY;
      map.keySize = 4;
      map.valueSize = 4;
    } else if (map.type === BPF_MAP_TYPE_STACK_TRACE) {
      if (map.valueSize === 0) map.valueSize = STACK_DEPTH * 8;
      if (map.maxEntries === 0) map.maxEntries = SOME_ENTRIES;
    } else if (map.maxEntries === 0 && map.type !== BPF_MAP_TYPE_PERF_EVENT_ARRAY) map.maxEntries = SOME_ENTRIES;
  }
  for (const prog of obj.progs) {
    const target = DUMMIES[prog.sectionName.split('/')[1] ?? ''];
    if (target !== undefined && /^f(entry|exit)\//.test(prog.sectionName)) prog.setAttachTarget({ func: target });
  }
}

/** Loads one program on a kernel and closes it again. `btf`: the kernel's, to read it once only. */
export function judgeProgram({ tool, name, bytes }: ToolProgram, sys: Sys, btf?: Btf): Judgement {
  const obj = openObject(bytes, { sys, name: tool, ...(btf === undefined ? {} : { btf }) });
  for (const prog of obj.progs) prog.autoload = prog.name === name;
  settle(obj, sys);
  try {
    obj.load();
    return { verdict: 'accepted' };
  } catch (error) {
    if (error instanceof VerifierError) {
      const message = lastMessage(error.log) || error.message.split('\n')[0];
      return { verdict: error.log === '' ? 'not judged' : 'rejected', errno: error.code, message };
    }
    if (error instanceof LoaderError) return { verdict: 'not judged', errno: error.code, message: error.message };
    throw error;
  } finally {
    obj.close();
  }
}
