// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBtfBuilder, parseBtf, BTF_KIND_FUNC, BTF_FUNC_STATIC } from '@tsbpf/btf';
import { decodeInsns } from '@tsbpf/insn';
import { BPF_BTF_LOAD, BpfError, EACCES, EINVAL, LoaderError, VerifierError } from '@tsbpf/uapi';
import { FakeSys, type FakeOptions } from '../../test/fake-sys.ts';
import { CLANGS, fixture } from '../../test/fixture.ts';
import { openObject, type OpenOptions } from '../handle/object.ts';

const OBJECTS = ['maps', 'globals', 'subprogs', 'callback', 'legacy', 'pinned', 'bss'] as const;

function load(name: string, fake: FakeOptions = {}, options: OpenOptions = {}, clang = 'clang16') {
  const sys = new FakeSys(fake);
  const lines: string[] = [];
  const obj = openObject(fixture(name, clang), {
    sys,
    name,
    print: (l, text) => lines.push(`${l}: ${text}`),
    ...options,
  });
  return { sys, obj, lines };
}

/** A kernel where task_struct looks different. */
function kernelBtf(): Uint8Array {
  const b = createBtfBuilder();
  const int = b.int('int', 4, { encoding: 1 });
  const char = b.int('char', 1, { encoding: 1 });
  const long = b.int('long', 8, { encoding: 1 });
  const task = b.nextId + 2;
  const ptr = b.ptr(task);
  const comm = b.array(char, int, 32);
  b.struct('task_struct', 64, [
    { name: 'state', typeId: long, bitOffset: 0 },
    { name: 'comm', typeId: comm, bitOffset: 64 },
    { name: 'pid', typeId: int, bitOffset: 44 * 8 },
    { name: 'group_leader', typeId: ptr, bitOffset: 48 * 8 },
  ]);
  b.add({
    kind: 6,
    name: 'bpf_map_type',
    size: 4,
    signed: false,
    values: [{ name: 'BPF_MAP_TYPE_HASH', value: 17 }],
  });
  return b.bytes();
}

describe('load', () => {
  it.each(OBJECTS.flatMap((name) => CLANGS.map((clang) => [name, clang])))(
    'loads %s of %s on 5.6 and 6.18, and leaves nothing open',
    (name, clang) => {
      for (const version of ['5.6', '6.18'] as const) {
        // A kernel function that is not there is called in code that nothing reaches.
        const files = { '/sys/kernel/btf/vmlinux': kernelBtf() };
        const { sys, obj } = load(name, { version, files, unknownHelpers: name === 'bss' }, {}, clang);
        obj.load();
        expect([...obj.progs].every((p) => p.loaded === p.autoload)).toBe(true);
        obj.close();
        expect([...sys.openFds]).toEqual([]);
      }
    },
  );

  it('fills maps in the order of the object', () => {
    const { sys, obj } = load('globals');
    obj.rodata['wide'] = 5n;
    obj.load();
    const rodata = sys.mapByName('globals.rodata');
    expect(rodata?.frozen).toBe(true);
    expect(sys.mapByName('globals.data')?.frozen).toBe(false);
    expect(obj.rodata['wide']).toBe(5n);
    obj.data['counter'] = 41;
    expect(obj.data['counter']).toBe(41);
    expect(obj.data['negative']).toBe(-5n);
    expect(() => (obj.rodata['wide'] = 6n)).toThrow('Operation not permitted');
    expect(sys.progByName('add')?.kern_version).toBe(0x50604);
  });

  it('refers to maps by fd, and to variables by offset', () => {
    const { sys, obj } = load('globals');
    obj.load();
    const insns = decodeInsns(sys.progByName('add')!.insns);
    const dataFd = obj.map('.data').fd;
    const loads = insns.flatMap((insn, i) =>
      insn.code === 0x18 && insn.imm === dataFd ? [[insn.src, insns[i + 1].imm]] : [],
    );
    expect(new Set(loads.map(([src]) => src))).toEqual(new Set([2]));
    const names = new Map(obj.section('.data')!.names.map((n) => [n, n]));
    expect(names.size).toBeGreaterThan(3);
    expect(new Set(loads.map(([, off]) => off)).size).toBeGreaterThan(2);
  });

  it('links what each program reaches, once, in the order of the calls', () => {
    const { sys, obj } = load('subprogs');
    obj.load();
    const btf = parseBtf(
      (sys.calls.filter((c) => c.verb === `bpf ${BPF_BTF_LOAD}`).at(-1)?.args as { btf: Uint8Array }).btf,
    );
    const funcs = (name: string): string[] => {
      const { func_info: info = new Uint8Array() } = sys.progByName(name)!;
      const view = new DataView(info.slice().buffer);
      return Array.from({ length: info.length / 8 }, (_, i) => btf.name(view.getUint32(i * 8 + 4, true)));
    };
    expect(funcs('first')).toEqual(['first', 'middle', 'leaf']);
    expect(funcs('second')).toEqual(['second', 'hidden', 'leaf', 'weak_fn']);
    expect(funcs('third')).toEqual(['third']);
    expect(btf.funcLinkage(btf.findByName('hidden', BTF_KIND_FUNC)!)).toBe(BTF_FUNC_STATIC);
    const insns = decodeInsns(sys.progByName('first')!.insns);
    const starts = new Set([0]);
    for (const [i, insn] of insns.entries()) {
      if (insn.code === 0x85 && insn.src === 1) {
        const target = i + 1 + insn.imm;
        expect(insns[target - 1].code).toBe(0x95);
        starts.add(target);
      }
    }
    expect(starts.size).toBe(3);
    expect(sys.progByName('not_loaded')).toBeUndefined();
  });

  it('drops names, BTF and global data on a kernel that has none', () => {
    const { sys, obj } = load('subprogs', { version: '4.14' });
    // A variable's map cannot exist there, so its users are poisoned and refused.
    expect(() => obj.load()).toThrow(/BPF map 'subprogs.bss' is referenced but wasn't created/);
    expect([...sys.openFds]).toEqual([]);
    const { sys: old, obj: legacy } = load('legacy', { version: '4.14' });
    legacy.maps['hits'].autocreate = true;
    expect(() => legacy.load()).not.toThrow();
    expect([...old.maps.values()].every((m) => m.attr.map_name === undefined)).toBe(true);
    expect(
      [...old.progs.values()].every((p) => p.prog_btf_fd === undefined && (p.expected_attach_type ?? 0) === 0),
    ).toBe(true);
    const { sys: without, obj: maps } = load('maps', { version: '4.14' });
    maps.load();
    expect([...without.maps.values()].every((m) => m.attr.btf_fd === undefined)).toBe(true);
  });

  it('does without the BTF of an object that the kernel refuses', () => {
    const { sys, obj, lines } = load('globals');
    const bpf = sys.bpf.bind(sys);
    // Not that of probes.
    sys.bpf = (cmd, attr) =>
      cmd === BPF_BTF_LOAD && 'btf' in attr && attr.btf.length > 500 ? -EINVAL : bpf(cmd, attr);
    obj.load();
    expect(lines).toContain('warn: Error loading .BTF into kernel: -22. BTF is optional, ignoring.');
    expect([...sys.maps.values()].every(({ attr }) => (attr.btf_fd ?? 0) === 0)).toBe(true);
    expect([...sys.progs.values()].every((prog) => prog.prog_btf_fd === undefined)).toBe(true);
    expect(sys.progByName('add')?.func_info).toBeUndefined();
    expect(obj.data['counter']).toBeDefined();
  });

  it('asks for a log only after a rejection, and says what it says', () => {
    const log = '0: (b7) r0 = 1\nR0 is bad\nprocessed 1 insns (limit 1000000)\n';
    const { sys, obj, lines } = load('maps', { reject: { jump: { errno: EACCES, log } } });
    let thrown: unknown;
    try {
      obj.load();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(VerifierError);
    expect(thrown).toMatchObject({ errno: EACCES, log, insnIdx: 0 });
    expect((thrown as Error).message).toBe("prog 'jump': BPF program load failed: Permission denied: R0 is bad");
    const levels = sys.calls
      .filter((c) => c.verb === 'bpf 5' && (c.args as { prog_name?: string }).prog_name === 'jump')
      .map((c) => (c.args as { log_level: number }).log_level);
    expect(levels).toEqual([0, 1]);
    expect(lines).toContain("warn: prog 'jump': BPF program load failed: Permission denied");
    expect(lines).toContain("warn: failed to load object 'maps'");
    expect([...sys.openFds]).toEqual([]);
    expect(() => obj.load()).toThrow("load can't be attempted twice");
  });

  it('resolves .kconfig and .ksyms from what the system has', () => {
    const files = {
      '/proc/kallsyms': 'ffffffff81000000 T start\nffffffff82345678 D bpf_prog_fops\n',
      '/boot/config-5.6.4-fake':
        'CONFIG_BPF=m\nCONFIG_BPF_SYSCALL=n\nCONFIG_HZ=250\nCONFIG_CC_VERSION_TEXT="a text too long to fit"\n',
    };
    const { sys, obj, lines } = load('externs', { files }, { kconfig: 'CONFIG_BPF_SYSCALL=y\n' });
    obj.load();
    const kconfig = obj.section('.kconfig')!;
    expect(kconfig.get('LINUX_KERNEL_VERSION')).toBe(0x50604);
    expect(kconfig.get('CONFIG_BPF_SYSCALL')).toBe(true);
    expect(kconfig.get('CONFIG_BPF')).toBe(2);
    expect(kconfig.get('CONFIG_HZ')).toBe(250n);
    expect(kconfig.get('CONFIG_NOT_THERE')).toBe(0);
    expect(kconfig.get('CONFIG_CC_VERSION_TEXT')).toBe('a text too long');
    expect(lines.some((l) => l.includes('truncated to 15 bytes'))).toBe(true);
    const insns = decodeInsns(sys.progByName('look')!.insns);
    const at = insns.findIndex((insn) => insn.code === 0x18 && insn.src === 0 && insn.imm === (0x82345678 | 0));
    expect(insns[at + 1].imm).toBe(-1);
  });

  it.each([
    [{}, 'failed to open system Kconfig'],
    [{ '/proc/config.gz': 'CONFIG_BPF=y\n' }, "extern 'CONFIG_BPF_SYSCALL' (strong): not resolved"],
    [{ '/proc/config.gz': 'CONFIG_BPF=12\n' }, "extern 'CONFIG_BPF_SYSCALL' (strong): not resolved"],
    [{ '/proc/config.gz': 'CONFIG_BPF_SYSCALL=m\n' }, "value 'm' implies bool, tristate, or char type"],
    [{ '/proc/config.gz': 'CONFIG_BPF_SYSCALL=y\nCONFIG_HZ=abc\n' }, "value 'abc' isn't a valid integer"],
    [{ '/proc/config.gz': 'CONFIG_NOT_THERE=0x1ffffffff\n' }, "doesn't fit in 4 bytes"],
  ])('refuses kconfig %j', (files, text) => {
    expect(() => load('externs', { files }).obj.load()).toThrow(text);
  });

  it('says that a foreign byte order cannot be loaded', () => {
    const { obj } = load('globals', {}, {}, 'bpfeb');
    expect(() => obj.load()).toThrow(/it is big-endian and the system little-endian/);
    expect(() => load('globals', { machine: 's390x' }, {}, 'bpfeb').obj.load()).not.toThrow();
  });

  it('reuses a pinned map of the same shape only', () => {
    const { sys, obj } = load('pinned');
    obj.load();
    expect([...sys.pinned.keys()]).toEqual(['/sys/fs/bpf/kept']);
    const again = openObject(fixture('pinned'), { sys, name: 'pinned' });
    again.load();
    expect(again.maps['kept'].reused).toBe(true);
    const other = openObject(fixture('pinned'), { sys, name: 'pinned' });
    other.maps['kept'].maxEntries = 2;
    expect(() => other.load()).toThrow("couldn't reuse pinned map at '/sys/fs/bpf/kept': parameter mismatch");
    again.maps['kept'].unpin('/sys/fs/bpf/kept');
    expect(sys.pinned.size).toBe(0);
    expect(() => again.maps['kept'].unpin('/sys/fs/bpf/kept')).toThrow('No such file or directory');
  });

  it('reads memory as old kernels do, where they tell user from kernel memory', () => {
    const helpers = (maxHelper: number): number[] => {
      const { sys, obj } = load('globals', { maxHelper });
      obj.load();
      const insns = decodeInsns(sys.progByName('add')!.insns);
      return insns.filter((insn) => insn.code === 0x85 && insn.src === 0).map((insn) => insn.imm);
    };
    expect(helpers(115)).toEqual([113]);
    expect(helpers(111)).toEqual([4]);
  });

  it('names the context of a global function for kernels that know no tags', () => {
    const { sys, obj } = load('argctx');
    obj.load();
    const btf = parseBtf(
      (sys.calls.filter((c) => c.verb === `bpf ${BPF_BTF_LOAD}`).at(-1)?.args as { btf: Uint8Array }).btf,
    );
    const info = sys.progByName('measure')!.func_info!;
    const [, mainId, , lengthId] = new Uint32Array(info.slice().buffer);
    expect([btf.name(mainId), btf.name(lengthId)]).toEqual(['measure', 'length']);
    const [ctx, add] = btf.funcProto(lengthId).params;
    expect(btf.name(btf.sizeOrType(ctx.typeId))).toBe('__sk_buff');
    expect([ctx.name, btf.name(add.typeId)]).toEqual(['ctx', 'int']);
  });

  it('poisons calls of kernel functions that are not there', () => {
    const { sys, obj } = load('bss', { files: { '/sys/kernel/btf/vmlinux': kernelBtf() }, unknownHelpers: true });
    obj.load();
    const calls = decodeInsns(sys.progByName('use')!.insns).filter((insn) => insn.code === 0x85);
    expect(calls.map((insn) => [insn.src, insn.imm])).toEqual([[0, 2002000000]]);
    const { obj: reached } = load('bss', { files: { '/sys/kernel/btf/vmlinux': kernelBtf() } });
    expect(() => reached.load()).toThrow("kfunc 'bpf_no_such_kfunc' is referenced but wasn't resolved");
  });

  it('loads or refuses whatever it is given, and never fails otherwise', () => {
    const objects = ['maps', 'globals', 'subprogs', 'core', 'struct_ops', 'kernel', 'externs'].map((n) => fixture(n));
    const files = {
      '/sys/kernel/btf/vmlinux': kernelBtf(),
      '/proc/kallsyms': 'ffffffff81000000 T start\n',
      '/proc/config.gz': 'CONFIG_BPF_SYSCALL=y\nCONFIG_BPF=y\nCONFIG_CC_VERSION_TEXT="x"\n',
    };
    fc.assert(
      fc.property(
        fc.nat(objects.length - 1),
        fc.array(fc.tuple(fc.nat(9000), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 }),
        (which, edits) => {
          const bytes = objects[which].slice();
          for (const [at, value] of edits) bytes[at % bytes.length] = value;
          const sys = new FakeSys({ files, unknownHelpers: true });
          try {
            const obj = openObject(bytes, { sys });
            for (const map of obj.maps) if (map.valueSize > 1 << 20) return;
            obj.load();
            obj.close();
          } catch (error) {
            if (!(error instanceof BpfError)) throw error;
          }
          expect([...sys.openFds]).toEqual([]);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('refuses a program whose section says nothing', () => {
    const { obj } = load('sections');
    for (const prog of obj.progs) prog.autoload = prog.name === 'on_nothing';
    expect(() => obj.load()).toThrow("prog 'on_nothing': missing BPF prog type, check ELF section name 'nobody/knows'");
    const { obj: typed, sys } = load('sections');
    for (const prog of typed.progs) prog.autoload = prog.name === 'on_nothing';
    typed.progs['on_nothing'].type = 1;
    typed.load();
    expect(sys.progByName('on_nothing')?.prog_type).toBe(1);
  });
});

describe('CO-RE', () => {
  it.each(CLANGS)('relocates to the kernel that is there (%s)', (clang) => {
    const { sys, obj, lines } = load('core', { unknownHelpers: true }, { btf: kernelBtf() }, clang);
    obj.load();
    expect(sys.progByName('relocate')).toBeDefined();
    const text = lines.join('\n');
    expect(text).toMatch(/prog 'relocate': relo #\d+: <byte_off> \[\d+\] struct task_struct.pid \(0:0 @ offset 0\)/);
    expect(text).toMatch(/matching candidate #0 <byte_off> \[\d+\] struct task_struct.pid \(0:2 @ offset 44\)/);
    expect(text).toMatch(/patched insn #\d+ \(ALU\/ALU64\) imm 0 -> 44/);
    expect(text).toMatch(/patched insn #\d+ \(LDIMM64\) imm64 1 -> 17/);
    expect(text).toMatch(/substituting insn #\d+ w\/ invalid insn/);
  });

  it('explains a program that needs what the kernel lacks', () => {
    const { obj } = load('core', {}, { btf: kernelBtf() });
    for (const prog of obj.progs) prog.autoload = prog.name === 'poisoned';
    let log = '';
    try {
      obj.load();
    } catch (error) {
      log = (error as VerifierError).log;
      expect((error as Error).message).toContain(': failed to resolve CO-RE relocation <byte_off>');
    }
    expect(log).toContain('<invalid CO-RE relocation>');
    expect(log).toMatch(
      /failed to resolve CO-RE relocation <byte_off> \[\d+\] struct task_struct.no_such_field \(0:3 @ offset \d+\)/,
    );
  });

  it('needs a kernel with types', () => {
    expect(() => load('core').obj.load()).toThrow(LoaderError);
    expect(() => load('core').obj.load()).toThrow(/kernel BTF is missing/);
  });
});
