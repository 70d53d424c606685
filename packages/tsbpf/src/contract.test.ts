// SPDX-License-Identifier: MIT
// What every user of the facade may rely on.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  BPF_ANY,
  BPF_MAP_CREATE,
  BPF_MAP_GET_NEXT_ID,
  BPF_MAP_LOOKUP_ELEM,
  BPF_MAP_TYPE_ARRAY,
  BPF_MAP_TYPE_HASH,
  BPF_MAP_TYPE_NAMES,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_TYPE_NAMES,
  createKernel,
  ENOENT,
  NotSupportedError,
  openObject,
  type SimulatedKernel,
} from './index.ts';
import { defaultRegistries } from './registries.ts';

const FIREWALL = readFileSync(new URL('../../../examples/xdp-firewall/firewall.bpf.o', import.meta.url));
const FRAME = new Uint8Array(64).fill(7);

const firewall = (kernel: SimulatedKernel) => openObject(FIREWALL, { sys: kernel, name: 'firewall' }).load();
const u32 = (value: number): Uint8Array => new Uint8Array(new Uint32Array([value]).buffer);

describe.each(['interpreter', 'jit'] as const)('the firewall on the %s', (engine) => {
  it('gives the verdicts and maps of the other engine', () => {
    const run = (name: 'interpreter' | 'jit'): unknown => {
      const kernel = createKernel({ engine: name });
      using obj = firewall(kernel);
      const device = kernel.net.device('eth0');
      using _link = obj.program('firewall').attachXdp(device);
      const codes: number[] = [];
      for (let host = 0; host < 64; host++) {
        const frame = new Uint8Array(60).map((_, i) => (host * i) & 0xff);
        frame.set([0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, host % 3 === 0 ? 17 : 6, 0, 0, 10, 0, 0, host], 12);
        codes.push(device.receive(frame).code);
      }
      return [codes, [...obj.map('counters').entries()], [...obj.map('sources').entries()].length];
    };
    expect(run(engine)).toEqual(run('interpreter'));
  });
});

describe('two kernels in one process', () => {
  it('do not see each other', () => {
    const first = createKernel();
    const second = createKernel();
    using obj = firewall(first);
    first.net.device('eth0').receive(FRAME);
    using link = obj.program('firewall').attachXdp(first.net.device('eth0'));
    expect(link.progName).toBe('firewall');
    first.net.device('eth0').receive(FRAME);

    expect(second.bpf(BPF_MAP_GET_NEXT_ID, { start_id: 0 })).toBe(-ENOENT);
    expect(second.state.fds.fds()).toEqual([0, 1, 2]);
    expect(second.net.device('eth0').receive(FRAME).action).toBe('XDP_PASS');
    using other = firewall(second);
    expect([...other.map('counters').values()].every((n) => n === 0n)).toBe(true);
    expect([...obj.map('counters').values()].some((n) => n !== 0n)).toBe(true);
  });

  it('give the same run, byte for byte', () => {
    const trace = (): unknown => {
      const kernel = createKernel({ seed: 3 });
      using obj = firewall(kernel);
      const results = [1, 2, 3].map((n) => obj.program('firewall').testRun({ data: FRAME.map((b) => b * n) }));
      return [results, [...obj.map('counters').entries()], kernel.state.mem.save()];
    };
    expect(trace()).toEqual(trace());
  });
});

describe('memory', () => {
  it('holds a map above 2 GiB', () => {
    const kernel = createKernel();
    const filler = kernel.state.mem.alloc(0x8000_0000, { zero: false });
    if (filler === 0) {
      console.log('a map above 2 GiB: skipped, this machine has not the address space');
      return;
    }
    // What is left below it.
    for (let size = 4096; size >= 8; size -= 8) while (kernel.state.mem.alloc(size) < filler);
    for (const map_type of [BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH]) {
      const fd = kernel.bpf(BPF_MAP_CREATE, { map_type, key_size: 4, value_size: 8, max_entries: 100 });
      expect(fd).toBeGreaterThan(0);
      const file = kernel.state.fds.get(fd, 'map');
      expect(typeof file === 'number' ? 0 : file.map.off).toBeGreaterThan(0x7fff_ffff);
      const value = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(kernel.bpf(BPF_MAP_UPDATE_ELEM, { map_fd: fd, key: u32(7), value, flags: BigInt(BPF_ANY) })).toBe(0);
      const read = new Uint8Array(8);
      expect(kernel.bpf(BPF_MAP_LOOKUP_ELEM, { map_fd: fd, key: u32(7), value: read })).toBe(0);
      expect(read).toEqual(value);
    }
    using obj = firewall(kernel);
    using _link = obj.program('firewall').attachXdp(kernel.net.device('eth0'));
    kernel.net.device('eth0').receive(FRAME);
    expect([...obj.map('counters').values()].reduce((sum, n) => Number(sum) + Number(n), 0)).toBe(1);
  });

  it('may grow while a program runs', () => {
    const kernel = createKernel({ memory: { initialPages: 4 } });
    using obj = firewall(kernel);
    const restore = kernel.overrideHelper('bpf_map_update_elem', (original) => (call, ...args) => {
      const generation = kernel.state.mem.generation;
      while (kernel.state.mem.generation === generation) kernel.state.mem.alloc(1 << 20);
      return original?.(call, ...args) ?? 0;
    });
    const device = kernel.net.device('eth0');
    using _link = obj.program('firewall').attachXdp(device);
    for (let host = 1; host <= 20; host++) {
      const frame = new Uint8Array(60);
      frame.set([0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, host, 10, 0, 0, 254], 12);
      expect(device.receive(frame).action).toBe('XDP_PASS');
    }
    restore();
    expect(obj.map('sources').size).toBe(20);
  });
});

describe('the engine', () => {
  it('is the JIT, and says so', () => {
    expect(createKernel().engine).toEqual({ name: 'jit', reason: 'it is the default' });
    expect(createKernel({ engine: 'interpreter' }).engine.name).toBe('interpreter');
    expect(createKernel({ checked: true }).engine).toEqual({ name: 'interpreter', reason: 'checked mode is its own' });
  });

  it('is the interpreter where WebAssembly may not be compiled, unless the JIT was asked for', () => {
    const { Module } = WebAssembly;
    // What a content security policy without wasm-unsafe-eval does.
    Reflect.set(WebAssembly, 'Module', function forbidden() {
      throw new WebAssembly.CompileError('Wasm code generation disallowed by embedder');
    });
    try {
      const kernel = createKernel();
      expect(kernel.engine.name).toBe('interpreter');
      expect(kernel.engine.reason).toContain('content security policy');
      using obj = firewall(kernel);
      expect(obj.program('firewall').testRun({ data: FRAME }).retval).toBe(2);
      expect(() => createKernel({ engine: 'jit' })).toThrow(NotSupportedError);
    } finally {
      Reflect.set(WebAssembly, 'Module', Module);
    }
  });

  it('reports what compiling cost', () => {
    const kernel = createKernel();
    using obj = firewall(kernel);
    const file = kernel.state.fds.get(obj.program('firewall').fd, 'prog');
    expect(typeof file === 'number' ? 0 : file.prog.loaded.compileNs).toBeGreaterThan(0);
  });
});

describe('registries', () => {
  it('have a row for each program type of v5.6, once', () => {
    const types = defaultRegistries().progTypes.map((row) => row.type);
    const all = Object.keys(BPF_PROG_TYPE_NAMES)
      .map(Number)
      .filter((type) => type > 0);
    expect(types).toEqual(all);
    expect(all).toHaveLength(28);
  });

  it('have map types of v5.6 only, each once', () => {
    const types = defaultRegistries().mapTypes.map((row) => row.type);
    expect(new Set(types).size).toBe(types.length);
    for (const type of types) expect(BPF_MAP_TYPE_NAMES[type]).toBeDefined();
  });
});

describe('versions', () => {
  it('that are not whole are unsupported', () => {
    expect(() => createKernel({ version: '6.18' })).toThrow(NotSupportedError);
  });
});
