// SPDX-License-Identifier: MIT
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readCapture } from '@tsbpf/capture';
import { runCommand } from '../program.ts';

const streams = vi.hoisted(() => ({ stdout: '', stderr: '' }));
vi.mock('../output/streams.ts', () => ({
  ClosedPipe: class extends Error {},
  print: (text: string) => {
    streams.stdout += `${text}\n`;
  },
  note: (text: string) => {
    streams.stderr += `${text}\n`;
  },
}));

const example = (path: string): string => fileURLToPath(new URL(`../../../../examples/${path}`, import.meta.url));
const TOPOLOGY = example('network/topology.json');
const FIREWALL = example('xdp-firewall/firewall.bpf.o');
const TRAFFIC = example('xdp-firewall/traffic.pcap');

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsbpf-net-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function tsbpf(...args: string[]): Promise<number> {
  streams.stdout = '';
  streams.stderr = '';
  return runCommand(args);
}

describe('net run', () => {
  it('tells what arrived where, and writes what each device saw', async () => {
    const out = join(dir, 'seen');
    expect([await tsbpf('net', 'run', TOPOLOGY, '--pcap', TRAFFIC, '--out', out), streams.stderr]).toEqual([0, '']);
    expect(streams.stdout).toMatch(/^ran over 209 packets$/m);
    expect(streams.stdout).toMatch(/^router\.left +209 +119 +0 +0 {2}XDP_REDIRECT 79, XDP_PASS 120, XDP_DROP 10$/m);
    expect(streams.stdout).toMatch(/^router\.right +0 +0 +0 +79$/m);
    expect(streams.stdout).toMatch(/^socket server udp \*:53: \d+ received, \d+ bytes$/m);
    expect(readdirSync(out).sort()).toEqual(
      ['client.eth0', 'router.left', 'router.right', 'server.eth0'].map((name) => `${name}.pcapng`),
    );
    const { packets, interfaces } = readCapture(new Uint8Array(readFileSync(join(out, 'router.left.pcapng'))));
    expect(interfaces.map(({ name }) => name).slice(0, 2)).toEqual(['router.left:arrived', 'router.left:after-xdp']);
    const of = (ifaceIdx: number) => packets.filter((packet) => packet.ifaceIdx === ifaceIdx);
    expect([of(0).length, of(1).length]).toEqual([209, 209]);
    // Before and after: what was redirected has one hop less.
    const pairs = of(0).map((before, i) => [before, of(1)[i]] as const);
    const changed = pairs.filter(([before, after]) => before.data[22] !== after?.data[22]);
    expect(changed.length).toBe(79);
    for (const [before, after] of changed) expect(after?.data[22]).toBe((before.data[22] ?? 0) - 1);
    expect(of(0)[5]?.tsNs).toBe(of(1)[5]?.tsNs);
  });

  it('answers one object', async () => {
    expect(await tsbpf('net', 'run', TOPOLOGY, '--pcap', TRAFFIC, '--json', '--engine', 'jit')).toBe(0);
    expect(JSON.parse(streams.stdout)).toMatchObject({
      packets: 209,
      devices: { 'router.right': { transmitted: 79 }, 'server.eth0': { arrived: 79 } },
    });
  });

  const good = JSON.parse(readFileSync(TOPOLOGY, 'utf8')) as Record<string, unknown>;
  it.each<[string, unknown, RegExp]>([
    ['no JSON', '{', /is no JSON/],
    ['a list', [], /at the top: an object is needed here/],
    ['no hosts', { input: { device: 'a.b' } }, /"hosts" names none/],
    ['a slip', { ...good, host: {} }, /"host" is not known; there are hosts, cables/],
    [
      'a device’s slip',
      { ...good, hosts: { a: { devices: { eth0: { mtu: 'x' } } } } },
      /hosts\.a.*"mtu" must be a number/,
    ],
    [
      'a small MTU',
      { ...good, hosts: { a: { devices: { eth0: { mtu: 1 } } } } },
      /"mtu" must be from 68 to 65535, not 1/,
    ],
    ['a cable', { ...good, cables: [['a.eth0']] }, /cables\[0\]: a cable is a list of two devices/],
    [
      'a cable to nowhere',
      { ...good, cables: [['client.eth0', 'router.up']] },
      /host router has no device up; it has lo, left/,
    ],
    [
      'a hook',
      { ...good, programs: [{ object: 'x', attach: 'tc', device: 'a.b' }] },
      /programs\[0\]: "attach" must be one of xdp/,
    ],
    [
      'no object',
      { ...good, programs: [{ object: 'x.o', attach: 'xdp', device: 'client.eth0' }] },
      /x\.o: no such file/,
    ],
    [
      'a program of another type',
      { ...good, programs: [{ object: FIREWALL, attach: 'tc-ingress', device: 'server.eth0' }] },
      /firewall is of type XDP; tc-ingress takes SCHED_CLS/,
    ],
    ['no input', { hosts: good['hosts'] }, /"input" is missing/],
    [
      'input elsewhere',
      { ...good, programs: [], maps: [], input: { device: 'nobody.eth0' } },
      /there is no host nobody/,
    ],
  ])('says what is wrong: %s', async (_, content, text) => {
    const path = join(dir, 'bad.json');
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    expect(await tsbpf('net', 'run', path, '--pcap', TRAFFIC)).toBe(2);
    expect(streams.stderr).toMatch(text);
    expect(streams.stdout).toBe('');
  });

  it('needs a capture', async () => {
    expect(await tsbpf('net', 'run', TOPOLOGY)).toBe(2);
    expect(await tsbpf('net', 'run', join(dir, 'nothing.json'), '--pcap', TRAFFIC)).toBe(2);
    expect(await tsbpf('net', 'run', TOPOLOGY, '--pcap', join(dir, 'nothing.pcap'))).toBe(2);
  });
});
