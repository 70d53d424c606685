// SPDX-License-Identifier: MIT
// Programs that find a listening socket and keep values with it, on the running kernel and on ours.
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BTF_INT_SIGNED, createBtfBuilder } from '@tsbpf/btf';
import { createHost } from '@tsbpf/host';
import { answerText, randomSource, TestMap, u32s } from '@tsbpf/testkit';
import {
  BPF_BTF_LOAD,
  BPF_F_NO_PREALLOC,
  BPF_MAP_TYPE_SK_STORAGE,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_SCHED_CLS,
  BpfError,
  type Sys,
  type TestRunAttr,
} from '@tsbpf/uapi';
import { loadAsm, realKernel } from '../../test/real-kernel.ts';
import { netOf } from '../net-state.ts';
import { installSocket } from '../sock/socket-file.ts';

let real: Sys | undefined;
let why = '';
try {
  real = createHost();
  const probe = real.bpf(BPF_BTF_LOAD, { btf: intBtf().btf });
  if (probe < 0) throw new BpfError(`BPF_BTF_LOAD answers ${probe}`, { errno: -probe });
  real.close(probe);
} catch (error) {
  if (!(error instanceof BpfError)) throw error;
  real = undefined;
  why = error.message;
}

const server: Server = createServer();
let port = 0;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as { port: number });
});
afterAll(() => server.close());

function intBtf(): { btf: Uint8Array; int: number } {
  const btf = createBtfBuilder();
  const int = btf.int('int', 4, { encoding: BTF_INT_SIGNED });
  return { btf: btf.bytes(), int };
}

/** Looks up the listener at 127.0.0.1 and lets `body` work on r6, the socket; r7 is the verdict. */
function around(body: string): string {
  const bigEndian = ((port & 0xff) << 8) | (port >>> 8);
  return (
    'r8 = r1\nr1 = 0\n*(u64 *)(r10 - 16) = r1\nr1 = 0x0100007f\n*(u32 *)(r10 - 16) = r1\n*(u32 *)(r10 - 12) = r1\n' +
    `r1 = 0\n*(u16 *)(r10 - 8) = r1\nr1 = ${bigEndian}\n*(u16 *)(r10 - 6) = r1\n` +
    'r1 = r8\nr2 = r10\nr2 += -16\nr3 = 12\nr4 = -1\nr5 = 0\ncall 84\nr7 = 99\nif r0 == 0 goto out\nr6 = r0\n' +
    `${body}r1 = r6\ncall 86\nout:\nr0 = r7\nexit\n`
  );
}

const get = (value: string, flags: string): string => `r1 = m ll\nr2 = r6\n${value}r4 = ${flags}\ncall 107\n`;
const read = 'r7 = 1\nif r0 == 0 goto put\nr7 = *(u32 *)(r0 + 0)\nput:\n';
const bump = `${read}if r0 == 0 goto done\nr7 += 3\n*(u32 *)(r0 + 0) = r7\ndone:\n`;
const fromStack = 'r1 = 5000\n*(u64 *)(r10 - 24) = r1\n';
const bodies: readonly string[] = [
  `${get('r3 = 0\n', '1')}${bump}`,
  `${get('r3 = 0\n', '0')}${read}`,
  `${get('r3 = 0\n', '2')}${read}`,
  `${fromStack}r1 = m ll\nr2 = r6\nr3 = r10\nr3 += -24\nr4 = 1\ncall 107\n${read}`,
  'r1 = m ll\nr2 = r6\ncall 108\nr7 = r0\nr7 = -r7\n',
];

interface Side {
  readonly map: TestMap;
  readonly key: Uint8Array;
  run(body: number): string;
  close(): void;
}

function side(sys: Sys, socketFd: number): Side {
  const { btf, int } = intBtf();
  const btf_fd = sys.bpf(BPF_BTF_LOAD, { btf });
  const map = new TestMap(sys, {
    map_type: BPF_MAP_TYPE_SK_STORAGE,
    map_flags: BPF_F_NO_PREALLOC,
    key_size: 4,
    value_size: 4,
    btf_fd,
    btf_key_type_id: int,
    btf_value_type_id: int,
  });
  const progs = bodies.map((body) => loadAsm(sys, BPF_PROG_TYPE_SCHED_CLS, around(body), { m: map.fd }));
  return {
    map,
    key: u32s(socketFd),
    run(body) {
      const attr: TestRunAttr = { prog_fd: progs[body], data_in: new Uint8Array(64) };
      const err = sys.bpf(BPF_PROG_TEST_RUN, attr);
      return err < 0 ? answerText(err) : `verdict ${attr.retval}`;
    },
    close() {
      for (const fd of [...progs, btf_fd]) sys.close(fd);
      map.close();
    },
  };
}

describe('values of sockets', () => {
  it('are what programs and system calls make of them', (context) => {
    if (real === undefined) {
      context.skip(`no kernel to compare with: ${why}`);
      return;
    }
    const sim = realKernel();
    const net = netOf(sim.state);
    const sock = net.addSocket({ protocol: 'tcp', local: { ip: '127.0.0.1', port } });
    const ours = side(
      sim,
      installSocket(sim.state, sock, () => net.removeSocket(sock)),
    );
    const theirs = side(real, (server as unknown as { _handle: { fd: number } })._handle.fd);
    const random = randomSource(52);
    const seen = new Set<string>();
    for (let i = 0; i < 1500; i++) {
      const choice = random(bodies.length + 4);
      const flags = random(4);
      const value = u32s(random(1000));
      const [want = '', got] = [theirs, ours].map(({ map, key, run }) => {
        if (choice < bodies.length) return run(choice);
        if (choice === bodies.length) return answerText(map.delete(key));
        if (choice === bodies.length + 1) return answerText(map.update(key, value, flags));
        return answerText(map.lookup(key));
      });
      expect(got, `operation ${i}, choice ${choice}, flags ${flags}`).toBe(want);
      seen.add(want);
    }
    for (const each of ['verdict 1', 'verdict 2', 'verdict 5000', 'EEXIST', 'EINVAL', '0']) {
      expect([...seen], each).toContain(each);
    }
    expect([...seen]).not.toContain('verdict 99');
    ours.close();
    theirs.close();
  });
});
