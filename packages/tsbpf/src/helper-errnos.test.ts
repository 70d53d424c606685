// SPDX-License-Identifier: MIT
// What helpers answer when they refuse, by programs that call them: one row for each helper and errno. What other test
// files have is not repeated; `tools/helper-tests` checks that between them nothing is missing.
import { describe, expect, it } from 'vitest';
import { answerText } from '@tsbpf/testkit';
import {
  BPF_CGROUP_SYSCTL,
  BPF_MAP_CREATE,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_CGROUP_SYSCTL,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_PROG_TYPE_XDP,
  assembleSource,
  createKernel,
  createMap,
  encodeInsns,
  type MapCreateAttr,
  type SimulatedKernel,
} from './index.ts';

const engines = ['interpreter', 'jit'] as const;
type Maps = Readonly<Record<string, Partial<MapCreateAttr> & { map_type: number }>>;

function makeMaps(kernel: SimulatedKernel, maps: Maps): Record<string, number> {
  const plain = { key_size: 4, value_size: 8, max_entries: 2 };
  return Object.fromEntries(
    Object.entries(maps).map(([name, attr]) => [name, kernel.bpf(BPF_MAP_CREATE, { ...plain, ...attr })]),
  );
}

function load(kernel: SimulatedKernel, prog_type: number, source: string, maps: Record<string, number>): number {
  const log_buf = new Uint8Array(1 << 15);
  const insns = encodeInsns(assembleSource(source, { maps }).insns);
  const fd = kernel.bpf(BPF_PROG_LOAD, { prog_type, insns, license: 'GPL', log_level: 1, log_buf });
  expect(fd, new TextDecoder().decode(log_buf)).toBeGreaterThan(0);
  return fd;
}

/** A key of 0 at fp-4 and a value of 0 at fp-16; R6 the context. */
const PROLOGUE = 'r6 = r1\n*(u32 *)(r10 - 4) = 0\n*(u64 *)(r10 - 16) = 0\n';
const key = (at: number): string => `*(u32 *)(r10 - 4) = ${at}\nr1 = m ll\nr2 = r10\nr2 += -4\n`;
const update = (at: number, flags: number): string => `${key(at)}r3 = r10\nr3 += -16\nr4 = ${flags}\ncall 2\n`;
const remove = (at: number): string => `${key(at)}call 3\n`;
const push = (flags: number): string => `r1 = m ll\nr2 = r10\nr2 += -16\nr3 = ${flags}\ncall 87\n`;
const take = (id: number): string => `r1 = m ll\nr2 = r10\nr2 += -16\ncall ${id}\n`;
const output = (low: string): string =>
  `r1 = r6\nr2 = m ll\nr3 = ${low}${low.includes('ll') ? '' : ' ll'}\nr4 = r10\nr4 += -16\nr5 = 8\ncall 25\n`;

interface Row {
  readonly helper: string;
  readonly what: string;
  readonly answer: string;
  readonly type?: number;
  readonly maps?: Maps;
  /** Instructions behind the prologue; R0 at the end is the answer. */
  readonly source: string;
  readonly setUp?: (kernel: SimulatedKernel, maps: Record<string, number>) => void;
}

const HASH: Maps = { m: { map_type: 1 } };
const ARRAY: Maps = { m: { map_type: 2 } };
const EVENTS: Maps = { m: { map_type: 4, value_size: 4 } };
const putEvent =
  (config: bigint, cpu: number) =>
  (kernel: SimulatedKernel, maps: Record<string, number>): void => {
    const fd = kernel.perfEventOpen({ type: 1, config, pid: -1, cpu });
    const value = new Uint8Array(new Uint32Array([fd]).buffer);
    expect(kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: maps.m ?? -1, key: new Uint8Array(4), value })).toBe(0);
  };

const rows: readonly Row[] = [
  {
    helper: 'map_update_elem',
    what: 'a key that is there',
    answer: 'EEXIST',
    maps: HASH,
    source: update(1, 0) + update(1, 1),
  },
  { helper: 'map_update_elem', what: 'a key that is not', answer: 'ENOENT', maps: HASH, source: update(1, 2) },
  { helper: 'map_update_elem', what: 'flags beyond EXIST', answer: 'EINVAL', maps: HASH, source: update(1, 3) },
  {
    helper: 'map_update_elem',
    what: 'a full hash',
    answer: 'E2BIG',
    maps: HASH,
    source: update(1, 0) + update(2, 0) + update(3, 0),
  },
  { helper: 'map_update_elem', what: 'an index beyond the array', answer: 'E2BIG', maps: ARRAY, source: update(2, 0) },
  { helper: 'map_update_elem', what: 'an array element as new', answer: 'EEXIST', maps: ARRAY, source: update(1, 1) },
  { helper: 'map_delete_elem', what: 'an array element', answer: 'EINVAL', maps: ARRAY, source: remove(1) },
  { helper: 'map_delete_elem', what: 'a key that is not there', answer: 'ENOENT', maps: HASH, source: remove(1) },
  {
    helper: 'map_push_elem',
    what: 'flags',
    answer: 'EINVAL',
    maps: { m: { map_type: 22, key_size: 0 } },
    source: push(1),
  },
  {
    helper: 'map_push_elem',
    what: 'a full queue',
    answer: 'E2BIG',
    maps: { m: { map_type: 22, key_size: 0 } },
    source: push(0) + push(0) + push(0),
  },
  {
    helper: 'map_push_elem',
    what: 'a full stack whose oldest goes',
    answer: '0',
    maps: { m: { map_type: 23, key_size: 0 } },
    source: push(0) + push(0) + push(2),
  },
  {
    helper: 'map_pop_elem',
    what: 'an empty queue',
    answer: 'ENOENT',
    maps: { m: { map_type: 22, key_size: 0 } },
    source: take(88),
  },
  {
    helper: 'map_peek_elem',
    what: 'an empty stack',
    answer: 'ENOENT',
    maps: { m: { map_type: 23, key_size: 0 } },
    source: take(89),
  },
  {
    helper: 'redirect_map',
    what: 'an empty slot, and the flags for an action',
    answer: '1',
    type: BPF_PROG_TYPE_XDP,
    maps: { m: { map_type: 14, value_size: 4 } },
    source: 'r1 = m ll\nr2 = 1\nr3 = 1\ncall 51\n',
  },
  {
    helper: 'redirect_map',
    what: 'flags that are no action: XDP_ABORTED',
    answer: '0',
    type: BPF_PROG_TYPE_XDP,
    maps: { m: { map_type: 14, value_size: 4 } },
    source: 'r1 = m ll\nr2 = 1\nr3 = 9\ncall 51\n',
  },
  { helper: 'perf_event_output', what: 'an index beyond the map', answer: 'E2BIG', maps: EVENTS, source: output('7') },
  { helper: 'perf_event_output', what: 'an empty slot', answer: 'ENOENT', maps: EVENTS, source: output('1') },
  {
    helper: 'perf_event_output',
    what: 'reserved flags',
    answer: 'EINVAL',
    maps: EVENTS,
    source: output('0x0010000000000000'),
  },
  {
    helper: 'perf_event_output',
    what: 'an event that takes no samples of programs',
    answer: 'EINVAL',
    maps: EVENTS,
    source: output('0'),
    setUp: putEvent(0n, 0),
  },
  {
    helper: 'perf_event_output',
    what: 'an event of another CPU',
    answer: 'EOPNOTSUPP',
    maps: EVENTS,
    source: output('0'),
    setUp: putEvent(10n, 1),
  },
  {
    helper: 'perf_event_output',
    what: 'more of the packet than there is',
    answer: 'EFAULT',
    maps: EVENTS,
    source: output('0x0000ffff00000000'),
    setUp: putEvent(10n, 0),
  },
  {
    helper: 'skb_under_cgroup',
    what: 'an index beyond the map',
    answer: 'E2BIG',
    maps: { m: { map_type: 8, value_size: 4 } },
    source: 'r1 = r6\nr2 = m ll\nr3 = 7\ncall 33\n',
  },
  {
    helper: 'skb_under_cgroup',
    what: 'an empty slot',
    answer: 'EAGAIN',
    maps: { m: { map_type: 8, value_size: 4 } },
    source: 'r1 = r6\nr2 = m ll\nr3 = 1\ncall 33\n',
  },
];

describe.each(engines)('on the %s', (engine) => {
  it.each(rows)('$helper: $what', (row) => {
    const kernel = createKernel({ engine });
    const maps = makeMaps(kernel, row.maps ?? {});
    row.setUp?.(kernel, maps);
    const type = row.type ?? BPF_PROG_TYPE_SCHED_CLS;
    const prog_fd = load(kernel, type, `${PROLOGUE}${row.source}exit\n`, maps);
    const attr = { prog_fd, data_in: new Uint8Array(64), retval: 0 };
    expect(kernel.bpf(BPF_PROG_TEST_RUN, attr)).toBe(0);
    expect(answerText(attr.retval | 0)).toBe(row.answer);
  });

  it('skb_cgroup_id and skb_ancestor_cgroup_id name the cgroups of the socket, and 0 for none', () => {
    const kernel = createKernel({ engine });
    const ask = (call: string): number => {
      const prog_fd = load(kernel, BPF_PROG_TYPE_SCHED_CLS, `r6 = r1\n${call}exit\n`, {});
      const attr = { prog_fd, data_in: new Uint8Array(64), retval: 0 };
      expect(kernel.bpf(BPF_PROG_TEST_RUN, attr)).toBe(0);
      return attr.retval;
    };
    const root = Number(kernel.cgroups.root.id);
    expect(ask('call 79\n')).toBe(root);
    expect(ask('r2 = 0\ncall 83\n')).toBe(root);
    expect(ask('r2 = 5\ncall 83\n')).toBe(0);
  });
});

/** What sysctl helpers answer, put into an array: `name`, `base`, `short`, `current`, `new`, `set`. */
const NOTE = (slot: number): string => `
  r7 = r0
  *(u32 *)(r10 - 4) = ${slot}
  r1 = m ll
  r2 = r10
  r2 += -4
  call 1
  if r0 == 0 goto out
  *(u64 *)(r0 + 0) = r7
`;
const ask = (id: number, size: number, more = ''): string =>
  `r1 = r6\nr2 = r10\nr2 += -72\nr3 = ${size}\n${more}call ${id}\n`;
const fill = Array.from({ length: 8 }, (_, i) => `*(u64 *)(r10 - ${72 - 8 * i}) = 0x3131\n`).join('');

describe.each(engines)('sysctl helpers on the %s', (engine) => {
  const SOURCE = [
    'r6 = r1\n',
    fill,
    ask(101, 64, 'r4 = 0\n') + NOTE(0),
    ask(101, 64, 'r4 = 1\n') + NOTE(1),
    ask(101, 4, 'r4 = 0\n') + NOTE(2),
    ask(102, 64) + NOTE(3),
    ask(102, 1) + NOTE(4),
    ask(103, 64) + NOTE(5),
    ask(103, 1) + NOTE(6),
    `*(u64 *)(r10 - 72) = 0x31\n${ask(104, 1)}` + NOTE(7),
    'out:\nr0 = 1\nexit\n',
  ].join('');

  function setUp() {
    const kernel = createKernel({ engine });
    const map = createMap<number, bigint>(kernel, { type: 2, keySize: 4, valueSize: 8, maxEntries: 8 });
    const prog = load(kernel, BPF_PROG_TYPE_CGROUP_SYSCTL, SOURCE, { m: map.fd });
    const target_fd = kernel.open('/sys/fs/cgroup', 0);
    const attach = { target_fd, attach_bpf_fd: prog, attach_type: BPF_CGROUP_SYSCTL };
    expect(kernel.bpf(BPF_PROG_ATTACH, attach)).toBe(0);
    const answers = (): string[] => [...map.values()].map((value) => answerText(Number(BigInt.asIntN(64, value))));
    return { task: kernel.cgroups.spawn({}), answers };
  }

  it('sysctl_get_name, sysctl_get_current_value, sysctl_get_new_value and sysctl_set_new_value while it is read', () => {
    const { task, answers } = setUp();
    expect(task.readSysctl('net.ipv4.ip_forward')).toBe('0\n');
    expect(answers()).toEqual(['19', '10', 'E2BIG', '2', 'E2BIG', 'EINVAL', 'EINVAL', 'EINVAL']);
  });

  it('and while it is written', () => {
    const { task, answers } = setUp();
    // As many bytes as the program put in their place.
    expect(task.writeSysctl('net.ipv4.ip_forward', '0\n')).toBe(1);
    expect(answers()).toEqual(['19', '10', 'E2BIG', '2', 'E2BIG', '2', 'E2BIG', '0']);
    expect(task.readSysctl('net.ipv4.ip_forward')).toBe('1\n');
  });
});
