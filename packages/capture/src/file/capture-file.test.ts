// SPDX-License-Identifier: MIT
import { CaptureError, UsageError } from '@tsbpf/uapi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FileWriter } from './file-writer.ts';
import { iterateCapture, readCapture } from './read-capture.ts';
import { encodeCapture, encodePcap, encodePcapng } from './write-capture.ts';

const packet = fc.record({
  data: fc.uint8Array({ maxLength: 90 }),
  tsNs: fc.bigInt({ min: 0n, max: 4_000_000_000_999_999_999n }),
});

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.replace(/\s/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function errorOf(run: () => unknown): CaptureError {
  try {
    run();
  } catch (error) {
    if (error instanceof CaptureError) return error;
    throw error;
  }
  return expect.fail('did not throw');
}

describe('pcap', () => {
  const rows: [string, string, bigint][] = [
    [
      'little-endian, microseconds',
      'd4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000  01000000 02000000 03000000 09000000 aabbcc',
      1_000_002_000n,
    ],
    [
      'big-endian, microseconds',
      'a1b2c3d4 0002 0004 00000000 00000000 0000ffff 00000001  00000001 00000002 00000003 00000009 aabbcc',
      1_000_002_000n,
    ],
    [
      'little-endian, nanoseconds',
      '4d3cb2a1 0200 0400 00000000 00000000 ffff0000 01000000  01000000 02000000 03000000 09000000 aabbcc',
      1_000_000_002n,
    ],
    [
      'big-endian, nanoseconds',
      'a1b23c4d 0002 0004 00000000 00000000 0000ffff 00000001  00000001 00000002 00000003 00000009 aabbcc',
      1_000_000_002n,
    ],
  ];
  it.each(rows)('reads %s', (_name, text, tsNs) => {
    const capture = readCapture(hex(text));
    expect(capture.format).toBe('pcap');
    expect(capture.interfaces).toMatchObject([{ linkType: 1, snaplen: 65535 }]);
    expect(capture.packets).toEqual([{ data: hex('aabbcc'), origLen: 9, tsNs, ifaceIdx: 0, linkType: 1, offset: 24 }]);
  });

  it('reads back what it writes, in all flavours', () => {
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 6 }), fc.boolean(), fc.boolean(), (packets, nanoseconds, bigEndian) => {
        const back = readCapture(encodePcap(packets, { nanoseconds, bigEndian, linkType: 101 }));
        expect(back.packets.map(({ data, tsNs, origLen, linkType }) => ({ data, tsNs, origLen, linkType }))).toEqual(
          packets.map(({ data, tsNs }) => ({
            data,
            tsNs: nanoseconds ? tsNs : tsNs - (tsNs % 1000n),
            origLen: data.length,
            linkType: 101,
          })),
        );
      }),
    );
  });

  it('cuts to the snap length and keeps the original one', () => {
    const [only] = readCapture(encodePcap([{ data: new Uint8Array(100) }], { snaplen: 60 })).packets;
    expect([only.data.length, only.origLen]).toEqual([60, 100]);
  });

  it.each([
    ['', 0, 'not a capture: 0 bytes have no room for a magic number'],
    ['00112233 44556677', 0, 'not a capture: begins with 00 11 22 33, neither pcap nor pcapng'],
    ['d4c3b2a1 0200', 6, 'pcap file header cut: 6 of 24 bytes'],
    ['d4c3b2a1 0300 0400 00000000 00000000 ffff0000 01000000', 4, 'pcap version 3.4, only 2.x is known'],
    ['34cdb2a1 0200 0400', 0, 'a "patched" pcap'],
  ])('refuses %s', (text, offset, message) => {
    const error = errorOf(() => readCapture(hex(text)));
    expect(error.message).toContain(message);
    expect(error.offset).toBe(offset);
    expect(error.code).toBe('EINVAL');
  });

  it('says where it was cut, or yields the whole packets when that is allowed', () => {
    const file = encodePcap([{ data: new Uint8Array(10) }, { data: new Uint8Array(20) }]);
    const second = 24 + 16 + 10;
    for (let len = second + 1; len < file.length; len++) {
      const cut = file.subarray(0, len);
      const error = errorOf(() => readCapture(cut));
      expect(error.offset).toBe(second);
      expect(error.message).toContain('of packet 2');
      const partial = readCapture(cut, { allowTruncated: true });
      expect(partial.packets.length).toBe(1);
      expect(partial.warnings).toEqual([error.message]);
    }
    expect(readCapture(file.subarray(0, second)).packets.length).toBe(1);
    expect(errorOf(() => readCapture(file.subarray(0, file.length - 1))).message).toBe(
      'capture cut in the data of packet 2: 19 of 20 bytes (at offset 50)',
    );
  });

  it('does not write times it cannot hold', () => {
    expect(() => encodePcap([{ data: new Uint8Array(1), tsNs: -1n }])).toThrow(UsageError);
    expect(() => encodePcap([{ data: new Uint8Array(1), tsNs: (1n << 32n) * 1_000_000_000n }])).toThrow(UsageError);
  });
});

/** A block as the format draws it, independent of the writer under test. */
function block(littleEndian: boolean, type: number, body: (out: FileWriter) => void): Uint8Array {
  const inner = new FileWriter(littleEndian);
  body(inner);
  inner.pad4();
  const out = new FileWriter(littleEndian);
  out.u32(type);
  out.u32(inner.length + 12);
  out.raw(inner.finish());
  out.u32(inner.length + 12);
  return out.finish();
}

function section(littleEndian: boolean): Uint8Array {
  return block(littleEndian, 0x0a0d0d0a, (out) => {
    out.u32(0x1a2b3c4d);
    out.u32(littleEndian ? 1 : 0x10000);
    out.s64(-1n);
  });
}

function iface(littleEndian: boolean, linkType: number, snaplen: number, tsresol?: number): Uint8Array {
  return block(littleEndian, 1, (out) => {
    out.u16(linkType);
    out.u16(0);
    out.u32(snaplen);
    if (tsresol !== undefined) {
      out.u16(9);
      out.u16(1);
      out.u8(tsresol);
      out.pad4();
      out.u32(0);
    }
  });
}

function enhanced(littleEndian: boolean, ifaceId: number, ts: bigint, data: Uint8Array): Uint8Array {
  return block(littleEndian, 6, (out) => {
    out.u32(ifaceId);
    out.u32(Number(ts >> 32n));
    out.u32(Number(ts & 0xffffffffn));
    out.u32(data.length);
    out.u32(data.length + 5);
    out.raw(data);
    out.pad4();
    out.u16(2);
    out.u16(4);
    out.u32(1);
    out.u32(0);
  });
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe('pcapng', () => {
  it.each([
    [undefined, 1_500_000n, 1_500_000_000n],
    [9, 1_500_000_000n, 1_500_000_000n],
    [3, 1500n, 1_500_000_000n],
    [12, 1_500_000_000_999n, 1_500_000_000n],
    [0x80 | 10, 1536n, 1_500_000_000n],
    [0, 3n, 3_000_000_000n],
  ])('if_tsresol %s: %s is %s ns', (tsresol, ts, tsNs) => {
    for (const le of [true, false]) {
      const file = joined(section(le), iface(le, 1, 0, tsresol), enhanced(le, 0, ts, hex('010203')));
      expect(readCapture(file).packets).toMatchObject([{ tsNs, origLen: 8, data: hex('010203') }]);
    }
  });

  it('counts interfaces over sections, each in its own byte order, and passes over other blocks', () => {
    const custom = block(true, 0x0bad, (out) => out.raw(new Uint8Array(40)));
    const simple = block(false, 3, (out) => {
      out.u32(50);
      out.raw(new Uint8Array(8).fill(7));
    });
    const old = block(false, 2, (out) => {
      for (const half of [0, 9]) out.u16(half);
      for (const word of [0, 5, 4, 4]) out.u32(word);
      out.raw(hex('0a0b0c0d'));
    });
    const file = joined(
      ...[section(true), iface(true, 1, 0), iface(true, 101, 0), custom, enhanced(true, 1, 1n, hex('aa'))],
      ...[section(false), iface(false, 228, 8), enhanced(false, 0, 2n, hex('bb')), simple, old],
    );
    const capture = readCapture(file);
    expect(capture.interfaces.map((entry) => entry.linkType)).toEqual([1, 101, 228]);
    expect(capture.packets).toMatchObject([
      { ifaceIdx: 1, linkType: 101, tsNs: 1000n, data: hex('aa') },
      { ifaceIdx: 2, linkType: 228, tsNs: 2000n, data: hex('bb') },
      { ifaceIdx: 2, tsNs: 0n, origLen: 50, data: hex('0707070707070707') },
      { ifaceIdx: 2, tsNs: 5000n, data: hex('0a0b0c0d') },
    ]);
  });

  it('reads back what it writes', () => {
    const interfaces = [
      { linkType: 1, name: 'eth0', description: 'the ünderlay', tsresol: 9 },
      { linkType: 101, snaplen: 40, tsresol: 0x80 | 30, tsOffsetSec: -5n },
    ];
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 6 }), fc.boolean(), (packets, bigEndian) => {
        const file = encodePcapng(
          packets.map((each, idx) => ({ ...each, ifaceIdx: idx % 2 })),
          { interfaces, bigEndian, application: 'tsbpf' },
        );
        const back = readCapture(file);
        expect(back.interfaces).toMatchObject([
          { linkType: 1, name: 'eth0', description: 'the ünderlay', tsOffsetSec: 0n, tsUnitsPerSec: 1_000_000_000n },
          { linkType: 101, snaplen: 40, tsOffsetSec: -5n, tsUnitsPerSec: 1n << 30n },
        ]);
        back.packets.forEach((got, idx) => {
          const sent = packets[idx];
          expect(got.data).toEqual(idx % 2 === 0 ? sent.data : sent.data.subarray(0, 40));
          expect(got.origLen).toBe(sent.data.length);
          const late = sent.tsNs - got.tsNs;
          expect(late >= 0n && late <= (idx % 2 === 0 ? 0n : 1n)).toBe(true);
        });
      }),
    );
  });

  it('a cut anywhere is an error with an offset, or a warning after the whole packets', () => {
    const file = encodePcapng([{ data: new Uint8Array(7) }, { data: new Uint8Array(9) }]);
    const { packets } = readCapture(file);
    for (let len = 4; len < file.length; len++) {
      const cut = file.subarray(0, len);
      const partial = readCapture(cut, { allowTruncated: true });
      const whole = packets.filter((each, idx) => (packets[idx + 1]?.offset ?? file.length) <= len).length;
      expect(partial.packets.length).toBe(whole);
      if (partial.warnings.length > 0) {
        const error = errorOf(() => readCapture(cut));
        expect(error.message).toBe(partial.warnings[0]);
        expect(error.offset).toBeLessThan(len);
      }
    }
  });

  it.each<[string, Uint8Array, string, number]>([
    ['no byte-order magic', hex('0a0d0d0a 1c000000 00000000 00000000'), 'without a byte-order magic', 8],
    [
      'no interface',
      joined(section(true), enhanced(true, 0, 0n, hex('00'))),
      'on interface 0, which its section does not',
      28,
    ],
    [
      'an interface of the section before',
      joined(section(true), iface(true, 1, 0), section(true), enhanced(true, 0, 0n, hex('00'))),
      'on interface 0, which its section does not',
      76,
    ],
    ['impossible length', joined(section(true), hex('06000000 0b000000 00000000')), 'impossible length 11', 28],
    [
      'lengths differ',
      joined(section(true), hex('05000000 0c000000 10000000')),
      'length 12 at its start, 16 at its end',
      28,
    ],
    [
      'data longer than the block',
      joined(
        section(true),
        iface(true, 1, 0),
        hex('06000000 20000000 00000000 00000000 00000000 05000000 05000000 20000000'),
      ),
      'packet of 5 bytes in a block with room for 0',
      48,
    ],
    [
      'an option longer than the block',
      joined(section(true), hex('01000000 18000000 01000000 00000000 02001000 18000000')),
      'pcapng option 2 of 16 bytes exceeds its block by 16',
      44,
    ],
    [
      'short interface',
      joined(section(true), hex('01000000 10000000 01000000 10000000')),
      'needs a body of 8 bytes, it has 4',
      28,
    ],
  ])('refuses: %s', (_name, file, message, offset) => {
    const error = errorOf(() => readCapture(file, { allowTruncated: true }));
    expect(error.message).toContain(message);
    expect(error.offset).toBe(offset);
  });

  it('refuses to write what it cannot hold', () => {
    const data = new Uint8Array(1);
    expect(() => encodePcapng([{ data, ifaceIdx: 1 }])).toThrow('packet on interface 1, but 1 are described');
    expect(() => encodePcapng([{ data, tsNs: -1n }])).toThrow(UsageError);
  });
});

describe('iterateCapture', () => {
  it('yields packets before it meets the error behind them, without copying', () => {
    const file = encodeCapture('pcapng', [{ data: hex('11') }, { data: hex('22') }]);
    const reader = iterateCapture(file.subarray(0, file.length - 3));
    expect(reader.format).toBe('pcapng');
    const seen: number[] = [];
    expect(() => {
      for (const each of reader) {
        expect(each.data.buffer).toBe(file.buffer);
        seen.push(each.data[0]);
      }
    }).toThrow(CaptureError);
    expect(seen).toEqual([0x11]);
  });
});
