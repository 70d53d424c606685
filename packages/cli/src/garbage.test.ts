// SPDX-License-Identifier: MIT
// What the command says to input that is no good: one clear line, status 2, soon, and no stack trace.
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommand } from './program.ts';

const streams = vi.hoisted(() => ({ stdout: '', stderr: '' }));
vi.mock('./output/streams.ts', () => ({
  ClosedPipe: class extends Error {},
  print: (text: string) => {
    streams.stdout += `${text}\n`;
  },
  note: (text: string) => {
    streams.stderr += `${text}\n`;
  },
}));

const FIREWALL = fileURLToPath(new URL('../../../examples/xdp-firewall/firewall.bpf.o', import.meta.url));
const TRAFFIC = fileURLToPath(new URL('../../../examples/xdp-firewall/traffic.pcap', import.meta.url));
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

let dir = '';
const at = (name: string): string => join(dir, name);

/** Runs the command in this process. */
async function tsbpf(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  streams.stdout = '';
  streams.stderr = '';
  const status = await runCommand(args);
  return { status, stdout: streams.stdout, stderr: stripVTControlCharacters(streams.stderr) };
}

/** Where a section's bytes are in an ELF64 file. */
function sectionAt(bytes: Uint8Array, wanted: string): { off: number; size: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  const names = table + view.getUint16(62, true) * 64;
  const strings = Number(view.getBigUint64(names + 24, true));
  for (let i = 0; i < count; i++) {
    const header = table + i * 64;
    let name = '';
    for (let p = strings + view.getUint32(header, true); bytes[p] !== 0; p++)
      name += String.fromCharCode(bytes[p] ?? 0);
    if (name !== wanted) continue;
    return { off: Number(view.getBigUint64(header + 24, true)), size: Number(view.getBigUint64(header + 32, true)) };
  }
  throw new TypeError(`no section ${wanted}`);
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsbpf-garbage-'));
  const good = new Uint8Array(readFileSync(FIREWALL));
  const capture = new Uint8Array(readFileSync(TRAFFIC));
  writeFileSync(at('empty.o'), '');
  writeFileSync(
    at('random.o'),
    new Uint8Array(4096).map((_, i) => (i * 2654435761) >>> 13),
  );
  writeFileSync(at('magic.o'), new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 9, 9, 9]));
  for (const len of [17, 64, 100, 2000, good.length - 100]) writeFileSync(at(`cut-${len}.o`), good.slice(0, len));
  const machine = good.slice();
  new DataView(machine.buffer).setUint16(18, 62, true);
  writeFileSync(at('x86.o'), machine);
  const btf = good.slice();
  const { off } = sectionAt(btf, '.BTF');
  btf.fill(0xee, off + 24, off + 200);
  writeFileSync(at('btf.o'), btf);
  const sparse = openSync(at('sparse.o'), 'w');
  ftruncateSync(sparse, 2 ** 31);
  closeSync(sparse);
  const sparseElf = openSync(at('sparse-elf.o'), 'w');
  writeFileSync(sparseElf, good.slice(0, 64));
  ftruncateSync(sparseElf, 2 ** 31);
  closeSync(sparseElf);
  writeFileSync(at('cut.pcap'), capture.slice(0, capture.length - 10));
  writeFileSync(at('header.pcap'), capture.slice(0, 30));
  writeFileSync(at('noise.pcap'), good);
  mkdirSync(at('folder'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const OBJECTS: [file: string, says: RegExp][] = [
  ['missing.o', /no such file/],
  ['folder', /is a directory/],
  ['empty.o', /is empty/],
  ['random.o', /not an ELF file/],
  ['magic.o', /\S/],
  ['cut-17.o', /\S/],
  ['cut-64.o', /\S/],
  ['cut-100.o', /\S/],
  ['cut-2000.o', /\S/],
  [`cut-${readFileSync(FIREWALL).length - 100}.o`, /\S/],
  ['x86.o', /machine/i],
  ['btf.o', /BTF/],
  ['sparse.o', /not an ELF file/],
  ['sparse-elf.o', /too large/],
];

describe('objects that are none', () => {
  it.each(OBJECTS)('%s', async (file, says) => {
    for (const verb of ['run', 'verify']) {
      const { status, stdout, stderr } = await tsbpf(verb, at(file));
      expect({ status, stdout }, `${verb}: ${stderr}`).toEqual({ status: 2, stdout: '' });
      expect(stderr).toMatch(says);
      expect(stderr).toContain(file);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(stderr).not.toMatch(/^\s+at /m);
    }
  });
});

const CAPTURES: [file: string, says: RegExp][] = [
  ['missing.pcap', /no such file/],
  ['cut.pcap', /cut|ends|truncated/i],
  ['header.pcap', /cut|ends|truncated/i],
  ['noise.pcap', /not a|no pcap|magic|capture/i],
  ['empty.o', /is empty/],
];

describe('captures that are none', () => {
  it.each(CAPTURES)('%s', async (file, says) => {
    const out = at('out.pcapng');
    const { status, stdout, stderr } = await tsbpf('run', FIREWALL, '--pcap', at(file), '--out', out);
    expect({ status, stdout }, stderr).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(says);
    expect(stderr).toContain(file);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(() => readFileSync(out)).toThrow('ENOENT');
  });
});

const USAGE: [args: string[], says: RegExp][] = [
  [[], /Usage/],
  [['nonsense'], /unknown command/],
  [['run'], /missing required argument/],
  [['run', FIREWALL, '--nonsense'], /unknown option/],
  [['run', FIREWALL, '--prog', 'nobody'], /has no program "nobody"; it has firewall/],
  [['run', FIREWALL, '--repeat', 'x', '--data-in', TRAFFIC], /--repeat x/],
  [['run', FIREWALL, '--kernel', 'new'], /--kernel new/],
];

describe('wrong words', () => {
  it.each(USAGE)('%j', async (args, says) => {
    const { status, stdout, stderr } = await tsbpf(...args);
    expect({ status, stdout }, stderr).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(says);
  });

  it('a version that is not simulated is unsupported', async () => {
    const { status, stderr } = await tsbpf('verify', FIREWALL, '--kernel', '6.18');
    expect(status).toBe(3);
    expect(stderr).toMatch(/6\.18 is not simulated; supported: 5\.6/);
  });

  it('a folder that cannot be written to fails, and leaves nothing', async () => {
    const { status, stderr } = await tsbpf('run', FIREWALL, '--pcap', TRAFFIC, '--out', at('no/such/folder.pcapng'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/cannot be written/);
  });
});

const ONE = fileURLToPath(new URL('../../loader/test/linker/one.o', import.meta.url));
const TWO = fileURLToPath(new URL('../../loader/test/linker/two.o', import.meta.url));

describe('bpftool verbs, given what is no good, exit with 255 and write nothing', () => {
  const out = (): string => at('out.o');
  const ROWS: [words: () => string[], says: RegExp][] = [
    [() => ['gen'], /unknown command: gen; there are: .*gen object, gen min_core_btf/],
    [() => ['gen', 'skeleton', ONE], /unknown command: gen skeleton/],
    [() => ['gen', 'object'], /'object' needs at least 2 arguments, 0 found\nUsage: tsbpf gen object OUTPUT_FILE/],
    [() => ['gen', 'object', out()], /needs at least 2 arguments, 1 found/],
    [() => ['gen', 'object', out(), at('missing.o')], /failed to link '.*missing\.o': .*no such file/],
    [() => ['gen', 'object', out(), at('folder')], /failed to link '.*folder': .*is a directory/],
    [() => ['gen', 'object', out(), at('random.o')], /failed to link '.*random\.o': .*not an ELF file/],
    [() => ['gen', 'object', out(), at('cut-2000.o')], /libbpf: failed to parse ELF file.*\n.*failed to link/],
    [() => ['gen', 'object', out(), at('x86.o')], /unsupported kind of ELF file .*x86\.o: type 1, machine 62/],
    [() => ['gen', 'object', out(), at('btf.o')], /failed to parse \.BTF from/],
    [
      () => ['gen', 'object', out(), ONE, ONE],
      /^libbpf: conflicting non-weak symbol .*\n.*failed to link '.*one\.o': Invalid argument \(22\)/,
    ],
    [() => ['gen', 'object', at('no/such/out.o'), ONE, TWO], /no\/such\/out\.o: cannot be written/],
    [() => ['gen', 'min_core_btf', out(), out()], /'min_core_btf' needs at least 3 arguments, 2 found/],
    [() => ['gen', 'min_core_btf', at('missing'), out(), ONE], /failed parsing '.*missing' BTF file: .*no such file/],
    [() => ['gen', 'min_core_btf', at('random.o'), out(), ONE], /failed parsing '.*random\.o' BTF file: .*magic/],
    [() => ['gen', 'min_core_btf', ONE, out(), at('missing.o')], /failed to parse BPF object '.*missing\.o'/],
    [() => ['gen', 'min_core_btf', ONE, out(), at('btf.o')], /failed to parse BPF object '.*btf\.o'/],
    [() => ['feature'], /unknown command: feature/],
    [() => ['feature', 'list_builtins'], /expected 'prog_types', .* or 'helpers', got: /],
    [() => ['feature', 'list_builtins', 'x'], /expected 'prog_types', .* or 'helpers', got: x/],
  ];
  it.each(ROWS)('%s %s', async (words, says) => {
    const { status, stdout, stderr } = await tsbpf(...words());
    expect({ status, stdout }, stderr).toEqual({ status: 255, stdout: '' });
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(existsSync(out())).toBe(false);
    const json = await tsbpf('-j', ...words());
    expect(json.status).toBe(255);
    expect(Object.keys(JSON.parse(json.stdout) as object)).toEqual(['error']);
  });
});

/** The command in a shell, where output can be sent to places of every kind. */
function shell(command: string): { status: number | null; stdout: string; stderr: string } {
  const words = [process.execPath, '--import', 'tsx', '--conditions=@tsbpf/source', MAIN];
  const script = `tsbpf() { ${words.map((word) => `'${word}'`).join(' ')} "$@"; }\n${command}`;
  return spawnSync('sh', ['-c', script], { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
}

describe('output that nobody takes', () => {
  // The shell says the command's own status, which the pipe's would hide.
  it.each([
    `verify --json -l 2 '${FIREWALL}'`,
    `run '${FIREWALL}' --pcap '${TRAFFIC}' --json`,
    `prog dump xlated '${FIREWALL}'`,
    `--help`,
  ])('%s, its reader gone, ends quietly', (words) => {
    const { status, stderr } = shell(`( tsbpf ${words} 2>'${at('err')}'; echo "status $?" >&2 ) | :`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: 'status 0\n' });
    expect(readFileSync(at('err'), 'utf8')).not.toMatch(/^\s+at |EPIPE/m);
  });

  it('a reader that takes one line gets it', () => {
    const { status, stdout, stderr } = shell(`tsbpf verify '${FIREWALL}' '${FIREWALL}' | head -1`);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^File +Program +Verdict[^\n]*\n$/);
  });

  it.skipIf(!existsSync('/dev/full'))('a full disk is said, and is a failure', () => {
    for (const [words, failure] of [
      [`verify '${FIREWALL}'`, 1],
      [`prog dump xlated '${FIREWALL}'`, 255],
    ] as const) {
      const { status, stderr } = shell(`tsbpf ${words} >/dev/full`);
      expect(stderr).toMatch(/^(error|Error): standard output cannot be written: ENOSPC[^\n]*\n$/);
      expect(status).toBe(failure);
    }
  });

  it('messages that nobody takes change nothing', () => {
    const { status, stdout } = shell(`tsbpf verify '${FIREWALL}' '${at('missing.o')}' 2>&-`);
    expect(status).toBe(2);
    expect(stdout).toMatch(/^\S+firewall\.bpf\.o +firewall +success/m);
  });
});
