// SPDX-License-Identifier: MIT
// The static linker beside Debian's `bpftool gen object`: the same file, byte for byte, for every object at hand, for
// pairs of them and for files that need each other; the same words where it refuses.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dumpBtfRaw, parseBtf } from '@tsbpf/btf';
import { BpfError } from '@tsbpf/uapi';
import { namedObjects, packageExecutables } from '../../../../tools/debian-objects/embedded.ts';
import { parseElf } from '../elf/elf.ts';
import { openObject } from '../handle/object.ts';
import { linkObjects } from './linker.ts';

const FIXTURES = fileURLToPath(new URL('../../test/fixtures', import.meta.url));
const SOURCES = fileURLToPath(new URL('../../test/linker', import.meta.url));
const XDP_TOOLS = '/usr/lib/x86_64-linux-gnu/bpf';
const runs = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const compilers = ['clang-14', 'clang-16', 'clang-19'].filter(runs);
const clang = compilers.at(-1) ?? '';
const usable = compilers.length > 0 && spawnSync('bpftool', ['version']).status === 0;
if (!usable) console.log('linker: skipped: needs clang and bpftool');

const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);
const read = (path: string): Uint8Array => new Uint8Array(readFileSync(path));

/** Debian's libbpf 1.1 does not yet resolve declarations to the one struct of their name. */
const AS_1_1 = { keepDeclarations: true };

interface Outcome {
  readonly bytes?: Uint8Array;
  readonly says?: string;
}

function ours(files: readonly string[]): Outcome {
  try {
    return {
      bytes: linkObjects(
        files.map((path) => ({ name: path, bytes: read(path) })),
        AS_1_1,
      ),
    };
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    return { says: error.message };
  }
}

describe.skipIf(!usable)('linking', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'tsbpf-linker-'));
    for (const { name, bytes } of namedObjects(packageExecutables('libbpf-tools'))) {
      writeFileSync(join(dir, `${name}.bpf.o`), bytes);
    }
  });
  afterAll(() => {
    if (dir !== '') rmSync(dir, { recursive: true });
  });

  function theirs(files: readonly string[]): Outcome {
    const out = join(dir, 'theirs.o');
    const { status, stderr } = spawnSync('bpftool', ['gen', 'object', out, ...files], { encoding: 'utf8' });
    if (status === 0) return { bytes: read(out) };
    return { says: stderr.split('\n')[0].replace('libbpf: ', '') };
  }

  function compile(cc: string, source: string, out: string): string {
    const path = join(dir, out);
    const flags = ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', '-I/usr/include/x86_64-linux-gnu', `-I${SOURCES}`];
    execFileSync(cc, [...flags, '-c', source, '-o', path]);
    return path;
  }

  const existing = (folder: string): string[] =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => name.endsWith('.o') && !name.includes('bpfeb'))
          .map((name) => join(folder, name))
      : [];
  const allObjects = (): string[] => [
    ...existing(dir).filter((path) => path.endsWith('.bpf.o')),
    ...existing(FIXTURES),
    ...existing(XDP_TOOLS),
  ];

  it('gives what bpftool gives for each object alone', () => {
    for (const path of allObjects()) {
      const [mine, wanted] = [ours([path]), theirs([path])];
      expect(mine.says, basename(path)).toBe(wanted.says);
      expect(mine.bytes !== undefined && same(mine.bytes, wanted.bytes!), basename(path)).toBe(true);
    }
  });

  it('gives what bpftool gives for pairs, or refuses them in its words', () => {
    const objects = allObjects();
    let linked = 0;
    for (let i = 0; i < 120; i++) {
      const pair = [objects[(i * 37) % objects.length], objects[(i * 61 + 17) % objects.length]];
      const [mine, wanted] = [ours(pair), theirs(pair)];
      const what = pair.map((path) => basename(path)).join(' ');
      expect(mine.says, what).toBe(wanted.says);
      if (wanted.bytes === undefined || mine.bytes === undefined) continue;
      linked++;
      expect(same(mine.bytes, wanted.bytes), what).toBe(true);
    }
    expect(linked).toBeGreaterThan(40);
  });

  /** libbpf leaves a variable that was declared first at the declaration's offset, 0; the symbol has the real one. */
  function symbolOffsets(bytes: Uint8Array): string {
    const elf = parseElf(bytes);
    const text = dumpBtfRaw(parseBtf(elf.data(elf.section('.BTF')!)));
    const values = new Map(elf.symbols.filter((s) => s.bind !== 0 && s.shndx !== 0).map((s) => [s.name, s.value]));
    return text.replace(/offset=\d+( size=\d+ \(VAR '([^']*)'\))/g, (whole, rest: string, name: string) =>
      values.has(name) ? `offset=${values.get(name)}${rest}` : whole,
    );
  }

  describe.each(compilers)('%s: files that need each other', (cc) => {
    const compiled = (): string[] =>
      ['one', 'two', 'three'].map((name) => compile(cc, join(SOURCES, `${name}.bpf.c`), `${name}.${cc}.o`));

    it.each([
      [0, 1],
      [1, 0],
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ])('%j', (...order: number[]) => {
      const objects = compiled();
      const files = order.map((i) => objects[i]);
      const mine = ours(files).bytes!;
      const wanted = theirs(files).bytes!;
      const [a, b] = [parseElf(mine), parseElf(wanted)];
      expect(a.sections.map((s) => ({ ...s }))).toEqual(b.sections.map((s) => ({ ...s })));
      for (const section of b.sections.slice(1)) {
        if (section.type === 8 || section.name === '.BTF') continue;
        expect(same(a.data(a.section(section.name)!), b.data(section)), section.name).toBe(true);
      }
      const text = dumpBtfRaw(parseBtf(a.data(a.section('.BTF')!)));
      expect(text).toBe(symbolOffsets(wanted));
      expect([...openObject(mine).maps].map((map) => map.name)).toContain('shared');
    });

    it.skipIf(process.getuid?.() !== 0)('load with libbpf', () => {
      const objects = compiled();
      for (const order of [
        [0, 1],
        [1, 0],
      ]) {
        const file = join(dir, 'loadable.o');
        writeFileSync(file, ours(order.map((i) => objects[i])).bytes!);
        const script = 'mount -t bpf bpffs /sys/fs/bpf && exec bpftool prog loadall "$1" /sys/fs/bpf/progs';
        const { status, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', file], { encoding: 'utf8' });
        expect(status, stderr).toBe(0);
      }
    });

    it('in two steps, as in one', () => {
      const objects = compiled();
      const step = join(dir, 'step.o');
      writeFileSync(step, linkObjects(objects.slice(0, 2).map((name) => ({ name, bytes: read(name) }))));
      const twice = ours([step, objects[2]]).bytes!;
      const once = ours(objects).bytes!;
      const progs = (bytes: Uint8Array): unknown =>
        [...openObject(bytes).progs].map((prog) => ({ name: prog.name, insns: prog.insns }));
      expect(progs(twice)).toEqual(progs(once));
    });
  });

  const HEAD = '#include <stdbool.h>\n#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n';
  const prog = (name: string, body: string): string => `SEC("xdp") int ${name}(void *ctx) { ${body} }`;
  const map = (name: string, value: string, entries = 3, extra = ''): string =>
    `struct { __uint(type, 1); __type(key, int); __type(value, ${value}); __uint(max_entries, ${entries}); ${extra} } ${name} SEC(".maps");`;
  const uses = prog('p', 'return bpf_map_lookup_elem(&m, ctx) != 0;');

  /** `ours` where libbpf's own words are wrong or it crashes; '' where we link what it does not. */
  const ROWS: readonly { name: string; a: string; b: string; ours?: RegExp | '' }[] = [
    { name: 'two strong functions', a: 'int f(int x) { return x; }', b: 'int f(int x) { return x + 1; }' },
    {
      name: 'a parameter of another size',
      a: `extern int f(int x); ${prog('p', 'return f(1);')}`,
      b: 'int f(long x) { return x; }',
      // libbpf prints (null) for the name.
      ours: /^global 'f': incompatible int 'int' size 4 and 8$/,
    },
    {
      name: 'members of other names',
      a: 'struct a { int x; }; struct a v;',
      b: `struct a { int y; }; extern struct a v; ${prog('p', 'return v.y;')}`,
    },
    { name: 'other entries', a: `extern ${map('m', 'int')} ${uses}`, b: map('m', 'int', 4) },
    { name: 'another value size', a: `extern ${map('m', 'int')} ${uses}`, b: map('m', 'long') },
    {
      name: 'another value type',
      a: `extern ${map('m', 'struct { int a; }')} ${uses}`,
      b: map('m', 'int'),
      // libbpf says that the key's differs.
      ours: /^global 'm': map value type mismatch$/,
    },
    {
      name: 'an unknown attribute',
      a: map('m', 'int'),
      b: `extern ${map('m', 'int', 3, '__uint(bogus, 1);')} ${uses}`,
    },
    { name: 'other licenses', a: 'char l[] SEC("license") = "GPL";', b: 'char l[] SEC("license") = "MIT";' },
    {
      name: 'other flags',
      a: 'const int v SEC("odd") = 1;',
      b: 'int w SEC("odd") = 1;',
      ours: /^ELF sections odd are incompatible: flags differ$/,
    },
    {
      name: 'a kernel function that both call',
      a: `extern int kf(int) __ksym; ${prog('p', 'return kf(1);')}`,
      b: `extern int kf(int) __ksym; ${prog('q', 'return kf(1);')}`,
      // libbpf 1.1 asks for its size.
      ours: '',
    },
    {
      name: 'a kernel function with other parameters',
      a: `extern int kf(int) __ksym; ${prog('p', 'return kf(1);')}`,
      b: `extern int kf(int, int) __ksym; ${prog('q', 'return kf(1, 1);')}`,
    },
    {
      name: 'a kernel variable without a type that both read',
      a: `extern const void v __ksym; ${prog('p', 'return &v != 0;')}`,
      b: `extern const void v __ksym; ${prog('q', 'return &v != 0;')}`,
    },
    { name: 'a variable and a function', a: 'int v;', b: 'int v(int x) { return x; }' },
    {
      name: 'a kernel setting that another file defines',
      a: `extern int v __kconfig; ${prog('p', 'return v;')}`,
      b: `int v = 4; ${prog('q', 'return v;')}`,
      // libbpf 1.1 crashes.
      ours: /^global 'v': section mismatch '\.kconfig' vs '\.data'$/,
    },
    {
      name: 'a union and a struct',
      a: `extern union u *v; ${prog('p', 'return v == 0;')}`,
      b: `struct u { int x; }; struct u *v; ${prog('q', 'return v->x;')}`,
    },
    {
      name: 'pointers to structs of other names',
      a: `struct u; extern struct u *v; ${prog('p', 'return v == 0;')}`,
      b: `struct w { int x; }; struct w *v; ${prog('q', 'return v->x;')}`,
    },
    {
      name: 'enums of other names',
      a: `enum e1 { A }; extern enum e1 v; ${prog('p', 'return v == 0;')}`,
      b: `enum e2 { B }; enum e2 v; ${prog('q', 'return v;')}`,
    },
    {
      name: 'more members',
      a: `extern struct { int a, b; } v; ${prog('p', 'return v.a == 0;')}`,
      b: `struct { int a; } v; ${prog('q', 'return v.a;')}`,
    },
    {
      name: 'a longer array',
      a: `extern int v[3]; ${prog('p', 'return v[1];')}`,
      b: `int v[5]; ${prog('q', 'return v[2];')}`,
    },
    {
      name: 'a declaration that says where',
      a: `extern int v SEC(".data"); ${prog('p', 'return v;')}`,
      b: `int v = 4; ${prog('q', 'return v;')}`,
    },
    {
      name: 'a hidden declaration',
      a: `__hidden extern int v; ${prog('p', 'return v;')}`,
      b: `int v = 4; ${prog('q', 'return v;')}`,
    },
    {
      name: 'two weak variables, in other sections',
      a: `__weak int v = 3; ${prog('p', 'return v;')}`,
      b: `__weak int v; ${prog('q', 'return v;')}`,
      // libbpf numbers the sections.
      ours: /^global 'v': section mismatch '\.data' vs '\.bss'$/,
    },
    {
      name: 'what nobody defines',
      a: `extern int v; ${prog('p', 'return v;')}`,
      b: `extern int v; ${prog('q', 'return v;')}`,
    },
    {
      name: 'a static of the same name',
      a: `extern int v; ${prog('p', 'return v;')}`,
      b: `static int v; ${prog('q', 'return v++;')}`,
    },
  ];
  it.each(ROWS)('$name', ({ a, b, ours: wantedOurs }) => {
    const files = [a, b].map((text, i) => {
      const source = join(dir, `row${i}.c`);
      writeFileSync(source, HEAD + text);
      return compile(clang, source, `row${i}.o`);
    });
    const mine = ours(files);
    if (wantedOurs === '') expect(mine.says).toBeUndefined();
    else if (wantedOurs !== undefined) expect(mine.says).toMatch(wantedOurs);
    else {
      const wanted = theirs(files);
      expect(mine.says).toBe(wanted.says);
      if (mine.bytes !== undefined && wanted.bytes !== undefined) {
        const elf = parseElf(mine.bytes);
        expect(dumpBtfRaw(parseBtf(elf.data(elf.section('.BTF')!)))).toBe(symbolOffsets(wanted.bytes));
      }
    }
  });
});
