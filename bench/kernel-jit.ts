// SPDX-License-Identifier: MIT
// The JIT beside the running kernel's, as root: BPF_PROG_TEST_RUN with repeat against runBatch, sample by sample.
// `tsx --conditions=@tsbpf/source bench/kernel-jit.ts [name…]`
import { createHost, type Host } from '@tsbpf/host';
import { assemble, encodeInsns, helperId, isLdImm64, type Insn } from '@tsbpf/insn';
import { createJit } from '@tsbpf/jit';
import { ExecKernel } from '@tsbpf/testkit';
import {
  BPF_MAP_CREATE,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_XDP,
  BPF_PSEUDO_MAP_FD,
  errnoName,
} from '@tsbpf/uapi';
import { EngineTarget } from '../packages/jit/bench/engine-target.ts';
import {
  packetBytes,
  PROGRAMS,
  type BenchCall,
  type BenchMap,
  type BenchTarget,
} from '../packages/jit/bench/programs.ts';

const SAMPLES = 11;
const MAP_TYPES: Readonly<Record<string, number>> = { hash: 1, array: 2, prog_array: 3, lpm_trie: 11 };
/** Marks the addresses that stand for fds. */
const TOKEN = 0x7e570000;

class Refused extends TypeError {}

/** Programs on the running kernel: fds, which are closed with the process. */
class KernelTarget implements BenchTarget<number> {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  #check(fd: number, what: string): number {
    if (fd < 0) throw new Refused(`${what}: ${errnoName(-fd)}`);
    return fd;
  }

  map(type: string, shape: Parameters<BenchTarget['map']>[1]): BenchMap & { fd: number } {
    const attr = {
      map_type: MAP_TYPES[type],
      key_size: shape.keySize ?? 4,
      value_size: shape.valueSize,
      max_entries: shape.maxEntries,
      map_flags: shape.flags ?? 0,
    };
    const fd = this.#check(this.#host.bpf(BPF_MAP_CREATE, attr), `map ${type}`);
    return { fd, addr: (BigInt(TOKEN) << 32n) | BigInt(fd) };
  }

  put(map: BenchMap, key: Uint8Array, value: Uint8Array): void {
    const { fd } = map as BenchMap & { fd: number };
    this.#check(this.#host.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: fd, key, value, flags: 0n }), 'update');
  }

  load(asm: string, calls: readonly BenchCall[] = []): number {
    // Programs see xdp_md, not what it stands for.
    const text = asm
      .replaceAll('ldxdw r2, [r1+0]', 'ldxw r2, [r1+0]')
      .replaceAll('ldxdw r3, [r1+8]', 'ldxw r3, [r1+4]');
    const ids = calls.map((call) => helperId('helper' in call ? call.helper : `map_${call.op}_elem`) ?? 0);
    const insns: Insn[] = assemble(text);
    insns.forEach((insn, idx) => {
      if (isLdImm64(insn) && insns[idx + 1].imm === TOKEN) {
        insns[idx] = { ...insn, src: BPF_PSEUDO_MAP_FD };
        insns[idx + 1] = { ...insns[idx + 1], imm: 0 };
      } else if (insn.code === 0x85 && insn.src === 0) insns[idx] = { ...insn, imm: ids.shift() ?? 0 };
    });
    const attr = { prog_type: BPF_PROG_TYPE_XDP, insns: encodeInsns(insns), license: 'GPL' };
    return this.#check(this.#host.bpf(BPF_PROG_LOAD, attr), 'the verifier refuses');
  }

  progArray(maxEntries: number): BenchMap {
    return this.map('prog_array', { valueSize: 4, maxEntries });
  }

  setProg(array: BenchMap, index: number, prog: number): void {
    this.put(array, new Uint8Array(Uint32Array.of(index).buffer), new Uint8Array(Uint32Array.of(prog).buffer));
  }

  /** Mean nanoseconds of a run. */
  measure(fd: number, repeat: number): number {
    const attr = { prog_fd: fd, data_in: packetBytes(), data_out: new Uint8Array(2000), repeat, duration: 0 };
    this.#check(this.#host.bpf(BPF_PROG_TEST_RUN, attr), 'test run');
    return attr.duration;
  }
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

function show(cells: readonly (string | number)[]): void {
  const text = cells.map((cell, i) => {
    const shown = typeof cell === 'number' ? cell.toFixed(cell < 100 ? 2 : 0) : cell;
    return i === 0 ? shown.padEnd(16) : shown.padStart(13);
  });
  console.log(text.join(''));
}

const names = process.argv.slice(2);
const host = createHost();
const kernel = new KernelTarget(host);
const ours = new ExecKernel((services) => createJit(services));
const { mem } = ours.state;
const packet = mem.alloc(1500);
mem.writeBytes(packet, packetBytes());
const ctxOff = mem.alloc(16);
mem.write64(ctxOff, mem.toAddr(packet));
mem.write64(ctxOff + 8, mem.toAddr(packet + 1500));

show(['program', 'kernel ns', 'JIT ns', 'ratio', 'lowest', 'highest', 'net']);
const ratios: number[] = [];
const nets: number[] = [];
let empty = { kernel: 0, jit: 0 };
for (const { name, make, runs } of PROGRAMS) {
  if (names.length > 0 && name !== 'trivial' && !names.includes(name)) continue;
  let fd: number;
  try {
    fd = make(kernel);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(`${name.padEnd(16)} ${error.message}`);
    continue;
  }
  const prog = make(new EngineTarget(ours));
  const resultsOff = mem.alloc(4 * runs);
  const batch = (): number => {
    const start = cpuNs();
    prog.loaded.runBatch({ ctxOff, strideBytes: 0, count: runs, resultsOff });
    return (cpuNs() - start) / runs;
  };
  for (let warm = 0; warm < 6; warm++) {
    for (let i = 0; i < 4; i++) batch();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const repeat = Math.max(10, Math.min(1_000_000, Math.round(1e7 / Math.max(10, kernel.measure(fd, 10)))));
  const pairs = Array.from({ length: SAMPLES }, () => ({ kernel: kernel.measure(fd, repeat), jit: batch() }));
  const quotients = sorted(pairs.map((pair) => pair.jit / pair.kernel));
  const middle = SAMPLES >> 1;
  const [k, j] = [sorted(pairs.map((p) => p.kernel))[middle], sorted(pairs.map((p) => p.jit))[middle]];
  if (name === 'trivial') empty = { kernel: k, jit: j };
  const net = name === 'trivial' ? '-' : Math.max(0, j - empty.jit) / Math.max(1, k - empty.kernel);
  if (typeof net === 'number') {
    ratios.push(quotients[middle]);
    nets.push(net);
  }
  show([name, k, j, quotients[middle], quotients[0], quotients[SAMPLES - 1], net]);
  mem.free(resultsOff);
}
const geomean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(Math.max(value, 1e-3)), 0) / values.length);
show(['geometric mean', '', '', geomean(ratios), '', '', geomean(nets)]);
