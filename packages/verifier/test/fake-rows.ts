// SPDX-License-Identifier: MIT
// Rows of program types made from the reference's table of accepted context accesses: enough to verify against, without
// the packages that have the real rows.
import { readFileSync } from 'node:fs';
import {
  type AccessInfo,
  type HelperChoice,
  PROG_TYPE_HELPERS,
  type ProgFacts,
  type ProgTypeDef,
  type PtrClassOps,
  type RegType,
  type ReturnRange,
  helperChooser,
} from '@tsbpf/core';
import { BPF_ATTACH_TYPE_NAMES, BPF_PROG_TYPE_NAMES } from '@tsbpf/uapi';

type Entry = readonly [off: number, size: number, dir: 'R' | 'W', type: string | null, width: number];
interface Matrix {
  readonly variants: Readonly<Record<string, { readonly accept: readonly Entry[] }>>;
}
type Table = ReadonlyMap<string, AccessInfo>;

const key = (off: number, size: number, write: boolean): string => `${off}/${size}/${write ? 'W' : 'R'}`;

/** The name of a register type in the reference's table. */
function regType(name: string | null): RegType {
  if (name === null || name === 'SCALAR') return 'SCALAR_VALUE';
  return (name.startsWith('PTR_') || name.startsWith('CONST_') ? name : `PTR_TO_${name}`) as RegType;
}

function tableOf(entries: readonly Entry[]): Table {
  return new Map(
    entries.map(([off, size, dir, type, width]) => [
      key(off, size, dir === 'W'),
      { regType: regType(type), ctxFieldSize: width },
    ]),
  );
}

function packetAccess(name: string): 'none' | 'read' | 'read-write' {
  if (/^(SCHED_CLS|SCHED_ACT|XDP|LWT_XMIT|SK_SKB|SK_MSG|CGROUP_SOCKOPT)$/.test(name)) return 'read-write';
  return /^(LWT_IN|LWT_OUT|LWT_SEG6LOCAL|SK_REUSEPORT|FLOW_DISSECTOR|CGROUP_SKB)$/.test(name) ? 'read' : 'none';
}

function returnRange(name: string, facts: ProgFacts): ReturnRange | undefined {
  const attach = BPF_ATTACH_TYPE_NAMES[facts.expectedAttachType] ?? '';
  switch (name) {
    case 'CGROUP_SOCK_ADDR':
      return { lo: attach.endsWith('RECVMSG') ? 1 : 0, hi: 1 };
    case 'CGROUP_SKB':
      return attach.endsWith('EGRESS') ? { lo: 0, hi: 3, enforceAttachIn: [2, 3] } : { lo: 0, hi: 1 };
    case 'CGROUP_SOCK':
    case 'SOCK_OPS':
    case 'CGROUP_DEVICE':
    case 'CGROUP_SYSCTL':
    case 'CGROUP_SOCKOPT':
      return { lo: 0, hi: 1 };
    default:
      return undefined;
  }
}

/** Rows of all program types, and of the socket classes, from the reference's table. */
export function fakeRows(matrixFile: string): { types: Map<number, ProgTypeDef>; classes: Map<RegType, PtrClassOps> } {
  const matrix = JSON.parse(readFileSync(matrixFile, 'utf8')) as Matrix;
  const tables = new Map(Object.entries(matrix.variants).map(([name, { accept }]) => [name, tableOf(accept)]));
  const tableFor = (name: string, facts: ProgFacts): Table | undefined => {
    const attach = BPF_ATTACH_TYPE_NAMES[facts.expectedAttachType] ?? '';
    const candidates = [
      `${name}/${attach}`,
      `${name}(${facts.privileged ? 'priv' : 'unpriv'})`,
      ...(facts.devBound ? [`${name}(device-bound)`] : []),
    ];
    for (const candidate of candidates) if (tables.has(candidate)) return tables.get(candidate);
    for (const [variant, table] of tables) if (variant.split('|').includes(name)) return table;
    return undefined;
  };

  const types = new Map<number, ProgTypeDef>();
  for (const [number, full] of Object.entries(BPF_PROG_TYPE_NAMES)) {
    const type = Number(number);
    const name = full.replace('BPF_PROG_TYPE_', '');
    const helpers = (PROG_TYPE_HELPERS as Readonly<Record<string, readonly HelperChoice[]>>)[name] ?? [];
    types.set(type, {
      type,
      name: name.toLowerCase(),
      since: '5.6',
      progCtx: undefined,
      kernelCtx: undefined,
      verifier: {
        getFuncProto: helperChooser(helpers),
        isValidAccess({ off, size, write, prog }) {
          if (name === 'TRACEPOINT') {
            const ok = off >= 8 && off < 2048 && off % size === 0 && !write;
            return ok ? { regType: 'SCALAR_VALUE', ctxFieldSize: 0 } : undefined;
          }
          return tableFor(name, prog)?.get(key(off, size, write));
        },
        packetAccess: packetAccess(name),
        packetPointersToAnyHelper: name === 'CGROUP_SOCKOPT',
        ldAbs: name === 'SOCKET_FILTER' || name === 'SCHED_CLS' || name === 'SCHED_ACT',
        returnRange: (facts) => returnRange(name, facts),
      },
      ops: {},
    });
  }
  const classes = new Map<RegType, PtrClassOps>();
  for (const [variant, table] of tables) {
    const match = /^\(via (\w+)\) (\w+)$/.exec(variant);
    if (match === null) continue;
    const cls = match[1] as RegType;
    classes.set(cls, {
      regType: cls,
      progStruct: match[2],
      isValidAccess: ({ off, size, write }) => table.get(key(off, size, write)),
      convertAccess: ({ insn, size }) => ({ insns: [insn], targetSize: size }),
    });
  }
  return { types, classes };
}
