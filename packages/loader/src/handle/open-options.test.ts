// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { parseElf } from '../elf/elf.ts';
import { fixture } from '../../test/fixture.ts';
import { FakeSys } from '../../test/fake-sys.ts';
import { openObject, type OpenOptions } from './object.ts';

function open(name: string, options: OpenOptions & { files?: Record<string, Uint8Array> } = {}) {
  const { files, ...rest } = options;
  const sys = new FakeSys({ ...(files === undefined ? {} : { files }), reject: { jump: { errno: 13, log: 'no\n' } } });
  return { sys, obj: openObject(fixture(name), { sys, name, ...rest }) };
}

/** Levels and sizes of the logs that were asked for the program of a name. */
const logs = (sys: FakeSys, name: string): [level: number, size: number][] =>
  sys.calls
    .map((call) => call.args as { prog_name?: string; log_level?: number; log_buf?: Uint8Array })
    .filter((args) => args.prog_name === name)
    .map((args) => [args.log_level ?? 0, args.log_buf?.length ?? 0]);

describe('open options', () => {
  it('logSize is the log that is asked for, at the level given or at 1 once a program is rejected', () => {
    const { sys, obj } = open('maps', { logSize: 4096 });
    expect(() => obj.load()).toThrow(/BPF program load failed/);
    expect(logs(sys, 'jump')).toEqual([
      [0, 0],
      [1, 4096],
    ]);
    const loud = open('maps', { logSize: 512, logLevel: 2 });
    expect(() => loud.obj.load()).toThrow(/BPF program load failed/);
    expect(logs(loud.sys, 'jump')).toEqual([[2, 512]]);
  });

  it('btfCustomPath is read through the system, for CO-RE only', () => {
    const own = parseElf(fixture('core'));
    const btf = own.data(own.section('.BTF')!).slice();
    const { obj } = open('core', { btfCustomPath: '/types', files: { '/types': btf } });
    expect(obj.load().loaded).toBe(true);
    const missing = open('core', { btfCustomPath: '/types' });
    expect(() => missing.obj.load()).toThrow("failed to parse target BTF '/types': No such file or directory");
    const noise = open('core', { btfCustomPath: '/types', files: { '/types': new Uint8Array(64) } });
    expect(() => noise.obj.load()).toThrow(/failed to parse target BTF '\/types': not BTF: magic is 0x0/);
  });

  it('a program array that begins with a program that is not loaded is refused by the kernel', () => {
    const { sys, obj } = open('maps');
    sys.bpf = new Proxy(sys.bpf.bind(sys), {
      apply: (target, _this, args: [number, { map_fd?: number; value?: Uint8Array }]) => {
        const [cmd, attr] = args;
        const fd = attr.value?.length === 4 ? new DataView(attr.value.slice().buffer).getInt32(0, true) : 0;
        return cmd === 2 && fd === -2 ? -9 : (target(...(args as Parameters<typeof target>)) as number);
      },
    }) as typeof sys.bpf;
    for (const prog of obj.progs) prog.autoload = false;
    expect(() => obj.load()).toThrow(/map '\w+': failed to initialize slot \[\d+\] to prog '\w+' fd=-2: -9/);
  });
});
