// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { createTcAttacher, setLinkXdp } from './attach-net.ts';
import { attrNested, attrString, attrU32, encodeAttrs, encodeRequest, parseAck } from './netlink.ts';
import type { NetlinkRequest } from './netlink.ts';

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

describe('netlink messages', () => {
  it('pads attributes to 4 bytes and does not count the padding', () => {
    expect(hex(encodeAttrs([attrString(1, 'bpf'), attrU32(3, -1)]))).toBe('08000100' + '62706600' + '08000300ffffffff');
    expect(hex(encodeAttrs([attrString(1, 'clsact')]))).toBe('0b000100' + '636c7361637400' + '00');
    expect(hex(encodeAttrs([attrNested(43, [attrU32(1, 5)])]))).toBe('0c002b80' + '0800010005000000');
  });

  it('has a header with length, type, flags and sequence', () => {
    const message = encodeRequest({ type: 19, flags: 0x200, header: new Uint8Array(16), attrs: [attrU32(1, 2)] });
    expect(hex(message.subarray(0, 16))).toBe('28000000' + '1300' + '0502' + '01000000' + '00000000');
    expect(message).toHaveLength(40);
  });

  it('finds the acknowledgement after other messages', () => {
    const other = encodeRequest({ type: 20, flags: 0, header: new Uint8Array(4), attrs: [] });
    const error = new Uint8Array(20);
    const view = new DataView(error.buffer);
    view.setUint32(0, 20, true);
    view.setUint16(4, 2, true);
    view.setInt32(16, -17, true);
    expect(parseAck(new Uint8Array([...other, ...error]))).toBe(-17);
    expect(parseAck(other)).toBeUndefined();
    expect(parseAck(new Uint8Array(20))).toBeUndefined();
  });
});

describe('attaching to devices', () => {
  const recorder = (answers: number[]): { sent: NetlinkRequest[]; send: (request: NetlinkRequest) => number } => {
    const sent: NetlinkRequest[] = [];
    return { sent, send: (request) => (sent.push(request), answers.shift() ?? 0) };
  };

  it('leaves XDP flags out where they are 0', () => {
    const { sent, send } = recorder([]);
    setLinkXdp(send, 3, 9, 0);
    setLinkXdp(send, 3, -1, 2);
    expect(hex(sent[0]!.header)).toBe('00000000' + '03000000' + '0000000000000000');
    expect(hex(encodeAttrs(sent[0]!.attrs))).toBe('0c002b80' + '0800010009000000');
    expect(hex(encodeAttrs(sent[1]!.attrs))).toBe('14002b80' + '08000100ffffffff' + '0800030002000000');
  });

  it('tries the next handle where one is taken, and detaches with the priority it attached with', () => {
    const { sent, send } = recorder([-17, -17, 0, 0]);
    const tc = createTcAttacher(send);
    expect(tc.attach(1, 5, { direction: 'egress', priority: 9 })).toBe(2);
    expect(sent.map((request) => request.type)).toEqual([36, 44, 44]);
    expect(tc.detach(1, { direction: 'egress', handle: 2 })).toBe(0);
    expect(hex(sent[3]!.header)).toBe('00000000' + '01000000' + '02000000' + 'f3ffffff' + '00030900');
  });

  it('passes an error of the qdisc on', () => {
    const { sent, send } = recorder([-1]);
    expect(createTcAttacher(send).attach(1, 5, { direction: 'ingress' })).toBe(-1);
    expect(sent).toHaveLength(1);
  });
});
