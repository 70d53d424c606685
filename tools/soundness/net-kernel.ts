// SPDX-License-Identifier: MIT
// A simulated kernel whose verifier is watched, and the maps, sockets and structures that random programs use.
import type { BpfMap, BpfProg, FuncProto } from '../../packages/core/src/index.ts';
import { createInterpreter } from '../../packages/interpreter/src/index.ts';
import { createKernel, type Kernel } from '../../packages/kernel/src/index.ts';
import { netOf } from '../../packages/net/src/index.ts';
import { defaultRegistries } from '../../packages/tsbpf/src/index.ts';
import { BPF_BTF_LOAD, BPF_MAP_CREATE, BPF_MAP_UPDATE_ELEM, InternalError } from '../../packages/uapi/src/index.ts';
import type { MapCreateAttr } from '../../packages/uapi/src/index.ts';
import { verifyObserved as ownVerifier, type PathObserver } from '../../packages/verifier/src/index.ts';
import { vmlinuxBtf } from '../../packages/vmlinux/src/index.ts';
import type { Flavour } from './flavours.ts';
import type { MapLaw } from './laws.ts';
import { MAP_ATTRS, NEED_TYPES, OF_USERS, lockTypes, type MapName, type SpecialMapName } from './net-maps.ts';
import { createStructs, type StructName } from './net-structs.ts';

/** The verifier under test: the workspace's, or a copy with a bug in it. */
export type VerifyObserved = typeof ownVerifier;

/** A map that programs are given. */
export interface NetMap {
  readonly name: string;
  readonly fd: number;
  readonly keySize: number;
  readonly valueSize: number;
  /** Bytes of `struct bpf_spin_lock` at the start of the value. */
  readonly lockBytes: number;
}

export interface NetKernel {
  readonly kernel: Kernel;
  readonly maps: Readonly<Record<MapName | SpecialMapName, NetMap>>;
  /** Who watches the next load. */
  observer: PathObserver | undefined;
  /** Another kernel as this one was at first. */
  fresh(): NetKernel;
  progOf(fd: number): BpfProg;
  mapOf(fd: number): BpfMap;
  mapLaw(addr: bigint): MapLaw | undefined;
  /** Prototypes of helpers as a program may call them. */
  protos(prog: BpfProg): (id: number) => FuncProto | undefined;
  /** Does something as root, or as somebody who may do nothing. */
  asUser<T>(unprivileged: boolean, what: () => T): T;
  /** Memory that programs take their numbers from. */
  inputs(): readonly { readonly off: number; readonly lenBytes: number }[];
  attachBtfId(flavour: Flavour): number;
  sizeOfStruct(btfId: number): number;
  /** The address of a structure that programs are given. */
  objectOf(name: StructName): bigint;
}

/** Maps with one value, which programs address directly. */
const DIRECT = ['single', 'inputs'] as const;

/** One rejection in so many is explained. */
const EXPLAINED = 8;

function made(what: string, result: number): number {
  if (result < 0) throw new InternalError(`the net's ${what}: ${result}`);
  return result;
}

/** A kernel with maps that have entries. Its verifier shows each load to `observer`. */
export function createNetKernel(verify: VerifyObserved = ownVerifier): NetKernel {
  const net: { observer: PathObserver | undefined } = { observer: undefined };
  let loads = 0;
  const kernel = createKernel({
    version: '5.6',
    registries: defaultRegistries(),
    verify: (env, prog, options = {}) => {
      const observer = net.observer ?? { step: () => undefined, pruned: () => undefined };
      // Explaining a rejection takes longer than to find it.
      return verify(
        env,
        prog,
        { ...options, diagnose: options.diagnose === true && loads++ % EXPLAINED === 0 },
        observer,
      );
    },
    executor: (services) => createInterpreter(services, { checked: true }),
    vmlinux: vmlinuxBtf(),
  });
  const { state } = kernel;
  const asUser = <T>(unprivileged: boolean, what: () => T): T => {
    if (!unprivileged) return what();
    const { current } = state.env;
    state.env.current = { ...current, caps: new Set() };
    try {
      return what();
    } finally {
      state.env.current = current;
    }
  };
  const world = netOf(state);
  world.createDevice({ name: 'eth0' });
  world.addSocket({ protocol: 'tcp', local: { port: 0x0101 } });
  world.addSocket({ protocol: 'udp', local: { port: 0x0101 } });
  const structs = createStructs(state);
  const maps = createMaps(kernel, asUser);
  fillMaps(kernel, maps);

  const mapOf = (fd: number): BpfMap => {
    const file = state.fds.get(fd, 'map');
    if (typeof file === 'number') throw new InternalError(`fd ${fd} is no map`);
    return file.map;
  };
  structs.fillXskMap(mapOf(maps.xsk.fd));
  const laws = new Map<bigint, MapLaw>();
  return Object.assign(net, {
    kernel,
    maps,
    asUser,
    fresh: () => createNetKernel(verify),
    mapOf,
    progOf: (fd: number): BpfProg => {
      const file = state.fds.get(fd, 'prog');
      if (typeof file === 'number') throw new InternalError(`fd ${fd} is no program`);
      return file.prog;
    },
    mapLaw: (addr: bigint): MapLaw | undefined => {
      const known = laws.get(addr);
      if (known !== undefined) return known;
      const map = state.objects.get<BpfMap>(state.mem.toOff(addr), 'map');
      if (map === undefined) return undefined;
      const law = { ...pickLaw(map), onlyHelpers: map.def.onlyHelpers };
      laws.set(addr, law);
      return law;
    },
    protos: (prog: BpfProg) => protosOf(kernel, prog),
    inputs: () =>
      DIRECT.map((name) => {
        const map = mapOf(maps[name].fd);
        const addr = map.def.directValue?.(map, 0);
        if (typeof addr !== 'bigint') throw new InternalError(`map ${name} has no direct value`);
        return { off: state.mem.toOff(addr), lenBytes: map.valueSize };
      }),
    ...structs,
  });
}

function pickLaw({ type, flags, keySize, valueSize, spinLockOff }: BpfMap): Omit<MapLaw, 'onlyHelpers'> {
  return { type, flags, keySize, valueSize, spinLockOff };
}

function protosOf(kernel: Kernel, prog: BpfProg): (id: number) => FuncProto | undefined {
  const { state } = kernel;
  const known = new Map<number, FuncProto | undefined>();
  const facts = {
    type: prog.type,
    expectedAttachType: prog.expectedAttachType,
    privileged: prog.uid === 0,
    gplCompatible: true,
    devBound: false,
    attachBtfId: prog.attachBtfId,
    targetProg: undefined,
    version: state.version,
  };
  return (id) => {
    if (!known.has(id)) {
      const variant = prog.def.verifier.getFuncProto(id, facts);
      known.set(id, variant === undefined ? undefined : state.helpers.get(variant)?.proto);
    }
    return known.get(id);
  };
}

type Maps = Record<MapName | SpecialMapName, NetMap>;

function createMaps(kernel: Kernel, asUser: NetKernel['asUser']): Maps {
  const btf_fd = made('BTF', kernel.bpf(BPF_BTF_LOAD, { btf: lockTypes() }));
  const maps = {} as Maps;
  for (const name of Object.keys(MAP_ATTRS) as (MapName | SpecialMapName)[]) {
    const attr: MapCreateAttr = { ...MAP_ATTRS[name] };
    const types = NEED_TYPES[name];
    if (types !== undefined) Object.assign(attr, { btf_fd, btf_key_type_id: types[0], btf_value_type_id: types[1] });
    if (name === 'outer') attr.inner_map_fd = maps.array.fd;
    maps[name] = {
      name,
      fd: made(
        name,
        asUser(OF_USERS.has(name), () => kernel.bpf(BPF_MAP_CREATE, attr)),
      ),
      keySize: attr.key_size ?? 0,
      valueSize: attr.value_size ?? 0,
      lockBytes: name === 'locked' ? 4 : 0,
    };
  }
  return maps;
}

/** Values of all sorts: small, at the edges of words, and negative. */
function pattern(lenBytes: number, seed: number): Uint8Array {
  const words = [0n, 1n, 7n, 255n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 1n << 63n, (1n << 64n) - 1n];
  const bytes = new Uint8Array(lenBytes);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i + 8 <= lenBytes; i += 8) view.setBigUint64(i, words[(seed + i / 8) % words.length], true);
  return bytes;
}

function fillMaps(kernel: Kernel, maps: Maps): void {
  const put = (map: NetMap, key: readonly number[], value: Uint8Array): void => {
    made(map.name, kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: map.fd, key: Uint8Array.from(key), value }));
  };
  const inner = made('inner', kernel.bpf(BPF_MAP_CREATE, { ...MAP_ATTRS.array }));
  put(maps.outer, [0, 0, 0, 0], new Uint8Array(Uint32Array.of(inner).buffer));
  for (let i = 0; i < 3; i++) put(maps.array, [i, 0, 0, 0], pattern(48, 3 * i));
  for (let i = 0; i < 3; i++) put(maps.user, [i, 0, 0, 0], pattern(48, 5 * i));
  put(maps.hash, [1, 0, 0, 0, 0, 0, 0, 0], new Uint8Array(40).fill(0x5a));
  put(maps.lru, [1, 0, 0, 0], new Uint8Array(64).fill(0xff));
  put(maps.lpm, [8, 0, 0, 0, 1, 0, 0, 0], new Uint8Array(16).fill(7));
}
