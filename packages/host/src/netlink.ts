// SPDX-License-Identifier: MIT
// One rtnetlink request and its acknowledgement.
// @see netlink(7), rtnetlink(7)
import { EIO } from '@tsbpf/uapi';
import type { Libc } from './libc.ts';
import { LITTLE } from './struct-bytes.ts';

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 0x80003;
const NETLINK_ROUTE = 0;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLMSG_ERROR = 2;
const NLA_F_NESTED = 0x8000;
const HEADER_BYTES = 16;

/** A netlink attribute: its type and its payload's bytes. */
export interface NetlinkAttr {
  type: number;
  payload: Uint8Array;
}

const align4 = (n: number): number => (n + 3) & ~3;

/** A 32-bit attribute. */
export function attrU32(type: number, value: number): NetlinkAttr {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, value >>> 0, LITTLE);
  return { type, payload };
}

/** A NUL-terminated string attribute. */
export function attrString(type: number, text: string): NetlinkAttr {
  return { type, payload: new TextEncoder().encode(`${text}\0`) };
}

/** Attributes inside an attribute. */
export function attrNested(type: number, attrs: readonly NetlinkAttr[]): NetlinkAttr {
  return { type: type | NLA_F_NESTED, payload: encodeAttrs(attrs) };
}

/** Encodes attributes, each padded to 4 bytes. */
export function encodeAttrs(attrs: readonly NetlinkAttr[]): Uint8Array {
  const out = new Uint8Array(attrs.reduce((sum, attr) => sum + 4 + align4(attr.payload.length), 0));
  const view = new DataView(out.buffer);
  let off = 0;
  for (const { type, payload } of attrs) {
    view.setUint16(off, 4 + payload.length, LITTLE);
    view.setUint16(off + 2, type, LITTLE);
    out.set(payload, off + 4);
    off += 4 + align4(payload.length);
  }
  return out;
}

/** A request: message type, NLM_F_* besides REQUEST and ACK, the family header and the attributes. */
export interface NetlinkRequest {
  type: number;
  flags: number;
  header: Uint8Array;
  attrs: readonly NetlinkAttr[];
}

/** Encodes a request message with sequence number 1. */
export function encodeRequest(request: NetlinkRequest): Uint8Array {
  const attrs = encodeAttrs(request.attrs);
  const out = new Uint8Array(HEADER_BYTES + align4(request.header.length) + attrs.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, out.length, LITTLE);
  view.setUint16(4, request.type, LITTLE);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK | request.flags, LITTLE);
  view.setUint32(8, 1, LITTLE);
  out.set(request.header, HEADER_BYTES);
  out.set(attrs, HEADER_BYTES + align4(request.header.length));
  return out;
}

/** The error of the first NLMSG_ERROR message: 0 or -errno; undefined where there is none. */
export function parseAck(bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let off = 0; off + HEADER_BYTES <= bytes.length;) {
    const lenBytes = view.getUint32(off, LITTLE);
    if (lenBytes < HEADER_BYTES) return undefined;
    if (view.getUint16(off + 4, LITTLE) === NLMSG_ERROR && off + HEADER_BYTES + 4 <= bytes.length)
      return view.getInt32(off + HEADER_BYTES, LITTLE);
    off += align4(lenBytes);
  }
  return undefined;
}

/** Sends a request and waits for its acknowledgement: 0 or -errno. */
export function netlinkRequest(libc: Libc, close: (fd: number) => number, request: NetlinkRequest): number {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return fd;
  try {
    const sent = libc.send(fd, encodeRequest(request), 0);
    if (sent < 0) return sent;
    const answer = new Uint8Array(32768);
    for (;;) {
      const got = libc.recv(fd, answer, 0);
      if (got < 0) return got;
      if (got === 0) return -EIO;
      const error = parseAck(answer.subarray(0, got));
      if (error !== undefined) return error;
    }
  } finally {
    close(fd);
  }
}
