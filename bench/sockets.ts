// SPDX-License-Identifier: MIT
// A counter for each of 4,096 sockets: kept with the socket, against a hash by the socket's cookie. On both engines, in
// turns: `pnpm bench:sockets`. Nanoseconds of CPU time a run, medians.
import { readFileSync } from 'node:fs';
import { createSock, netOf } from '@tsbpf/net';
import { InternalError } from '@tsbpf/uapi';
import { openObject } from 'tsbpf';
import { cpuNs } from './cpu-clock.ts';
import { median } from './statistics.ts';
import { simulatedKernel, type EngineName } from './target.ts';

const SOCKETS = 4096;
const SAMPLES = 31;
const WARM = 60;
const PROGRAMS = ['sk_storage', 'cookie_hash'] as const;

/** Passes over all sockets, by program: nanoseconds of a run. */
function passes(engine: EngineName): Readonly<Record<(typeof PROGRAMS)[number], () => number>> {
  const kernel = simulatedKernel(engine);
  const { state } = kernel;
  const { mem, types } = state;
  const object = readFileSync(new URL('programs/sockets.bpf.o', import.meta.url));
  const obj = openObject(object, { sys: kernel, name: 'sockets' });
  obj.load();
  const strideBytes = Math.ceil(types.sizeOf('sk_buff') / 64) * 64;
  const ctxOff = mem.alloc(SOCKETS * strideBytes, { kind: 'object', name: 'sk_buff', align: 64 });
  const { netns } = netOf(state).device('lo');
  for (let i = 0; i < SOCKETS; i++) {
    const sock = createSock(state, { netns, struct: 'tcp_sock' });
    if (sock === undefined) throw new InternalError('no room for sockets');
    mem.write64(ctxOff + i * strideBytes + types.resolve('sk_buff.sk').off, mem.toAddr(sock.off));
  }
  const resultsOff = mem.alloc(4 * SOCKETS);
  const pass = (name: string) => (): number => {
    const file = state.fds.get(obj.program(name).fd, 'prog');
    if (typeof file === 'number') throw new InternalError(`no program ${name}`);
    const start = cpuNs();
    state.runProgBatch(file.prog, { ctxOff, strideBytes, count: SOCKETS, resultsOff });
    return (cpuNs() - start) / SOCKETS;
  };
  return { sk_storage: pass('sk_storage'), cookie_hash: pass('cookie_hash') };
}

for (const engine of ['interpreter', 'jit'] as const) {
  const run = passes(engine);
  for (let i = 0; i < WARM; i++) {
    for (const name of PROGRAMS) run[name]();
    if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const pairs = Array.from({ length: SAMPLES }, () => ({ storage: run.sk_storage(), hash: run.cookie_hash() }));
  const [storage, hash] = [median(pairs.map((pair) => pair.storage)), median(pairs.map((pair) => pair.hash))];
  const ratio = median(pairs.map((pair) => pair.storage / pair.hash));
  console.log(
    `${engine.padEnd(12)} sk_storage ${storage.toFixed(1)} ns, hash by cookie ${hash.toFixed(1)} ns, ratio ${ratio.toFixed(2)}`,
  );
}
console.log(`Linux, when sk_storage came: 66 and 152 ns, ratio ${(66 / 152).toFixed(2)}`);
