// SPDX-License-Identifier: MIT
// The same random programs on two engines.
import type { BpfMap, ExecutorFactory, HelperRow } from '@tsbpf/core';
import { program, type Insn } from '@tsbpf/insn';
import { isKernelAddr } from '@tsbpf/memory';
import { ExecKernel, type ExecLoadInput } from './exec-kernel.ts';
import { randomProgram, SCRATCH_BYTES, type RandomProgram } from './random-program.ts';
import { randomSource } from './random-source.ts';

/** What a run left behind. */
export interface RandomOutcome {
  readonly r0: bigint;
  readonly buffer: string;
  readonly maps: readonly string[];
  /** Helper calls and their results, where they were watched. */
  readonly calls: readonly string[];
}

const MAPS = ['hash', 'array', 'percpu_array', 'lru_hash', 'percpu_hash'] as const;

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** One engine with a kernel of its own, which many random programs run in. */
export class RandomRunner {
  readonly kernel: ExecKernel;
  readonly #helpers: readonly HelperRow[];
  readonly #ctx: number;
  readonly #key: number;
  #maps: BpfMap[] = [];

  constructor(makeExecutor: ExecutorFactory) {
    this.kernel = new ExecKernel(makeExecutor);
    const { kernel } = this;
    const mix = (...words: number[]): number => words.reduce((sum, word) => (Math.imul(sum, 31) + word) | 0, 7);
    this.#helpers = [
      kernel.helper({ retWidth: 'sext', call: (_call, a, b, c, d, e) => mix(a, b, c, d, e) }),
      kernel.helper({ retWidth: 'zext', call: (_call, a, b, c) => mix(a, b, c) }, 3),
      kernel.helper({
        retWidth: 'words',
        wideArgs: [2, 4],
        call: (call, a, b, c, d) => {
          const low = mix(a, b, c, d, call.argHi[2]);
          call.retHi = mix(call.argHi[4], low);
          return low;
        },
      }),
      kernel.helper({ retWidth: 'sext', wideArgs: [3], call: (call, a) => mix(a, call.argHi[3]) }, 3),
      kernel.row('bpf_get_smp_processor_id'),
      kernel.row('bpf_get_prandom_u32'),
    ];
    this.#ctx = kernel.ctx(SCRATCH_BYTES);
    this.#key = kernel.ctx(8);
  }

  /** Runs a program in a fresh set of maps. `watch`: under an observer. */
  run(random: RandomProgram, insns: readonly Insn[], options: { seed: number; watch?: boolean }): RandomOutcome {
    const { kernel } = this;
    const { mem, env } = kernel.state;
    const source = randomSource(options.seed);
    mem.writeBytes(
      this.#ctx,
      Uint8Array.from({ length: SCRATCH_BYTES }, () => source(256)),
    );
    env.cpu = options.seed & 1;
    const withMaps = random.calls.some(({ kind }) => kind === 'map');
    this.#maps = withMaps ? MAPS.map((name) => kernel.map(name)) : [];
    const input: ExecLoadInput = {
      calls: random.calls.map((call) =>
        call.kind === 'helper' ? this.#helpers[call.which] : kernel.mapOp(this.#maps[call.which], call.op),
      ),
      globals: starts(random),
    };
    const calls: string[] = [];
    const stop =
      options.watch !== true
        ? undefined
        : kernel.state.observe({
            helperReturn: (_run, row, r0) => void calls.push(`${row.variant} ${isKernelAddr(r0) ? 'pointer' : r0}`),
          });
    const prog = kernel.load(insns, input);
    try {
      kernel.state.rcu.enter();
      const r0 = kernel.run(prog, this.#ctx);
      kernel.state.rcu.exit();
      return {
        r0,
        buffer: hex(mem.readBytes(this.#ctx, SCRATCH_BYTES)),
        maps: this.#maps.map((m) => this.#dump(m)),
        calls,
      };
    } finally {
      stop?.();
      kernel.unload(prog);
      for (const map of this.#maps) {
        kernel.state.objects.gone(map);
        map.def.ops.free(map);
      }
    }
  }

  /** Keys and values. */
  #dump(map: BpfMap): string {
    const { mem } = this.kernel.state;
    const value = mem.alloc(map.syscallValueSize);
    const found: string[] = [];
    for (let key = 0; key < 6; key++) {
      mem.write32(this.#key, key);
      if (map.def.ops.sysLookup?.(map, this.#key, value, 0) === 0) {
        found.push(`${key}:${hex(mem.readBytes(value, map.syscallValueSize))}`);
      }
    }
    mem.free(value);
    return found.join(' ');
  }
}

function starts(random: RandomProgram): number[] {
  let at = 0;
  const found: number[] = [];
  const walk = (items: RandomProgram['items']): void => {
    for (const item of items) {
      if (typeof item === 'string') {
        if (random.globals.includes(item)) found.push(at);
      } else if (Array.isArray(item)) walk(item as RandomProgram['items']);
      else at++;
    }
  };
  walk(random.items);
  return found;
}

/** A random program and its instructions, for a seed. */
export function programOfSeed(seed: number): { random: RandomProgram; insns: Insn[] } {
  const source = randomSource(Math.imul(seed, 0x9e3779b1));
  for (let i = 0; i < 3; i++) source(1);
  const random = randomProgram(source, { helpers: 6, maps: MAPS.length, size: 4 + source(24) });
  return { random, insns: program(...random.items) };
}
