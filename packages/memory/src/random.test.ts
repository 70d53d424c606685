// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { KernelMemory } from './kernel-memory.ts';

/** Numbers that are the same in every run. */
function createPrng(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

function randomLen(rand: (below: number) => number): number {
  const kind = rand(100);
  if (kind < 60) return 1 + rand(128);
  if (kind < 90) return 1 + rand(4096);
  if (kind < 99) return 1 + rand(40_000);
  return 1 + rand(600_000);
}

interface Model {
  off: number;
  len: number;
  mark: number;
}

/** Runs random operations and keeps in step a model: regions in order, each stamped with its mark at both ends. */
class Exercise {
  readonly live: Model[] = [];
  readonly byOff = new Map<number, Model>();
  bytes = 0;
  #mark = 1;
  readonly mem: KernelMemory;
  readonly rand: (below: number) => number;

  constructor(mem: KernelMemory, seed: number) {
    this.mem = mem;
    this.rand = createPrng(seed);
  }

  alloc(): number {
    const len = randomLen(this.rand);
    const align = 1 << this.rand(this.rand(20) === 0 ? 14 : 5);
    const off = this.mem.alloc(len, { align });
    if (off === 0) return 0;
    if (off % align !== 0 || off < 65536) expect.fail(`alloc(${len}, align ${align}) is ${off}`);
    const model = { off, len, mark: this.#mark++ & 0xff };
    this.mem.write8(off, model.mark);
    this.mem.write8(off + len - 1, model.mark);
    this.live.push(model);
    this.byOff.set(off, model);
    this.bytes += len;
    return off;
  }

  free(): void {
    const idx = this.rand(this.live.length);
    const model = this.live[idx];
    this.live[idx] = this.live[this.live.length - 1];
    this.live.pop();
    this.byOff.delete(model.off);
    this.bytes -= model.len;
    if (this.mem.read8(model.off) !== model.mark || this.mem.read8(model.off + model.len - 1) !== model.mark) {
      expect.fail(`region at ${model.off} was overwritten`);
    }
    this.mem.free(model.off);
  }

  step(liveGoal: number): void {
    if (this.live.length === 0 || this.rand(liveGoal * 2) > this.live.length) this.alloc();
    else this.free();
  }

  check(): void {
    const sorted = [...this.live].sort((a, b) => a.off - b.off);
    for (let i = 1; i < sorted.length; i++) {
      if (sorted[i - 1].off + sorted[i - 1].len > sorted[i].off) expect.fail(`overlap at ${sorted[i].off}`);
    }
    for (const { off, len } of sorted) {
      for (const at of [off, off + len - 1, off + this.rand(len)]) {
        if (this.mem.regionOf(at)?.off !== off) expect.fail(`regionOf(${at}) is not the region at ${off}`);
      }
    }
    expect(this.mem.liveRegions).toBe(this.live.length);
    expect(this.mem.allocatedBytes).toBe(this.bytes);
    expect([...this.mem.regions()].length).toBe(this.live.length);
  }
}

describe('random use', () => {
  it('a million operations neither overlap nor leak', () => {
    const mem = new KernelMemory();
    const run = new Exercise(mem, 1);
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 100_000; i++) run.step(round % 2 === 0 ? 8000 : 500);
      run.check();
    }
    const grown = mem.u8.length;
    while (run.live.length > 0) run.free();
    expect(mem.allocatedBytes).toBe(0);
    expect(mem.liveRegions).toBe(0);
    const again = new Exercise(mem, 1);
    for (let i = 0; i < 100_000; i++) again.step(8000);
    again.check();
    expect(mem.u8.length).toBe(grown);
  });

  it('survives exhaustion', () => {
    const mem = new KernelMemory({ maximumPages: 40 });
    const run = new Exercise(mem, 2);
    let refused = 0;
    for (let i = 0; i < 20_000; i++) {
      if (run.live.length === 0 || run.rand(3) > 0) refused += run.alloc() === 0 ? 1 : 0;
      else run.free();
    }
    expect(refused).toBeGreaterThan(100);
    run.check();
  });

  it('goes on identically after a restore, whatever happened in between', () => {
    const mem = new KernelMemory({ initialPages: 4 });
    const run = new Exercise(mem, 3);
    for (let i = 0; i < 5000; i++) run.step(800);
    const frozen = [...mem.regions()][7];
    frozen.writable = false;
    const saved = { live: [...run.live], bytes: run.bytes, mem: mem.save(), u8: mem.u8.slice() };
    const play = (): { offs: number[]; bytes: Uint8Array } => {
      const replay = new Exercise(mem, 4);
      replay.live.push(...saved.live);
      replay.bytes = saved.bytes;
      const offs: number[] = [];
      for (let i = 0; i < 20_000; i++) {
        replay.step(1500);
        offs.push(replay.live[replay.live.length - 1].off);
      }
      replay.check();
      return { offs, bytes: mem.u8.slice() };
    };
    const first = play();
    frozen.writable = true;
    for (let time = 0; time < 2; time++) {
      mem.restore(saved.mem);
      expect(frozen.writable).toBe(false);
      const now = mem.u8;
      const same = saved.u8.every((byte, off) => byte === now[off]);
      expect(same && now.subarray(saved.u8.length).every((byte) => byte === 0)).toBe(true);
      const next = play();
      expect(next.offs).toEqual(first.offs);
      expect(next.bytes.every((byte, off) => byte === first.bytes[off])).toBe(true);
    }
  });
});
