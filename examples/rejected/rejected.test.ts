// SPDX-License-Identifier: MIT
// What a rejection says: the log that Linux 5.6 writes, and what happened, in terms of the C source.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createKernel, openObject, VerifierError } from 'tsbpf';

const at = (name: string): URL => new URL(name, import.meta.url);

function rejection(): VerifierError {
  const obj = openObject(readFileSync(at('./options.bpf.o')), { sys: createKernel(), name: 'options' });
  try {
    obj.load();
  } catch (error) {
    if (error instanceof VerifierError) return error;
    throw error;
  }
  return expect.fail('it was accepted');
}

describe('a program that Linux refuses', () => {
  const error = rejection();
  const { diagnostic } = error;

  it('fails with the errno and the log that Linux gives', () => {
    expect(error.code).toBe('EACCES');
    expect(error.log).toBe(readFileSync(at('./expected.log'), 'utf8'));
  });

  it('is refused for a line of C', () => {
    expect(diagnostic?.message).toBe('R1 offset is outside of the packet');
    expect(diagnostic?.source).toMatchObject({ line: 40, text: expect.stringContaining('option->size') as unknown });
    expect(diagnostic?.source?.file).toMatch(/options\.bpf\.c$/);
  });

  it('is refused for an instruction: a load of two bytes through r1', () => {
    expect(diagnostic?.insn).toBe('(69) r1 = *(u16 *)(r1 +0)');
    expect(diagnostic?.subject).toBe('r1');
  });

  it('says how r1 came to point there, and how much of the packet was known by then', () => {
    const last = diagnostic?.history.at(-1);
    // It points at byte 56, and bytes 0 to 55 were compared with the packet's end: those of the option's first half.
    expect(last?.state).toContain('r1=pkt(id=0,off=56,r=56,imm=0)');
    expect(last?.source?.text).toContain('if (ip->ihl != 5 || ip->protocol != IPPROTO_TCP');
  });

  it('is accepted once all that is read was compared', () => {
    // In C: `if ((void *)(option + 1) > end)`. In bytecode, r1 goes on to the option's end and is read from before it.
    const bytes = new Uint8Array(readFileSync(at('./options.bpf.o')));
    replace(bytes, [0x07, 0x01, 0, 0, 56, 0, 0, 0], [0x07, 0x01, 0, 0, 58, 0, 0, 0]);
    replace(bytes, [0x69, 0x11, 0, 0, 0, 0, 0, 0], [0x69, 0x11, 0xfe, 0xff, 0, 0, 0, 0]);
    using obj = openObject(bytes, { sys: createKernel(), name: 'options' });
    expect(obj.load().program('smallest_mss').loaded).toBe(true);
  });
});

/** Puts an instruction in the place of another, which is there once. */
function replace(bytes: Uint8Array, from: readonly number[], to: readonly number[]): void {
  const found = [...bytes.keys()].filter((at) => from.every((byte, i) => bytes[at + i] === byte));
  expect(found).toHaveLength(1);
  bytes.set(to, found[0]);
}
