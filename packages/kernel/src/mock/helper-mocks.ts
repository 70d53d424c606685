// SPDX-License-Identifier: MIT
import { EINVAL, ExpectationError, UsageError, type Sys } from '@tsbpf/uapi';
import type { BpfMap, FuncProto, HelperCall, HelperFn, HelperRow } from '@tsbpf/core';
import type { KernelState } from '../kernel-state.ts';
import { bytesOf, type HelperName, type MapRef, type MockArgs, type MockResult } from './mock-args.ts';

/** Which calls a mock is about; all of the helper's unless said otherwise. */
export interface MockFilter {
  /** Calls whose first argument is this map: its name, or anything with its fd. */
  readonly map?: string | { readonly fd: number };
  /** Calls of the program with this name. */
  readonly prog?: string;
}

/** A call of a helper, as it came. */
export interface SeenCall<N extends HelperName = HelperName> {
  readonly helper: N;
  readonly args: MockArgs<N>;
  /** The map that the call is about. */
  readonly map: MapRef | undefined;
  readonly prog: string;
  readonly cpu: number;
  /** R0, as a signed number of 64 bits; an address where the helper returns a pointer. */
  readonly result: bigint;
}

/** A call in progress. */
export interface MockCall<N extends HelperName> extends Omit<SeenCall<N>, 'result'> {
  /** What the helper itself does, and its R0. @errno ENOSYS (NotSupportedError) it has no body */
  original(): bigint;
  /** Writes to the memory that argument `arg`, 1 to 5, points at. @errno EINVAL (UsageError) outside of it */
  write(arg: number, bytes: Uint8Array): void;
}

/** What a test wants of a helper's calls. Without an answer the helper itself answers, and is only watched. */
export interface HelperMock<N extends HelperName> {
  /** Answers every call so. */
  returns(result: MockResult<N>): this;
  /** Answers the next calls so, one after the other, before anything else. */
  returnsOnce(...results: MockResult<N>[]): this;
  /** Answers by a function of the call. */
  answers(answer: (call: MockCall<N>) => MockResult<N>): this;
  /** Expects so many calls. */
  times(count: number): this;
  atLeast(count: number): this;
  never(): this;
  /** The calls so far. */
  readonly calls: readonly SeenCall<N>[];
}

class Mock<N extends HelperName> implements HelperMock<N> {
  readonly calls: SeenCall<N>[] = [];
  readonly filter: MockFilter;
  readonly #helper: N;
  readonly #once: MockResult<N>[] = [];
  #answer: ((call: MockCall<N>) => MockResult<N>) | undefined;
  #least = 0;
  #most = Infinity;

  constructor(helper: N, filter: MockFilter) {
    this.#helper = helper;
    this.filter = filter;
  }

  returns(result: MockResult<N>): this {
    return this.answers(() => result);
  }
  returnsOnce(...results: MockResult<N>[]): this {
    this.#once.push(...results);
    return this;
  }
  answers(answer: (call: MockCall<N>) => MockResult<N>): this {
    this.#answer = answer;
    return this;
  }
  times(count: number): this {
    this.#least = this.#most = count;
    return this;
  }
  atLeast(count: number): this {
    this.#least = count;
    this.#most = Infinity;
    return this;
  }
  never(): this {
    return this.times(0);
  }

  /** The answer to a call: a box, or undefined where the helper answers. */
  answerTo(call: MockCall<N>): { readonly result: MockResult<N> } | undefined {
    if (this.#once.length > 0) return { result: this.#once.shift() as MockResult<N> };
    return this.#answer === undefined ? undefined : { result: this.#answer(call) };
  }

  /** What is wrong, in a line; undefined where nothing is. */
  unmet(): string | undefined {
    const count = this.calls.length;
    if (count >= this.#least && count <= this.#most) return undefined;
    const least = this.#least === this.#most ? '' : 'at least ';
    const { map, prog } = this.filter;
    const where = [
      ...(map === undefined ? [] : [` on map ${typeof map === 'string' ? `'${map}'` : `of fd ${map.fd}`}`]),
      ...(prog === undefined ? [] : [` by prog '${prog}'`]),
    ].join('');
    return `${this.#helper}${where}: expected ${least}${this.#least} call${this.#least === 1 ? '' : 's'}, saw ${count}`;
  }
}

/**
 * Helpers that a test replaces or watches: all calls, or those on one map or of one program. Later mocks of a helper go
 * before earlier ones; a call that none is about goes to the helper itself.
 *
 * Ask for mocks of helpers without a body, and of `bpf_map_lookup_elem`, before the programs are loaded.
 */
export class HelperMocks {
  readonly #kernel: KernelState;
  readonly #mocks = new Map<HelperName, Mock<HelperName>[]>();
  readonly #undo: (() => void)[] = [];
  readonly #memory: number[] = [];

  constructor(kernel: KernelState) {
    this.#kernel = kernel;
  }

  /**
   * A mock of a helper, by the name of its prototype.
   * @errno ENOENT (UsageError) no such helper
   * @errno EINVAL (UsageError) it takes no map, and the filter names one
   */
  helper<N extends HelperName>(name: N, filter: MockFilter = {}): HelperMock<N> {
    const row = this.#kernel.helpers.get(name);
    if (row !== undefined && filter.map !== undefined && mapArg(row.proto) < 0) {
      throw new UsageError(`${name} takes no map, so there are no calls of it on one`, { errno: EINVAL });
    }
    const mock = new Mock<N>(name, filter);
    const mocks = this.#mocks.get(name);
    if (mocks !== undefined) mocks.unshift(mock as unknown as Mock<HelperName>);
    else {
      const list = [mock as unknown as Mock<HelperName>];
      this.#undo.push(this.#kernel.overrideHelper(name, (original) => this.#body(name, list, original)));
      this.#mocks.set(name, list);
    }
    return mock;
  }

  /** @throws ExpectationError that names each expectation that was not met */
  verify(): void {
    const all = [...this.#mocks.values()].flatMap((mocks) => [...mocks].reverse());
    const unmet = all.map((mock) => mock.unmet()).filter((line) => line !== undefined);
    if (unmet.length > 0) throw new ExpectationError(unmet);
  }

  /** Puts the helpers back. What answers of bytes pointed at is gone. */
  restore(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
    for (const off of this.#memory.splice(0)) this.#kernel.mem.free(off);
    this.#mocks.clear();
  }

  /** Puts the helpers back, then verifies. */
  [Symbol.dispose](): void {
    const lines = [...this.#mocks.values()].flat();
    this.restore();
    const unmet = lines.map((mock) => mock.unmet()).filter((line) => line !== undefined);
    if (unmet.length > 0) throw new ExpectationError(unmet);
  }

  #body(name: HelperName, mocks: readonly Mock<HelperName>[], original: HelperFn | undefined): HelperFn {
    const row = this.#kernel.helpers.get(name) as HelperRow;
    const ret = row.impl?.retWidth ?? (row.proto.ret.startsWith('RET_PTR') ? 'ptr' : 'words');
    return (call, ...words) => {
      const at = mapArg(row.proto);
      const map = at < 0 ? undefined : this.#kernel.objects.get<BpfMap>(words[at] >>> 0, 'map');
      const matching = mocks.filter(({ filter }) => this.#matches(filter, call, map));
      const run = (): number => original?.(call, ...words) ?? 0;
      if (matching.length === 0) return run();
      const wide = (low: number): bigint => {
        if (ret === 'ptr') return low === 0 ? 0n : this.#kernel.mem.toAddr(low >>> 0);
        if (ret === 'words') return (BigInt(call.retHi) << 32n) | BigInt(low >>> 0);
        return BigInt(ret === 'sext' ? low | 0 : low >>> 0);
      };
      const sizes = this.#sizes(row.proto, map, words);
      const seen: Omit<SeenCall, 'result'> = {
        helper: name,
        args: this.#args(row, call, words, map, sizes) as unknown as MockArgs<HelperName>,
        map: map && { name: map.name, id: map.id, type: map.type },
        prog: call.prog.name,
        cpu: this.#kernel.env.cpu,
      };
      const progress: MockCall<HelperName> = {
        ...seen,
        original: () => wide(run()),
        write: (arg, bytes) => this.#write(name, { arg, off: words[arg - 1] >>> 0, size: sizes[arg - 1] ?? 0 }, bytes),
      };
      const [first] = matching;
      const answer = first?.answerTo(progress);
      const low = answer === undefined ? run() : this.#low(call, answer.result);
      const result = wide(low);
      for (const mock of matching) mock.calls.push({ ...seen, result });
      return low;
    };
  }

  #matches({ map: wanted, prog }: MockFilter, call: HelperCall, map: BpfMap | undefined): boolean {
    if (prog !== undefined && call.prog.name !== prog) return false;
    if (wanted === undefined) return true;
    if (typeof wanted === 'string') return map?.name === wanted;
    const file = this.#kernel.fds.get(wanted.fd, 'map');
    return typeof file !== 'number' && file.map === map;
  }

  /** Bytes that each argument points at. */
  #sizes(proto: FuncProto, map: BpfMap | undefined, words: readonly number[]): number[] {
    return proto.args.map((arg, i) => {
      const sized = proto.args[i + 1]?.startsWith('ARG_CONST_SIZE') === true;
      return bytesOf(arg, map, sized ? (words[i + 1] ?? 0) : 0);
    });
  }

  #args(
    { proto, impl }: HelperRow,
    call: HelperCall,
    words: readonly number[],
    map: BpfMap | undefined,
    sizes: readonly number[],
  ): unknown[] {
    const { mem } = this.#kernel;
    const wide = impl?.wideArgs ?? [];
    return proto.args.map((arg, i) => {
      const word = words[i] ?? 0;
      if (arg === 'ARG_CONST_MAP_PTR') return map && { name: map.name, id: map.id, type: map.type };
      if (arg.startsWith('ARG_CONST_SIZE')) return word;
      if (arg === 'ARG_ANYTHING') {
        return impl !== undefined && !wide.includes(i + 1)
          ? BigInt(word)
          : (BigInt(call.argHi[i + 1] ?? 0) << 32n) | BigInt(word >>> 0);
      }
      const size = sizes[i] ?? 0;
      if (/MEM|MAP_KEY|MAP_VALUE/.test(arg)) return word === 0 ? undefined : mem.readBytes(word >>> 0, size);
      return word === 0 ? 0n : mem.toAddr(word >>> 0);
    });
  }

  #write(name: string, to: { arg: number; off: number; size: number }, bytes: Uint8Array): void {
    if (bytes.length > to.size) {
      throw new UsageError(`${name}: ${bytes.length} bytes do not fit argument ${to.arg}, which points at ${to.size}`, {
        errno: EINVAL,
      });
    }
    this.#kernel.mem.writeBytes(to.off, bytes);
  }

  /** R0's low word for an answer; its high word goes where the engine looks for it. */
  #low(call: HelperCall, result: number | bigint | Uint8Array | undefined): number {
    if (result === undefined) return 0;
    if (result instanceof Uint8Array) {
      const { mem } = this.#kernel;
      const off = mem.alloc(Math.max(8, result.length), { kind: 'map_value', name: 'mock' });
      this.#memory.push(off);
      mem.writeBytes(off, result);
      return off | 0;
    }
    const big = BigInt.asIntN(64, BigInt(result));
    call.retHi = Number(big >> 32n);
    return Number(BigInt.asIntN(32, big));
  }
}

/** Which argument is the map; -1 for none. */
function mapArg(proto: FuncProto): number {
  return proto.args.indexOf('ARG_CONST_MAP_PTR');
}

/**
 * Mocks of a simulated kernel's helpers. With `using`, the helpers are put back and the expectations verified where the
 * test's scope ends.
 */
export function mockHelpers(kernel: Sys & { readonly state: KernelState }): HelperMocks {
  return new HelperMocks(kernel.state);
}
