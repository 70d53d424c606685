// SPDX-License-Identifier: MIT
// Random programs on the running kernel and here: the same R0.
import { describe, expect, it } from 'vitest';
import { createHost, type Host } from '@tsbpf/host';
import { encodeInsns, formatAsm, programNeeds, type OpcodeRow } from '@tsbpf/insn';
import { randomSource } from '@tsbpf/testkit';
import {
  BPF_PROG_LOAD,
  BPF_PROG_TEST_RUN,
  BPF_PROG_TYPE_SOCKET_FILTER,
  type ProgLoadAttr,
  type TestRunAttr,
} from '@tsbpf/uapi';
import { jumpsOrFetches, LOAD_BYTES, randomProgram, randomWords, type Below } from '../test/random-program.ts';
import { loadBare, type BareHelper } from './bare/bare.ts';

/** A socket filter's packet begins behind it. */
const ETH_HLEN = 14;

function loadBytes(words: Uint8Array): BareHelper {
  return ([, , to, length], mem) => {
    mem.write(to, words.subarray(0, Number(length)));
    return 0n;
  };
}

function open(): { host: Host; version: number } | string {
  try {
    const host = createHost();
    const load: ProgLoadAttr = {
      prog_type: BPF_PROG_TYPE_SOCKET_FILTER,
      insns: Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0),
      license: 'GPL',
    };
    const fd = host.bpf(BPF_PROG_LOAD, load);
    if (fd < 0) return `PROG_LOAD answers ${fd}`;
    host.close(fd);
    const [major, minor] = host.uname().release.split('.').map(Number);
    return { host, version: major * 1000 + minor };
  } catch (error) {
    return String(error);
  }
}

const opened = open();
if (typeof opened === 'string') console.warn(`skipped: no bpf(2) here: ${opened}`);

describe.skipIf(typeof opened === 'string')('random programs', () => {
  const { host, version } = opened as Exclude<typeof opened, string>;
  const known = (row: OpcodeRow): boolean => {
    const [major, minor] = row.since.split('.').map(Number);
    return major * 1000 + minor <= version;
  };

  it.each([1, 2, 3, 4])('seed %i', (seed) => {
    const below: Below = randomSource(seed);
    let ran = 0;
    for (let i = 0; i < 250; i++) {
      const insns = randomProgram(below, 80, (row) => known(row) && jumpsOrFetches(row, i % 2 === 0));
      const words = randomWords(below);
      const packet = new Uint8Array(ETH_HLEN + words.length);
      packet.set(words, ETH_HLEN);
      const helpers = { [LOAD_BYTES]: loadBytes(words) };
      const log_buf = new Uint8Array(1 << 16);
      const bytes = encodeInsns(insns);
      const load: ProgLoadAttr = { prog_type: BPF_PROG_TYPE_SOCKET_FILTER, insns: bytes, license: 'GPL' };
      const fd = host.bpf(BPF_PROG_LOAD, load);
      if (fd < 0) {
        host.bpf(BPF_PROG_LOAD, { ...load, log_buf, log_level: 1 });
        const log = new TextDecoder().decode(log_buf).split('\0')[0].split('\n').slice(-6).join('\n');
        expect.unreachable(`the kernel refuses (${fd}) a program of ${programNeeds(insns).since}: ${log}`);
      }
      const attr: TestRunAttr = { prog_fd: fd, data_in: packet, repeat: 1 };
      const err = host.bpf(BPF_PROG_TEST_RUN, attr);
      host.close(fd);
      expect(err).toBe(0);
      for (const checked of [false, true]) {
        const r0 = loadBare({ insns, checked, helpers }).run().r0 & 0xffffffffn;
        if (r0 !== BigInt(attr.retval ?? -1)) expect([formatAsm(insns), r0]).toEqual(['', BigInt(attr.retval ?? -1)]);
      }
      ran++;
    }
    expect(ran).toBe(250);
  });
});
