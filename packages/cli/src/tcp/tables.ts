// SPDX-License-Identifier: MIT
// Tables of functions in an object's struct_ops maps.
import { BpfError, type BpfMap, type BpfObject, type SimulatedKernel } from 'tsbpf';
import { UNSUPPORTED } from '../exit-status.ts';
import { CommandFailure } from '../failure.ts';
import { note } from '../output/streams.ts';

const KEY = new Uint8Array(4);
const TCP_VALUE = 'bpf_struct_ops_tcp_congestion_ops';
const INIT = 0;
const NAME_BYTES = 16;

/** The struct_ops maps of a loaded object. */
export function tableMaps(obj: BpfObject): BpfMap[] {
  return [...obj.maps].filter((map) => map.kind === 'struct_ops' && map.exists);
}

/** Says what v5.6 would not: that it knows no links to tables. */
export function refuseLinks(path: string, obj: BpfObject): void {
  const link = [...obj.maps].find((map) => map.spec.structOps?.link === true);
  if (link === undefined) return;
  throw new CommandFailure(
    `${path}: ${link.name} is in SEC(".struct_ops.link"), which is since Linux 6.4: put it into SEC(".struct_ops")`,
    UNSUPPORTED,
  );
}

/** Registers those that were not yet. One that cannot be is passed over with a note, unless none can. */
export function registerNew(obj: BpfObject, kernel: SimulatedKernel): void {
  const failures: BpfError[] = [];
  const maps = tableMaps(obj);
  for (const map of maps) {
    if (stateOf(map, kernel) !== INIT) continue;
    try {
      obj.attachStructOps(map);
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0 && failures.length === maps.length) throw failures[0];
  for (const { message } of failures) note(`not registered: ${message}`);
}

function stateOf(map: BpfMap, kernel: SimulatedKernel): number {
  const { types } = kernel.state;
  const value = map.getBytes(KEY);
  const valueName = types.btf.name(map.info().btf_vmlinux_value_type_id ?? 0);
  const off = types.tryResolve(`${valueName}.state`)?.off ?? types.resolve(`${valueName}.common.state`).off;
  return value === undefined ? INIT : new DataView(value.buffer, value.byteOffset).getUint32(off, true);
}

/** The names of an object's congestion controls, registered. */
export function controlNames(obj: BpfObject, kernel: SimulatedKernel): string[] {
  const { types } = kernel.state;
  const at = types.resolve(`${TCP_VALUE}.data`).off + types.resolve('tcp_congestion_ops.name').off;
  return tableMaps(obj).flatMap((map) => {
    const value = map.getBytes(KEY);
    if (value === undefined || map.info().btf_vmlinux_value_type_id !== types.structId(TCP_VALUE)) return [];
    if (stateOf(map, kernel) === INIT) return [];
    const name = value.subarray(at, at + NAME_BYTES);
    return [String.fromCharCode(...name.subarray(0, name.indexOf(0)))];
  });
}
