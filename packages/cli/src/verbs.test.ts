// SPDX-License-Identifier: MIT
// The verbs over the example, as a user types them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
const PARSER = fileURLToPath(new URL('../../../examples/tail-call-parser/parser.bpf.o', import.meta.url));
const TRAFFIC = fileURLToPath(new URL('../../../examples/xdp-firewall/traffic.pcap', import.meta.url));

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsbpf-verbs-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function tsbpf(...args: string[]): Promise<string> {
  streams.stdout = '';
  streams.stderr = '';
  const status = await runCommand(args);
  expect({ status, stderr: stripVTControlCharacters(streams.stderr) }, args.join(' ')).toMatchObject({ status: 0 });
  return streams.stdout;
}

describe('tsbpf', () => {
  it('run shows verdicts, maps and figures', async () => {
    const out = await tsbpf('run', FIREWALL, '--pcap', TRAFFIC, '--out', join(dir, 'out.pcapng'));
    expect(out).toMatch(/^verified: [\d,]+ instructions processed, \d+ states \(peak \d+\), stack 36\+2 bytes$/m);
    expect(out).toMatch(/^ran over 209 packets/m);
    expect(out).toMatch(/^ {2}XDP_PASS +160 +76\.6%$/m);
    expect(out).toMatch(/^map counters \(array, 7 of 7 entries\)$/m);
    expect(out).toMatch(/^ {2}total_bytes = 16184$/m);
    expect(readFileSync(join(dir, 'out.pcapng')).readUInt32LE(0)).toBe(0x0a0d0d0a);
  });

  it('run --json is one object', async () => {
    const report = JSON.parse(await tsbpf('run', FIREWALL, '--pcap', TRAFFIC, '--json')) as {
      packets: number;
      verdicts: Record<string, number>;
      maps: { name: string; entries: { key: unknown; value: unknown }[] }[];
    };
    expect(report.verdicts).toEqual({ XDP_PASS: 160, XDP_DROP: 49 });
    expect(report.maps.find((map) => map.name === 'sources')?.entries).toHaveLength(4);
  });

  it.each([
    ['tc-policer/policer.bpf.o', /^ {2}TC_ACT_OK +\d+ +\d+\.\d%$/m],
    ['socket-filter/dns-tap.bpf.o', /^ {2}kept +\d+ +\d+\.\d%$/m],
  ])('run takes %s over a capture, too', async (object, says) => {
    const path = fileURLToPath(new URL(`../../../examples/${object}`, import.meta.url));
    const out = await tsbpf('run', path, '--pcap', TRAFFIC);
    expect(out).toMatch(/^ran over 209 packets/m);
    expect(out).toMatch(says);
  });

  it('run --data-in runs once', async () => {
    writeFileSync(join(dir, 'packet'), new Uint8Array(64));
    expect(await tsbpf('run', FIREWALL, '--data-in', join(dir, 'packet'))).toMatch(/^returned 2 \(0x2\)$/m);
  });

  it('run follows tail calls', async () => {
    const frame = new Uint8Array(64);
    frame.set([0x08, 0x00, 0x45], 12);
    frame[23] = 6;
    writeFileSync(join(dir, 'tcp'), frame);
    const out = await tsbpf('run', PARSER, '--prog', 'parse_ethernet', '--data-in', join(dir, 'tcp'));
    expect(out).toMatch(/^ {2}1: 1$/m);
    expect(out).toMatch(/^ {2}3: 1$/m);
  });

  it('verify takes each program of several alone', async () => {
    const out = (await tsbpf('verify', '--csv', PARSER)).trimEnd().split('\n').slice(1);
    expect(out.map((row) => row.split(',').slice(1, 3).join(' '))).toEqual(
      ['parse_vlan', 'parse_ipv4', 'parse_ipv6', 'parse_tcp', 'parse_udp', 'parse_ethernet'].map(
        (name) => `${name} success`,
      ),
    );
  });

  it('verify has a row for each program, also as CSV and JSON', async () => {
    expect(await tsbpf('verify', FIREWALL)).toMatch(/firewall +success +\d+ +1868 +146 +124$/m);
    expect((await tsbpf('verify', '--csv', FIREWALL)).split('\n')[0]).toBe(
      'file_name,prog_name,verdict,duration,total_insns,total_states,peak_states,errno,message',
    );
    expect(JSON.parse(await tsbpf('verify', '--json', FIREWALL))).toMatchObject([
      { verdict: 'success', total_insns: 1868 },
    ]);
  });

  it('a batch has one kernel for all its verbs', async () => {
    writeFileSync(join(dir, 'batch'), `run "${FIREWALL}" --pcap ${TRAFFIC}\n# then\nmap dump ${FIREWALL} counters\n`);
    expect(await tsbpf('batch', join(dir, 'batch'))).toMatch(/"key": 5,\n +"value": 30\n/);
  });

  it('prog dump xlated shows what runs, with source lines', async () => {
    const text = await tsbpf('prog', 'dump', 'xlated', FIREWALL, 'linum');
    expect(text).toMatch(
      /^int firewall\(struct xdp_md \* ctx\):\n; .* \[file:\.\/firewall\.bpf\.c line_num:\d+ line_col:\d+\]\n +0: \(79\) r7/,
    );
    expect(text).toMatch(/call pc\+\d+#bpf_prog_[0-9a-f]{16}_port_blocked$/m);
  });

  it('gen object links files that need each other', async () => {
    const [one, two] = ['one', 'two'].map((name) =>
      fileURLToPath(new URL(`../../loader/test/linker/${name}.o`, import.meta.url)),
    );
    const linked = join(dir, 'linked.o');
    expect(await tsbpf('gen', 'object', linked, one ?? '', two ?? '')).toBe('');
    expect(await tsbpf('btf', 'dump', 'file', linked)).toMatch(/DATASEC '\.maps' size=\d+ vlen=3/);
    const out = join(dir, 'min.btf');
    await tsbpf('gen', 'min', linked, out, linked);
    expect(await tsbpf('btf', 'dump', 'file', out)).toBe('\n');
  });

  it('feature list_builtins names what 5.6 has', async () => {
    expect((await tsbpf('feature', 'list_builtins', 'helpers')).split('\n')).toHaveLength(120);
    expect(JSON.parse(await tsbpf('-j', 'feature', 'list', 'prog'))).toHaveLength(29);
    expect(JSON.parse(await tsbpf('-p', 'feature', 'list_builtins', 'map_types'))).toHaveLength(27);
    expect(await tsbpf('feature', 'list_builtins', 'link_types')).toBe('');
  });

  it('asm gives back what disasm took apart', async () => {
    writeFileSync(join(dir, 'source.s'), await tsbpf('disasm', FIREWALL));
    await tsbpf('asm', join(dir, 'source.s'), '-o', join(dir, 'insns'));
    const raw = await tsbpf('disasm', join(dir, 'insns'));
    const source = readFileSync(join(dir, 'source.s'), 'utf8');
    expect(raw).toBe(source.replace(/^;.*\n/gm, ''));
  });
});
