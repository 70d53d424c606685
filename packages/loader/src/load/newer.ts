// SPDX-License-Identifier: MIT
// What an object asks for that came to Linux after the kernel it is loaded into: a kernel says EINVAL and nothing else.
import {
  BPF_PROG_TYPE_CGROUP_SKB,
  BPF_PROG_TYPE_CGROUP_SOCK,
  BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
  BPF_PROG_TYPE_CGROUP_SOCKOPT,
  BPF_PROG_TYPE_TRACING,
  isOlderThan,
  LATER_ATTACH_TYPES,
  LATER_MAP_FLAGS,
  LATER_MAP_TYPES,
  LATER_PROG_FLAGS,
  LATER_PROG_TYPES,
  type Since,
  type Sys,
} from '@tsbpf/uapi';

type Uname = Pick<Sys, 'uname'>;

/** The first of these that the kernel is too old for, in words. */
function tooNew(sys: Uname, wanted: readonly (Since | undefined)[]): string | undefined {
  const { release } = sys.uname();
  const missing = wanted.find((each) => each !== undefined && isOlderThan(release, each));
  return missing && `${missing.name} is since Linux ${missing.version}, and this kernel is ${release}`;
}

const flagsOf = (flags: number, table: ReadonlyMap<number, Since>): (Since | undefined)[] =>
  [...table].map(([flag, since]) => ((flags & flag) === 0 ? undefined : since));

/** Why this kernel may not make such a map; undefined where its version is no reason. */
export function newerMap(sys: Uname, map: { readonly type: number; readonly mapFlags: number }): string | undefined {
  return tooNew(sys, [LATER_MAP_TYPES.get(map.type), ...flagsOf(map.mapFlags, LATER_MAP_FLAGS)]);
}

/** Program types whose expected attach type a kernel looks at when they are loaded; the others keep it for later. */
const CHECKED_AT_LOAD: ReadonlySet<number> = new Set([
  BPF_PROG_TYPE_CGROUP_SKB,
  BPF_PROG_TYPE_CGROUP_SOCK,
  BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
  BPF_PROG_TYPE_CGROUP_SOCKOPT,
  BPF_PROG_TYPE_TRACING,
]);

/** Why this kernel may not load such a program; undefined where its version is no reason. */
export function newerProg(
  sys: Uname,
  prog: { readonly type: number; readonly expectedAttachType: number; readonly progFlags: number },
): string | undefined {
  return tooNew(sys, [
    LATER_PROG_TYPES.get(prog.type),
    CHECKED_AT_LOAD.has(prog.type) ? LATER_ATTACH_TYPES.get(prog.expectedAttachType) : undefined,
    ...flagsOf(prog.progFlags, LATER_PROG_FLAGS),
  ]);
}

/** Why this kernel has no functions to call by name; undefined where its version is no reason. */
export function newerKfunc(sys: Uname): string | undefined {
  return tooNew(sys, [{ name: 'a call of a kernel function (kfunc)', version: '5.13' }]);
}
