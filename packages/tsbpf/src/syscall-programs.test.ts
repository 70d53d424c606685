// SPDX-License-Identifier: MIT
// System calls as programs see them: through kprobes, trace events and raw tracepoints; and a writable tracepoint.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createKernel, openObject, type BpfObject, type SimulatedKernel } from './index.ts';

const OBJECT = readFileSync(new URL('../../tracing/test/fixtures/syscalls.bpf.o', import.meta.url));
const SIGKILL = 9;
const ESRCH = 3;

describe.each(['interpreter', 'jit'] as const)('on the %s, programs', (engine) => {
  function attached(...names: string[]): { kernel: SimulatedKernel; obj: BpfObject } {
    const kernel = createKernel({ engine });
    const obj = openObject(OBJECT, { sys: kernel });
    for (const prog of obj.progs) prog.autoload = names.includes(prog.name);
    obj.load();
    for (const prog of obj.progs) if (prog.loaded) prog.attach();
    return { kernel, obj };
  }
  const words = (obj: BpfObject, name: string): bigint[] => obj.bss[name] as bigint[];

  it('at its entry point see the arguments and the result', () => {
    const { kernel, obj } = attached('on_kill', 'after_kill');
    const { ret, runs } = kernel.tracing.syscall('kill', [42, SIGKILL], -ESRCH);
    expect(ret).toBe(BigInt(-ESRCH));
    expect(runs.map(({ name, kind }) => [name, kind])).toEqual([
      ['on_kill', 'kprobe'],
      ['after_kill', 'kretprobe'],
    ]);
    expect([obj.bss['pid_and_signal'], obj.bss['result']]).toEqual([4209n, BigInt(-ESRCH)]);
  });

  it('at its trace events see the same', () => {
    const { kernel, obj } = attached('enter_kill', 'exit_kill');
    kernel.tracing.syscall('kill', [42, SIGKILL], -ESRCH);
    kernel.tracing.syscall('getpid', [], 7);
    expect(words(obj, 'by_tracepoint')).toEqual([42n, BigInt(SIGKILL), BigInt(-ESRCH)]);
  });

  it('at the raw tracepoints see all of them', () => {
    const { kernel, obj } = attached('enter_any', 'exit_any');
    kernel.tracing.syscall('kill', [42, SIGKILL], -ESRCH);
    expect(words(obj, 'by_raw')).toEqual([62n, BigInt(-ESRCH)]);
    kernel.tracing.syscall('getpid', [], 7);
    expect(words(obj, 'by_raw')).toEqual([39n, 7n]);
  });

  it('at a writable tracepoint change what was about to be sent', () => {
    const { kernel } = attached('to_another_place');
    const request = kernel.tracing.fakeObject('nbd_request', { magic: 0x25609513, type: 1, len: 4096 });
    kernel.tracing.emit('nbd_send_request', request, 6, null);
    expect(['magic', 'type', 'len'].map((field) => request.get(field))).toEqual([0x12345678, 1, 7]);
  });
});
