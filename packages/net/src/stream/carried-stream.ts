// SPDX-License-Identifier: MIT
import type { KernelServices } from '@tsbpf/core';
import { leaveSockMaps } from '../sockmap/psock.ts';
import { arrive, arriveFin } from './deliver.ts';
import { readStream } from './receive.ts';
import { sendStream } from './send.ts';
import { streamsOf, type StreamCarrier, type StreamEnd } from './state.ts';

/**
 * The bytes of a TCP socket that somebody else simulates: its owner carries what is sent and says what arrives, and the
 * programs of socket maps stand between it and the task at both ends.
 */
export class CarriedStream {
  readonly #kernel: KernelServices;
  readonly #sk: number;

  constructor(kernel: KernelServices, sk: number, carrier: StreamCarrier) {
    this.#kernel = kernel;
    this.#sk = sk;
    streamsOf(kernel).add(sk, carrier);
  }

  get #end(): StreamEnd | undefined {
    return streamsOf(this.#kernel).ends.get(this.#sk);
  }

  /** The errno that waits for the next call; 0 for none. Stream parsers and workers of socket maps leave one, too. */
  get error(): number {
    return this.#end?.err ?? 0;
  }
  set error(errno: number) {
    if (this.#end !== undefined) this.#end.err = errno;
  }

  /** Whether the other end will send no more. */
  get ended(): boolean {
    return this.#end?.ended ?? false;
  }

  /** Whether bytes are in TCP's receive queue; messages that programs put before it do not count. */
  get unread(): boolean {
    return (this.#end?.received.length ?? 0) > 0;
  }

  /** Sends bytes through the message program of the socket's map, if it has one: the count, or -errno. */
  send(bytes: Uint8Array): number {
    return sendStream(this.#kernel, this.#sk, bytes);
  }

  /** Bytes have come, and are kept: through the stream parser of the socket's map, if it has one. */
  arrive(bytes: Uint8Array): void {
    if (this.#end !== undefined) arrive(this.#kernel, this.#end, bytes);
  }

  /** The other end will send no more. */
  arriveFin(): void {
    if (this.#end !== undefined) arriveFin(this.#kernel, this.#end);
  }

  /**
   * What a reader finds: up to `lenBytes`, or what the socket's map has it answer. Undefined where that is its owner's to
   * say: the state of the connection. @errno EAGAIN
   */
  read(lenBytes: number): Uint8Array | number | undefined {
    return this.#end === undefined ? undefined : readStream(this.#kernel, this.#end, lenBytes);
  }

  /** The connection is no more, and the socket is as new. */
  clear(): void {
    const end = this.#end;
    if (end !== undefined) Object.assign(end, { received: [], err: 0, ended: false, fin: false });
  }

  /** The socket closes: it leaves its maps. Bytes stay until {@link drop}. */
  leaveMaps(): void {
    leaveSockMaps(this.#kernel, this.#sk);
  }

  /** The socket goes. */
  drop(): void {
    streamsOf(this.#kernel).ends.delete(this.#sk);
  }
}
