// SPDX-License-Identifier: MIT
// struct_ops and map verbs in a batch. The expected text is what Debian's bpftool 7.1 prints for the same objects; ids,
// and members that Linux 5.6 does not have, apart.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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

const example = (name: string): string => fileURLToPath(new URL(`../../../../examples/${name}`, import.meta.url));
const [RENO, DCTCP] = [example('tcp-congestion/reno.bpf.o'), example('tcp-congestion/dctcp.bpf.o')];
const POLICER = example('tc-policer/policer.bpf.o');

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsbpf-struct-ops-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function run(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  streams.stdout = '';
  streams.stderr = '';
  const status = await runCommand(args);
  return { status, out: streams.stdout, err: stripVTControlCharacters(streams.stderr) };
}
async function batch(...lines: string[]) {
  writeFileSync(join(dir, 'batch'), `${lines.join('\n')}\n`);
  return run('batch', join(dir, 'batch'));
}

const MAP = [
  '1: struct_ops  name bpf_reno  flags 0x0',
  '\tkey 4B  value 256B  max_entries 1  memlock 4096B',
  '\tbtf_id N',
];
const SHOWN = `1: bpf_reno        tcp_congestion_ops              `;

describe('struct_ops in a batch', () => {
  it('registers, shows and unregisters', async () => {
    const { status, out } = await batch(
      `struct_ops register ${RENO}`,
      'struct_ops show',
      'struct_ops list id 1',
      'struct_ops',
      'map show',
      '-j struct_ops show',
      '-j struct_ops unregister id 1',
      'struct_ops show',
      'map show',
      '-j map list',
      `struct_ops register ${RENO}`,
      'struct_ops unregister name bpf_reno',
    );
    expect(out.replace(/btf_id \d+/, 'btf_id N').split('\n')).toEqual([
      'Registered tcp_congestion_ops bpf_reno id 1',
      ...[SHOWN, SHOWN, SHOWN],
      ...MAP,
      '[{"id":1,"name":"bpf_reno","kernel_struct_ops":"tcp_congestion_ops"}]',
      'null',
      '[]',
      'Registered tcp_congestion_ops bpf_reno id 2',
      'Unregistered tcp_congestion_ops bpf_reno id 2',
      '',
    ]);
    expect(status).toBe(0);
  });

  it('dumps: functions by their programs, maps by the value as it is', async () => {
    const { out } = await batch(
      `struct_ops register ${DCTCP}`,
      'struct_ops dump name bpf_dctcp',
      '-j struct_ops dump',
      'map dump name bpf_dctcp',
      '-j map dump id 1',
      `map dump ${DCTCP} bpf_dctcp`,
    );
    const lines = out.split('\n');
    expect(out).toMatch(/^ {16}"ssthresh": "u32 \(struct sock \*\) dctcp_ssthresh\/prog_id:\d+",$/m);
    expect(out).toMatch(/^ {16}"cong_avoid": "void \(struct sock \*, u32, u32\) dctcp_grow\/prog_id:\d+",$/m);
    expect(lines).toContain('                "pkts_acked": "void (struct sock *, const struct ack_sample *) 0",');
    expect(lines).toContain('                "owner": (nil)');
    expect(lines.filter((line) => line === '            "state": "BPF_STRUCT_OPS_STATE_INUSE",')).toHaveLength(3);
    expect(lines.filter((line) => /^ {16}"ssthresh": 0x[0-9a-f]+,$/.test(line))).toHaveLength(2);
    const [structOps, map] = lines.filter((line) => /^\[\{"/.test(line)).map((line) => JSON.parse(line) as unknown[]);
    expect(structOps).toMatchObject([
      { bpf_map_info: { type: 26, id: 1, name: 'bpf_dctcp', value_size: 256, btf_value_type_id: 0 } },
      {
        bpf_struct_ops_tcp_congestion_ops: {
          refcnt: { refs: { counter: 1 } },
          state: 'BPF_STRUCT_OPS_STATE_INUSE',
          data: {
            flags: 2,
            init: expect.stringMatching(/^void \(struct sock \*\) dctcp_init\/prog_id:\d+$/) as unknown,
            name: 'bpf_dctcp',
            owner: 0,
          },
        },
      },
    ]);
    expect(map).toMatchObject([
      { formatted: { value: { data: { ssthresh: expect.any(Number) as unknown, set_state: 0 } } } },
    ]);
  });

  it('sockets hold the table, and the dump says how many', async () => {
    const { out } = await batch(
      `tcp run ${RENO} --link 10mbit,5ms --duration 1s`,
      '-j struct_ops dump name bpf_reno',
      `tcp run ${RENO} --link 10mbit,5ms --duration 1s --cc bpf_reno,reno --flows 2`,
    );
    expect(out).toContain('"counter":1');
    expect(out.match(/bpf_reno +\d/g)).toHaveLength(2);
  });

  it.each<[string, string[], string, string]>([
    ['no such name', ['show', 'name', 'nope'], 'Error: no struct_ops found for nope\n', ''],
    ['no such name, JSON', ['-j', 'show', 'name', 'nope'], '', '[]\n'],
    ['no such id', ['show', 'id', '7'], "Error: can't get map by id (7): No such file or directory\n", ''],
    ['nothing to dump', ['dump', 'name', 'nope'], '', '[]\n'],
    ['nothing to unregister', ['unregister', 'name', 'nope'], 'Error: no struct_ops found for nope\n', ''],
    ['no table', ['register', POLICER], `Error: no struct_ops found in ${POLICER}\n`, ''],
    ['no table, JSON', ['-j', 'register', POLICER], '', `{"error":"no struct_ops found in ${POLICER}"}\n`],
  ])('%s', async (_name, [first, ...rest], err, out) => {
    const args = first === '-j' ? ['-j', 'struct_ops', ...rest] : ['struct_ops', first, ...rest];
    expect(await run(...args)).toEqual({ status: 255, out, err });
  });

  it.each([['bogus'], ['register'], ['unregister'], ['show', 'foo'], ['show', 'name', 'a', 'b']])(
    'says how it is used: %s',
    async (...words) => {
      const { status, err } = await run('struct_ops', ...words);
      expect(status).toBe(255);
      expect(err).toContain('Usage: bpftool struct_ops { show | list } [STRUCT_OPS_MAP]\n');
    },
  );

  it('what cannot be done says why', async () => {
    expect(await batch(`struct_ops register ${RENO}`, `struct_ops register ${RENO}`)).toMatchObject({
      status: 255,
      err: expect.stringContaining("Error: can't register struct_ops bpf_reno: Device or resource busy\n") as unknown,
    });
    expect(await run('map', 'show', 'id', '9')).toMatchObject({
      status: 255,
      err: 'Error: get map by id (9): No such file or directory\n',
    });
    expect((await run('map', 'show', 'name', 'x')).status).toBe(255);
  });
});

describe('tcp run', () => {
  it('prints a summary and writes charts and CSV, the same each time', async () => {
    const args = ['tcp', 'run', DCTCP, '--link', '20mbit,5ms', '--flows', '2', '--duration', '3s', '--out'];
    const { status, out } = await run(...args, join(dir, 'a'));
    expect(status).toBe(0);
    expect(out).toMatch(/^bpf_dctcp over 20mbit,5ms, 3 s$/m);
    expect(out).toMatch(/^0 +bpf_dctcp +\d+\.\d\d +\d+\.\d +\d+\.\d +\d+$/m);
    expect(out).toMatch(/^link: 9\d\.\d% used, .* marked$/m);
    expect(out).toMatch(/^Jain's index: 0\.9\d+$/m);
    await run(...args, join(dir, 'b'));
    for (const name of ['cwnd.svg', 'rtt.svg', 'queue.svg', 'throughput.svg', 'flows.csv', 'links.csv']) {
      const text = readFileSync(join(dir, 'a', name), 'utf8');
      expect(text).toBe(readFileSync(join(dir, 'b', name), 'utf8'));
      expect(text.startsWith(name.endsWith('.svg') ? '<svg xmlns=' : 'time_s,')).toBe(true);
    }
    const rows = readFileSync(join(dir, 'a', 'flows.csv'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(rows).toHaveLength(1 + 2 * 1001);
    expect(rows[1000].split(',')).toHaveLength(rows[0].split(',').length);
  });

  it('built-in controls need no object', async () => {
    const { out } = await run('tcp', 'run', '--cc', 'reno,cubic', '--link', '10mbit,5ms', '--flows', '2', '--json');
    const report = JSON.parse(out) as { flows: { control: string }[]; links: { utilisation: number }[] };
    expect(report.flows.map(({ control }) => control)).toEqual(['reno', 'cubic']);
    expect(report.links[0].utilisation).toBeGreaterThan(0.9);
  });

  it.each<[string[], RegExp]>([
    [['--cc', 'reno'], /say over which link/],
    [['--link', '10mbit,5ms'], /say which congestion control: an object, or --cc with one of cubic, reno/],
    [['--cc', 'vegas', '--link', '10mbit,5ms'], /--cc vegas: there are cubic, reno/],
    [['--cc', 'reno', '--link', '10mbit'], /a link needs a rate and a delay/],
    [['--cc', 'reno', '--link', '10mbit,5ms,fast'], /"fast" is none of a rate/],
    [['--cc', 'reno', '--link', '10mbit,5ms,queue=0'], /queue 0: a whole number from 1/],
    [['--cc', 'reno', '--link', '10mbit,5ms', '--loss', '120%'], /a part looks like 0\.1%/],
    [['--cc', 'reno', '--link', '10mbit,5ms', '--flows', '0'], /--flows 0: a whole number from 1/],
    [['--cc', 'reno', '--link', '10mbit,5ms', '--duration', 'soon'], /a time looks like/],
    [['--cc', 'reno', '--link', '10mbit,5ms', '--flows', '9', '--stagger', '9s'], /connection 4 would begin after 30s/],
    [[POLICER, '--link', '10mbit,5ms'], /has no congestion control/],
  ])('refuses %j', async (args, says) => {
    const { status, err } = await run('tcp', 'run', ...args);
    expect({ status, err }).toEqual({ status: 2, err: expect.stringMatching(says) as unknown });
  });
});
