// SPDX-License-Identifier: MIT
// The running kernel's sockets and namespaces, as calls that do not wait. Results are those of the C library, -errno
// for -1. Only the thread that calls changes its namespace.
import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

const lib = koffi.load(null);
const declare = (name: string, result: string, args: readonly string[]) => {
  const fn = lib.func(name, result, [...args]);
  return (...given: unknown[]): number => {
    const got = Number(fn(...given));
    return got < 0 ? -koffi.errno() : got;
  };
};

const socketOf = declare('socket', 'int', ['int', 'int', 'int']);
const bindOf = declare('bind', 'int', ['int', 'void *', 'uint']);
const connectOf = declare('connect', 'int', ['int', 'void *', 'uint']);
const nameOf = declare('getsockname', 'int', ['int', 'void *', 'void *']);
const sendOf = declare('send', 'long', ['int', 'void *', 'size_t', 'int']);
const sendToOf = declare('sendto', 'long', ['int', 'void *', 'size_t', 'int', 'void *', 'uint']);
const recvFromOf = declare('recvfrom', 'long', ['int', 'void *', 'size_t', 'int', 'void *', 'void *']);
const recvOf = declare('recv', 'long', ['int', 'void *', 'size_t', 'int']);
const optionOf = declare('setsockopt', 'int', ['int', 'int', 'int', 'void *', 'uint']);

export const AF_INET = 2;
export const AF_PACKET = 17;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const CLONE_NEWNET = 0x4000_0000;
export const SOL_SOCKET = 1;

export const unshare = declare('unshare', 'int', ['int']);
export const setns = declare('setns', 'int', ['int', 'int']);
export const listen = declare('listen', 'int', ['int', 'int']);
export const shutdown = declare('shutdown', 'int', ['int', 'int']);
const acceptOf = declare('accept4', 'int', ['int', 'void *', 'void *', 'int']);
export const close = declare('close', 'int', ['int']);

/** `struct sockaddr_in`. */
export function address(ip: string, port: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port, false);
  bytes.set(ip.split('.').map(Number), 4);
  return bytes;
}

export const socket = (domain: number, type: number, protocol = 0): number => socketOf(domain, type, protocol);
export const bind = (fd: number, addr: Uint8Array): number => bindOf(fd, addr, addr.length);
export const connect = (fd: number, addr: Uint8Array): number => connectOf(fd, addr, addr.length);
export const accept = (fd: number): number => acceptOf(fd, null, null, SOCK_NONBLOCK);
export const send = (fd: number, bytes: Uint8Array): number =>
  sendOf(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
export const sendTo = (fd: number, bytes: Uint8Array, addr: Uint8Array): number =>
  sendToOf(fd, bytes, bytes.length, MSG_DONTWAIT, addr, addr.length);

/** The port a socket is bound to. */
export function portOf(fd: number): number {
  const name = new Uint8Array(16);
  const len = new Uint8Array(4);
  len[0] = 16;
  nameOf(fd, name, len);
  return new DataView(name.buffer).getUint16(2, false);
}

/** What is there to read; -EAGAIN where nothing is. */
export function receive(fd: number, room = 1 << 17): Uint8Array | number {
  const bytes = new Uint8Array(room);
  const got = recvOf(fd, bytes, room, MSG_DONTWAIT);
  return got < 0 ? got : bytes.slice(0, got);
}

export function setOption(fd: number, level: number, name: number, value: Uint8Array): number {
  return optionOf(fd, level, name, value, value.length);
}

const ETH_P_ALL_BE = 0x0300;
const PACKET_OUTGOING = 4;
const SOCKADDR_LL = 20;

/** A packet socket that sees all of a device; what it sends goes out there. */
export function packetSocket(ifindex: number): number {
  const fd = socketOf(AF_PACKET, SOCK_RAW, ETH_P_ALL_BE);
  const addr = new Uint8Array(SOCKADDR_LL);
  const view = new DataView(addr.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, ETH_P_ALL_BE, true);
  view.setInt32(4, ifindex, true);
  return fd < 0 ? fd : Math.min(fd, bindOf(fd, addr, addr.length) < 0 ? -1 : fd);
}

/** The frames that came in by a packet socket's device and wait to be read. */
export function framesIn(fd: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (;;) {
    const bytes = new Uint8Array(4096);
    const from = new Uint8Array(SOCKADDR_LL);
    const len = new Uint8Array([SOCKADDR_LL, 0, 0, 0]);
    const got = recvFromOf(fd, bytes, bytes.length, MSG_DONTWAIT, from, len);
    if (got < 0) return frames;
    if (from[10] !== PACKET_OUTGOING) frames.push(bytes.slice(0, got));
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));
/** Lets the kernel's workers run. */
export function settle(ms = 2): void {
  Atomics.wait(sleeper, 0, 0, ms);
}

/** Runs `body` in a network namespace of its own, which goes with it. */
export function inOwnNamespace<T>(body: () => T): T {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const entered = unshare(CLONE_NEWNET);
  if (entered < 0) {
    closeSync(home);
    throw new TypeError(`unshare: errno ${-entered}`);
  }
  try {
    return body();
  } finally {
    setns(home, CLONE_NEWNET);
    closeSync(home);
  }
}
