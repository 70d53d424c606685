// SPDX-License-Identifier: MIT
// Arguments of a helper call against its prototype, as they are when it is called.
import type { ArgType, BpfMap, HelperRow, MapFacts } from '@tsbpf/core';
import type { FaultError } from '@tsbpf/uapi';
import type { RunState } from '../run/state.ts';
import { addressOf, type Range } from './access.ts';

/** What finds fault; the checker. */
interface ArgChecker {
  range(idx: number, addr: bigint, lenBytes: number, write: boolean): Range;
  read(idx: number, range: Range): void;
  wrote(range: Range): void;
  fault(idx: number, what: string, addr?: bigint): FaultError;
}

interface Argument {
  readonly type: ArgType;
  readonly reg: number;
  readonly addr: bigint;
}

/** What a pointer argument points at: bytes, and whether the helper writes or reads them. */
interface Pointee {
  readonly arg: Argument;
  readonly lenBytes: number;
  readonly reads: boolean;
  readonly writes: boolean;
}

const SIZES: readonly ArgType[] = ['ARG_CONST_SIZE', 'ARG_CONST_SIZE_OR_ZERO'];
const OR_NULL: readonly ArgType[] = ['ARG_PTR_TO_MEM_OR_NULL', 'ARG_PTR_TO_MAP_VALUE_OR_NULL'];

function argumentsOf(run: RunState, row: HelperRow): Argument[] {
  return row.proto.args.map((type, i) => ({ type, reg: i + 1, addr: addressOf(run, i + 1, 0) }));
}

function mapOf(run: RunState, args: readonly Argument[]): MapFacts | undefined {
  const arg = args.find(({ type }) => type === 'ARG_CONST_MAP_PTR');
  if (arg === undefined) return undefined;
  return run.host.kernel?.objects.get<BpfMap>(Number(arg.addr & 0xffffffffn), 'map');
}

function pointees(run: RunState, row: HelperRow): Pointee[] {
  const args = argumentsOf(run, row);
  const map = mapOf(run, args);
  const found: Pointee[] = [];
  const add = (arg: Argument, lenBytes: number, reads: boolean, writes: boolean): void => {
    if (lenBytes > 0 && !(arg.addr === 0n && OR_NULL.includes(arg.type))) found.push({ arg, lenBytes, reads, writes });
  };
  args.forEach((arg, i) => {
    const size = args[i + 1];
    const bytes = size !== undefined && SIZES.includes(size.type) ? Number(BigInt.asUintN(32, size.addr)) : 0;
    switch (arg.type) {
      case 'ARG_PTR_TO_MAP_KEY':
        return add(arg, map?.keySize ?? 0, true, false);
      case 'ARG_PTR_TO_MAP_VALUE':
      case 'ARG_PTR_TO_MAP_VALUE_OR_NULL':
        return add(arg, map?.valueSize ?? 0, true, false);
      case 'ARG_PTR_TO_UNINIT_MAP_VALUE':
        return add(arg, map?.valueSize ?? 0, false, true);
      case 'ARG_PTR_TO_MEM':
      case 'ARG_PTR_TO_MEM_OR_NULL':
        return add(arg, bytes, true, false);
      case 'ARG_PTR_TO_UNINIT_MEM':
        return add(arg, bytes, false, true);
      case 'ARG_PTR_TO_SPIN_LOCK':
        return add(arg, 4, false, true);
      case 'ARG_PTR_TO_INT':
        return add(arg, 4, false, true);
      case 'ARG_PTR_TO_LONG':
        return add(arg, 8, false, true);
      case 'ARG_PTR_TO_SOCKET':
      case 'ARG_PTR_TO_SOCK_COMMON':
        return add(arg, 1, true, false);
    }
  });
  return found;
}

/** @errno EFAULT FaultError: an argument is not what the prototype says */
export function checkHelperArgs(
  checker: ArgChecker,
  run: RunState,
  idx: number,
  row: HelperRow,
  written: number,
): void {
  const { variant } = row;
  const args = argumentsOf(run, row);
  for (const { type, reg, addr } of args) {
    if ((written & (1 << reg)) === 0) {
      throw checker.fault(idx, `R${reg}, argument ${reg} of ${variant}, was not written`);
    }
    if (type === 'ARG_CONST_MAP_PTR' && mapOf(run, args) === undefined) {
      throw checker.fault(idx, `argument ${reg} of ${variant} is no map`, addr);
    }
    if (type === 'ARG_PTR_TO_CTX' && Number(addr & 0xffffffffn) !== run.ctx) {
      throw checker.fault(idx, `argument ${reg} of ${variant} is not the context`, addr);
    }
  }
  for (const { arg, lenBytes, reads, writes } of pointees(run, row)) {
    const range = checker.range(idx, arg.addr, lenBytes, writes);
    if (reads) checker.read(idx, range);
    // Nothing can look in between, so what the helper will write counts as written.
    if (writes) checker.wrote(range);
  }
}
