// SPDX-License-Identifier: MIT
// What no accepted program may do, whatever the states say: laws of BPF that a run can break.
import type { FuncProto, RegType, RunView } from '../../packages/core/src/index.ts';
import { insnSize, type Insn } from '../../packages/insn/src/index.ts';
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_F_RDONLY_PROG,
  BPF_F_WRONLY_PROG,
  BPF_IMM,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_LD,
  BPF_LDX,
  BPF_ST,
  BPF_STX,
  BPF_X,
  BPF_XADD,
} from '../../packages/uapi/src/index.ts';
import type { Reg } from '../../packages/verifier/src/index.ts';
import type { PathNode } from './path-graph.ts';
import type { CurrentReality } from './reality.ts';

/** What the laws must know of a map. */
export interface MapLaw {
  readonly type: number;
  readonly flags: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly spinLockOff: number;
  /** Names of the only helpers that take it. */
  readonly onlyHelpers: readonly string[] | undefined;
}

/** What the laws must know of a program. */
export interface LawFacts {
  /** BPF_F_STRICT_ALIGNMENT. */
  readonly strict: boolean;
  readonly unprivileged: boolean;
  readonly writesPacket: boolean;
  /** What R0 may be at the end. */
  readonly returns: readonly [low: bigint, high: bigint] | undefined;
  /** Of a map by its address. */
  mapAt(addr: bigint): MapLaw | undefined;
  /** Bytes of a kernel structure by its BTF id. */
  sizeOfStruct(btfId: number): number;
}

const CALL = BPF_JMP | BPF_CALL;
const GET_LISTENER_SOCK = 98;
const LOCK_BYTES = 4;
const MOST_FRAMES = 8;
const MOST_STACK = 512;
/** Packets begin two bytes behind what is aligned. */
const NET_IP_ALIGN = 2n;
const MOST_BYTES = 1n << 29n;
const ADDR = 0xffff_ffff_ffff_ffffn;
const KERNEL_HIGH = 0xffff8880n;

const READABLE: ReadonlySet<RegType> = new Set<RegType>([
  'PTR_TO_CTX',
  'PTR_TO_MAP_VALUE',
  'PTR_TO_STACK',
  'PTR_TO_PACKET',
  'PTR_TO_PACKET_META',
  'PTR_TO_FLOW_KEYS',
  'PTR_TO_SOCKET',
  'PTR_TO_SOCK_COMMON',
  'PTR_TO_TCP_SOCK',
  'PTR_TO_TP_BUFFER',
  'PTR_TO_XDP_SOCK',
  'PTR_TO_BTF_ID',
]);
const NOT_WRITABLE: ReadonlySet<RegType> = new Set<RegType>([
  'PTR_TO_SOCKET',
  'PTR_TO_SOCK_COMMON',
  'PTR_TO_TCP_SOCK',
  'PTR_TO_XDP_SOCK',
  'PTR_TO_BTF_ID',
]);
const SOCKETS: ReadonlySet<RegType> = new Set<RegType>(['PTR_TO_SOCKET', 'PTR_TO_SOCK_COMMON', 'PTR_TO_TCP_SOCK']);
const MEMORY: ReadonlySet<string> = new Set(['ARG_PTR_TO_MEM', 'ARG_PTR_TO_MEM_OR_NULL', 'ARG_PTR_TO_UNINIT_MEM']);
const VALUES: ReadonlySet<string> = new Set([
  'ARG_PTR_TO_MAP_VALUE',
  'ARG_PTR_TO_MAP_VALUE_OR_NULL',
  'ARG_PTR_TO_UNINIT_MAP_VALUE',
]);
const FLOW_KEYS_BYTES = 56;

function isKernel(value: bigint): boolean {
  return value >> 32n === KERNEL_HIGH;
}

function isConst({ bounds }: Reg): boolean {
  return (bounds.maskLo | bounds.maskHi) === 0;
}

/** Follows one run. */
export class Laws {
  readonly #facts: LawFacts;
  /** The address of the lock held. */
  #lock: bigint | undefined;
  /** Sockets that must be given back, and those that were. */
  readonly #held: bigint[] = [];
  readonly #released = new Set<bigint>();
  #called: FuncProto | undefined;

  constructor(facts: LawFacts) {
    this.#facts = facts;
  }

  /** What the instruction before left behind. */
  after(real: CurrentReality, run: RunView): string | undefined {
    const proto = this.#called;
    this.#called = undefined;
    if (proto !== undefined) {
      const r0 = run.reg(0);
      if (proto.acquiresRef === true && r0 !== 0n) {
        this.#held.push(r0);
        this.#released.delete(r0);
      }
      // A listener needs no reference.
      if (proto.id === GET_LISTENER_SOCK) this.#released.delete(r0);
    }
    if (real.frames.length > MOST_FRAMES) return `${real.frames.length} functions call each other`;
    return undefined;
  }

  /** Whether the next instruction breaks a law, in each of the states that contain what is there. */
  before(
    insn: Insn,
    proto: FuncProto | undefined,
    nodes: readonly PathNode[],
    real: CurrentReality,
  ): string | undefined {
    switch (insn.code & 7) {
      case BPF_LDX:
        return this.#inEach(insn.src, nodes, real, insn, false);
      case BPF_ST:
      case BPF_STX:
        return this.#inEach(insn.dst, nodes, real, insn, true);
      case BPF_LD:
        return (insn.code & 0xe0) === BPF_IMM ? undefined : this.#open('a packet load');
      case BPF_JMP:
      case BPF_JMP32:
        if (insn.code === CALL) return this.#call(insn, proto, nodes, real);
        if (insn.code === (BPF_JMP | BPF_EXIT)) return real.frames.length > 1 ? undefined : this.#exit(real);
        return (insn.code & 0xf0) === BPF_JA ? undefined : this.#compare(insn, real);
      default:
        return undefined;
    }
  }

  #inEach(regno: number, nodes: readonly PathNode[], real: CurrentReality, insn: Insn, write: boolean) {
    let first: string | undefined;
    for (const { frames } of nodes) {
      const problem = this.#access(frames[frames.length - 1].regs[regno], regno, insn, real, write);
      if (problem === undefined) return undefined;
      first ??= problem;
    }
    return first;
  }

  #access(reg: Reg, regno: number, insn: Insn, real: CurrentReality, write: boolean): string | undefined {
    const { type } = reg;
    const value = real.top.regs[regno] ?? 0n;
    const bytes = insnSize(insn);
    const at = (value + BigInt(insn.off)) & ADDR;
    const where = `${bytes} bytes at 0x${at.toString(16)}`;
    if (!READABLE.has(type)) return `R${regno} is used as an address, and is ${type}`;
    if (write && NOT_WRITABLE.has(type)) return `a store through ${type}`;
    if ((insn.code & 0xe0) === BPF_XADD && at % BigInt(bytes) !== 0n) return `${where} are added to: not aligned`;
    switch (type) {
      case 'PTR_TO_CTX':
        return value === real.ctx ? undefined : 'the context is used through a pointer that was moved';
      case 'PTR_TO_STACK': {
        if (at % BigInt(bytes) !== 0n) return `${where} of the stack: not aligned`;
        return this.#stack(real, at, bytes, where);
      }
      case 'PTR_TO_MAP_VALUE':
        return this.#value(real, at, bytes, where, write, this.#facts.strict);
      case 'PTR_TO_PACKET':
      case 'PTR_TO_PACKET_META': {
        if (write && !this.#facts.writesPacket) return 'a store into a packet that is only read';
        const first = type === 'PTR_TO_PACKET' ? real.data : real.dataMeta;
        const last = type === 'PTR_TO_PACKET' ? real.dataEnd : real.data;
        if (first === undefined || last === undefined) return undefined;
        if (at < first || at + BigInt(bytes) > last) return `${where} are not inside the packet`;
        const aligned = !this.#facts.strict || (at - first + NET_IP_ALIGN) % BigInt(bytes) === 0n;
        return aligned ? undefined : `${where} of the packet: not aligned`;
      }
      case 'PTR_TO_FLOW_KEYS':
        // The pointer's variable part is not looked at by v5.6.
        if (!isConst(reg)) return undefined;
        return reg.off + insn.off >= 0 && reg.off + insn.off + bytes <= FLOW_KEYS_BYTES
          ? undefined
          : `${where} are not inside the flow keys`;
      case 'PTR_TO_BTF_ID': {
        const off = reg.off + insn.off;
        if (off < 0 || off + bytes > this.#facts.sizeOfStruct(reg.btfId))
          return `${where} are not inside the structure`;
        return isConst(reg) ? undefined : 'a structure is read at an unknown offset';
      }
      default:
        if (SOCKETS.has(type) && this.#released.has(value)) return 'a socket is used that was given back';
        return undefined;
    }
  }

  #stack(real: CurrentReality, at: bigint, bytes: number, where: string): string | undefined {
    const frame = real.frameAt(at);
    if (frame === undefined || at + BigInt(bytes) > frame.stackTop) return `${where} are in no stack`;
    const below = Number(frame.stackTop - at);
    if (below <= frame.depth) return undefined;
    frame.depth = below;
    let total = 0;
    for (const { depth } of real.frames) total += Math.max(32, Math.ceil(depth / 32) * 32);
    return total > MOST_STACK ? `the stacks of ${real.frames.length} functions use ${total} bytes` : undefined;
  }

  #value(
    real: CurrentReality,
    at: bigint,
    bytes: number,
    where: string,
    write: boolean | undefined,
    aligned: boolean,
  ): string | undefined {
    const { mapAt } = this.#facts;
    const found = real.valueAt(at, bytes, (map) => mapAt(map)?.valueSize ?? 0);
    const map = found === undefined ? undefined : mapAt(found.map);
    if (found === undefined || map === undefined) return `${where} are not inside a value`;
    if (write === true && (map.flags & BPF_F_RDONLY_PROG) !== 0) return `${where} of a map that programs only read`;
    if (write === false && (map.flags & BPF_F_WRONLY_PROG) !== 0) return `${where} of a map that programs only write`;
    const off = Number(at - found.base);
    const lock = map.spinLockOff;
    if (lock >= 0 && off < lock + LOCK_BYTES && off + bytes > lock) return `${where} are a lock`;
    return aligned && off % bytes !== 0 ? `${where} of a value: not aligned` : undefined;
  }

  #call(
    insn: Insn,
    proto: FuncProto | undefined,
    nodes: readonly PathNode[],
    real: CurrentReality,
  ): string | undefined {
    if (insn.src !== 0) return this.#lock === undefined ? undefined : 'a function is called while a lock is held';
    if (proto === undefined) return `the program may not call helper ${insn.imm}`;
    this.#called = proto;
    const { regs } = real.top;
    if (proto.special === 'spinLock') return this.#take(real, regs[1] ?? 0n);
    if (proto.special === 'spinUnlock') {
      const held = this.#lock;
      this.#lock = undefined;
      return held === regs[1] ? undefined : 'a lock is given back that is not held';
    }
    if (this.#lock !== undefined) return 'a helper is called while a lock is held';
    if (proto.special === 'tailCall' && this.#held.length > 0) return 'a tail call while a socket is held';
    return this.#arguments(proto, nodes, real) ?? this.#releases(proto, regs[1] ?? 0n);
  }

  #releases(proto: FuncProto, socket: bigint): string | undefined {
    if (proto.releasesRef !== true) return undefined;
    const index = this.#held.indexOf(socket);
    if (index < 0) return 'a socket is given back that is not held';
    this.#held.splice(index, 1);
    if (!this.#held.includes(socket)) this.#released.add(socket);
    return undefined;
  }

  #take(real: CurrentReality, at: bigint): string | undefined {
    if (this.#lock !== undefined) return 'a second lock is taken';
    const { mapAt } = this.#facts;
    const found = real.valueAt(at, LOCK_BYTES, (map) => mapAt(map)?.valueSize ?? 0);
    const map = found === undefined ? undefined : mapAt(found.map);
    if (found === undefined || Number(at - found.base) !== map?.spinLockOff) return 'what is taken is no lock';
    this.#lock = at;
    return undefined;
  }

  #arguments(proto: FuncProto, nodes: readonly PathNode[], real: CurrentReality): string | undefined {
    const { regs } = real.top;
    const { mapAt, unprivileged } = this.#facts;
    let map: MapLaw | undefined;
    for (let i = 0; i < proto.args.length; i++) {
      const arg = proto.args[i];
      const value = regs[i + 1] ?? 0n;
      const which = `argument ${i + 1} of ${proto.name}`;
      let bytes = 0;
      if (arg === 'ARG_CONST_MAP_PTR') {
        map = mapAt(value);
        if (map === undefined) return `${which} is no map`;
        const takes = map.onlyHelpers === undefined || map.onlyHelpers.includes(proto.name);
        if (!takes || proto.mapTypes?.includes(map.type) === false) return `${which} is a map of type ${map.type}`;
      } else if (arg === 'ARG_ANYTHING') {
        if (unprivileged && isKernel(value)) return `${which} tells an address`;
      } else if (arg === 'ARG_CONST_SIZE' || arg === 'ARG_CONST_SIZE_OR_ZERO') {
        if (value >= MOST_BYTES || (value === 0n && arg === 'ARG_CONST_SIZE')) return `${which} is ${value}`;
      } else if (arg === 'ARG_PTR_TO_MAP_KEY') bytes = map?.keySize ?? 0;
      else if (VALUES.has(arg)) bytes = map?.valueSize ?? 0;
      else if (MEMORY.has(arg)) bytes = Number((regs[i + 2] ?? 0n) & 0xffffffffn);
      else if (arg === 'ARG_PTR_TO_LONG') {
        bytes = 8;
        if (value % 8n !== 0n) return `${which} is not aligned`;
      } else if (arg.startsWith('ARG_PTR_TO_SOCK')) {
        if (value === 0n) return `${which} is NULL`;
        if (this.#released.has(value)) return `${which} is a socket that was given back`;
      }
      if (bytes === 0 || (value === 0n && arg.endsWith('_OR_NULL'))) continue;
      // Where the size is not known v5.6 forgets that the helper writes.
      const fills = arg === 'ARG_PTR_TO_UNINIT_MAP_VALUE' || (arg === 'ARG_PTR_TO_UNINIT_MEM' && sized(nodes, i + 2));
      const problem = this.#memory(real, value, bytes, fills);
      if (problem !== undefined) return `${which}: ${problem}`;
    }
    return undefined;
  }

  #memory(real: CurrentReality, at: bigint, bytes: number, fills: boolean): string | undefined {
    const where = `${bytes} bytes at 0x${at.toString(16)}`;
    if (real.frameAt(at) !== undefined) return this.#stack(real, at, bytes, where);
    const { dataMeta = real.data, dataEnd } = real;
    if (dataMeta !== undefined && dataEnd !== undefined && at >= dataMeta && at <= dataEnd) {
      return at + BigInt(bytes) <= dataEnd ? undefined : `${where} are not inside the packet`;
    }
    return this.#value(real, at, bytes, where, fills ? true : undefined, false);
  }

  /** No lock and no reference may be held here. */
  #open(what: string): string | undefined {
    if (this.#lock !== undefined) return `${what} while a lock is held`;
    return this.#held.length > 0 ? `${what} while a socket is held` : undefined;
  }

  #exit(real: CurrentReality): string | undefined {
    const held = this.#open('the program ends');
    if (held !== undefined) return held;
    const r0 = real.top.regs[0] ?? 0n;
    const { returns, unprivileged } = this.#facts;
    if (unprivileged && isKernel(r0)) return 'the result tells an address';
    if (returns !== undefined && (r0 < returns[0] || r0 > returns[1])) return `the result is ${r0}`;
    return undefined;
  }

  /** Programs of users do not learn of addresses by comparing them. */
  #compare(insn: Insn, real: CurrentReality): string | undefined {
    if (!this.#facts.unprivileged) return undefined;
    const { regs } = real.top;
    const byReg = (insn.code & BPF_X) !== 0;
    if (isKernel(regs[insn.dst] ?? 0n) && (byReg || insn.imm !== 0))
      return `R${insn.dst} is compared, and is an address`;
    return byReg && isKernel(regs[insn.src] ?? 0n) ? `R${insn.src} is compared, and is an address` : undefined;
  }
}

/** Some state knows the size. */
function sized(nodes: readonly PathNode[], regno: number): boolean {
  return nodes.every(({ frames }) => isConst(frames[frames.length - 1].regs[regno]));
}
