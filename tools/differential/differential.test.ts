// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { Sys } from '../../packages/uapi/src/index.ts';
import { applyAllowances, compareSystems, compareTraces, formatComparison } from './compare.ts';
import { normalizeLog, normalizeTrace } from './normalize.ts';
import { commandNumber, resolve } from './script.ts';
import type { Script } from './script.ts';
import { runScript } from './trace.ts';

type Attr = Record<string, unknown>;
type Answer = (attr: Attr) => number;

/** A Sys from answers by command; fds and ids count from where it says. */
function fake(first: number, answers: Record<number, Answer> = {}): { sys: Sys; closed: number[] } {
  const closed: number[] = [];
  let next = first;
  const sys = {
    bpf: (cmd: number, attr: Attr) => answers[cmd]?.(attr) ?? next++,
    close: (fd: number) => (closed.push(fd), 0),
    readFile: () => new Uint8Array([1, 2]),
    ifNameToIndex: (name: string) => (name === 'lo' ? 1 : -19),
  } as unknown as Sys;
  return { sys, closed };
}

const STATE = { results: new Map([['m', 9]]), attrs: new Map([['s', { info: { id: 5 } }]]) };

describe('scripts', () => {
  it('resolve symbolic values', () => {
    expect(resolve({ fd: 'm' }, STATE)).toBe(9);
    expect(resolve({ out: 's.info.id' }, STATE)).toBe(5);
    expect(resolve({ out: 's.info.none' }, STATE)).toBe(0);
    expect(resolve({ u64: '18446744073709551615' }, STATE)).toBe(2n ** 64n - 1n);
    expect(resolve({ hex: 'ff00' }, STATE)).toEqual(new Uint8Array([255, 0]));
    expect(resolve({ zeros: 2 }, STATE)).toEqual(new Uint8Array(2));
    expect(resolve({ text: 'a' }, STATE)).toEqual(new Uint8Array([97, 0]));
    expect(resolve({ u32s: [1, { fd: 'm' }] }, STATE)).toEqual(new Uint8Array([1, 0, 0, 0, 9, 0, 0, 0]));
    expect(resolve({ insns: [[0x18, 1, 1, -1, { fd: 'm' }]] }, STATE)).toEqual(
      new Uint8Array([0x18, 0x11, 0xff, 0xff, 9, 0, 0, 0]),
    );
    expect(resolve({ bpf_fd: { fd: 'm' }, info: { map_ids: { room: 2 } } }, STATE)).toEqual({
      bpf_fd: 9,
      info: { map_ids: new Uint8Array([0xa5, 0xa5]) },
    });
    expect(resolve({ fd: 3 }, STATE)).toEqual({ fd: 3 });
  });

  it('refuse names that are not there', () => {
    expect(() => resolve({ fd: 'x' }, STATE)).toThrow(/called x/);
    expect(() => resolve({ out: 'x.id' }, STATE)).toThrow(/called x/);
    expect(commandNumber('BPF_PROG_LOAD')).toBe(5);
    expect(() => commandNumber('BPF_NOTHING')).toThrow(/BPF_NOTHING/);
    expect(() => runScript(fake(1).sys, { steps: [{ verb: 'fork', args: [] }] })).toThrow(/fork/);
    expect(() => runScript(fake(1).sys, { steps: [{ close: 'x' }] })).toThrow(/called x/);
  });

  it('record what was written, and close what is still open', () => {
    const { sys, closed } = fake(10, {
      1: (attr) => ((attr['value'] as Uint8Array).set([7]), 0),
      15: (attr) => (Object.assign(attr['info'] as Attr, { id: 3, name: 'n' }), (attr['info_len'] = 80), 0),
    });
    const trace = runScript(sys, {
      steps: [
        { name: 'a', bpf: 'BPF_MAP_CREATE', attr: { map_type: 1 } },
        { name: 'b', bpf: 0, attr: { map_type: 1 } },
        { bpf: 1, attr: { map_fd: { fd: 'a' }, key: { room: 4 }, value: { room: 2 } } },
        { bpf: 15, attr: { bpf_fd: { fd: 'a' }, info: { name: 'n' } } },
        { close: 'a' },
        { verb: 'ifNameToIndex', args: ['eth0'] },
        { verb: 'readFile', args: ['/x'] },
      ],
    });
    expect(trace.map(({ result }) => result)).toEqual([10, 11, 0, 0, 0, -19, 0]);
    expect(trace[2]).toMatchObject({ label: '2 1', out: { value: new Uint8Array([7, 0xa5]) } });
    expect(trace[3]?.out).toEqual({ 'info.id': 3, info_len: 80 });
    expect(trace[6]?.out).toEqual({ result: new Uint8Array([1, 2]) });
    expect(closed).toEqual([10, 11]);
  });
});

describe('normalizing', () => {
  it('names addresses by order and drops times', () => {
    const log =
      '3: (18) r1 = 0xffff888102000000\n(18) r2 = 0xff11000000000008\n(18) r1 = 0xffff888102000000\nverification time 71 usec\n';
    expect(normalizeLog(log)).toBe(
      '3: (18) r1 = <address 1>\n(18) r2 = <address 2>\n(18) r1 = <address 1>\nverification time <time>\n',
    );
    for (const text of ['var_off=(0xffffffffffffff80; 0x7f)', '(18) r1 = 0x7fffffff'])
      expect(normalizeLog(text)).toBe(text);
  });

  it('names ids by kind and keeps their relations', () => {
    const ids = new Uint8Array(new Uint32Array([70, 71, 70]).buffer);
    const [first, second] = normalizeTrace([
      { label: 'a', cmd: 15, result: 0, out: { 'info.id': 71, 'info.tag': new Uint8Array(8), 'info.btf_id': 0 } },
      { label: 'b', cmd: 15, result: 0, out: { 'info.map_ids': ids, 'info.load_time': 5n, 'info.jited_prog_len': 9 } },
    ]);
    expect(first?.out).toEqual({ 'info.id': '<prog 1>', 'info.tag': '0000000000000000', 'info.btf_id': '0' });
    expect(second?.out).toEqual({ 'info.map_ids': '<map 1> <map 2> <map 1>', 'info.load_time': '<time>' });
  });

  it('shows translated instructions with maps by name and helpers without their place', () => {
    const insns = resolve(
      {
        insns: [
          [0x18, 1, 1, 0, 42],
          [0, 0, 0, 0, 0],
          [0x85, 0, 0, 0, 70000],
          [0x85, 0, 0, 0, 5],
          [0x85, 0, 1, 0, 99999],
        ],
      },
      STATE,
    );
    const [step] = normalizeTrace([{ label: 'a', cmd: 15, result: 0, out: { 'info.xlated_prog_insns': insns } }]);
    expect(step?.out['info.xlated_prog_insns']?.split('\n')).toEqual([
      '18 1 1 0 <map 1>',
      '00 0 0 0 0',
      '85 0 0 0 <helper>',
      '85 0 0 0 5',
      '85 0 1 0 99999',
    ]);
  });

  it('names fds only where the command makes one', () => {
    const step = (cmd: number, result: number) => ({ label: '', cmd, result, out: {} });
    expect(normalizeTrace([step(0, 9), step(1, 0), step(5, -13)]).map(({ result }) => result)).toEqual(['fd', 0, -13]);
  });
});

describe('comparing', () => {
  const script: Script = {
    title: 't',
    steps: [
      { name: 'm', bpf: 0, attr: { map_type: 1 } },
      { name: 'load', bpf: 5, attr: { prog_type: 1, insns: { room: 8 }, license: 'GPL', log_buf: { room: 64 } } },
      { bpf: 12, attr: { start_id: 0 } },
    ],
  };
  const say =
    (log: string, result: number): Answer =>
    (attr) => {
      new TextEncoder().encodeInto(`${log}\0`, attr['log_buf'] as Uint8Array);
      return result;
    };
  const next =
    (id: number): Answer =>
    (attr) => ((attr['next_id'] = id), 0);

  it('finds two systems equal that chose different numbers', () => {
    const left = fake(3, { 5: say('0: (18) r1 = 0xffff888000000000\n', -13), 12: next(4) });
    const right = fake(90, { 5: say('0: (18) r1 = 0xffff88810ab00000\n', -13), 12: next(77) });
    expect(compareSystems(left.sys, right.sys, script)).toEqual({
      title: 't',
      steps: 3,
      differences: [],
      allowed: [],
      unused: [],
    });
  });

  it('reports errno, text and fields written by one side only, in script order', () => {
    const left = fake(3, { 5: say('a\nb\n', -13), 12: next(4) });
    const right = fake(3, { 5: say('a\nc\n', -22), 12: () => -2 });
    const comparison = compareSystems(left.sys, right.sys, script);
    expect(comparison.differences).toEqual([
      { position: 1, label: 'load', path: 'result', left: '-EACCES', right: '-EINVAL' },
      { position: 1, label: 'load', path: 'log_buf', left: 'a\nb\n', right: 'a\nc\n' },
      { position: 2, label: '2 12', path: 'result', left: '0', right: '-ENOENT' },
      { position: 2, label: '2 12', path: 'next_id', left: '<map 1>', right: undefined },
    ]);
    expect(formatComparison(comparison)).toBe(
      [
        't: 3 steps, 4 differences, 0 allowed',
        '  #1 load: result',
        '    - -EACCES',
        '    + -EINVAL',
        '  #1 load: log_buf',
        '    line 2:',
        '    - b',
        '    + c',
        '  #2 2 12: result',
        '    - 0',
        '    + -ENOENT',
        '  #2 2 12: next_id',
        '    - <map 1>',
        '    + (nothing)',
      ].join('\n'),
    );
  });

  it('finds a wrong relation of ids', () => {
    const twice: Script = { steps: [script.steps[2]!, script.steps[2]!] };
    const ids =
      (...list: number[]): Answer =>
      (attr) => ((attr['next_id'] = list.shift()), 0);
    const { differences } = compareSystems(fake(1, { 12: ids(5, 5) }).sys, fake(1, { 12: ids(5, 6) }).sys, twice);
    expect(differences).toMatchObject([{ position: 1, left: '<map 1>', right: '<map 2>' }]);
  });

  it('lets a rule explain a difference, and says which rules explain nothing', () => {
    const differences = [
      { position: 0, label: 'load', path: 'result', left: '-EACCES', right: 'fd' },
      { position: 0, label: 'load', path: 'log_buf', left: 'x', right: undefined },
    ];
    const sorted = applyAllowances(differences, [
      { rule: 'bounds-32', step: '^load$', path: '^result$', left: 'EACCES', right: '^fd$' },
      { rule: 'never', step: 'other' },
      { rule: 'wrong-side', path: 'log_buf', right: '.' },
    ]);
    expect(sorted.allowed.map(({ rule }) => rule)).toEqual(['bounds-32']);
    expect(sorted.differences).toEqual([differences[1]]);
    expect(sorted.unused).toEqual(['never', 'wrong-side']);
  });

  it('notices a missing step', () => {
    const step = { label: 'a', result: 0, out: {} };
    expect(compareTraces([step], [])).toEqual([
      { position: 0, label: 'a', path: 'result', left: '0', right: undefined },
    ]);
  });
});
