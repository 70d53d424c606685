// SPDX-License-Identifier: MIT
import { EMFILE, UsageError } from '@tsbpf/uapi';
import type { Net } from '../net-state.ts';
import type { InetSocketOptions, SockEnd } from '../sock/inet-sock.ts';
import type { Sock } from '../sock/sock.ts';
import { installSocket } from '../sock/socket-file.ts';
import { endStream, shutStream } from './deliver.ts';
import { receiveStream } from './receive.ts';
import { sendStream } from './send.ts';
import { streamsOf } from './state.ts';

/** More than any program of a test waits for. */
const EVERYTHING = 2 ** 31 - 1;

/** A connected TCP socket that carries bytes. */
export class StreamSocket {
  readonly net: Net;
  readonly sock: Sock;
  /** For maps of sockets. */
  readonly fd: number;
  #open = true;

  /** @errno EMFILE UsageError: no free file descriptor */
  constructor(net: Net, sock: Sock) {
    this.net = net;
    this.sock = sock;
    streamsOf(net.kernel).add(sock.off);
    this.fd = installSocket(net.kernel, sock, () => this.#end());
    if (this.fd < 0) {
      this.#end();
      throw new UsageError('no free file descriptor for a socket', { errno: EMFILE });
    }
  }

  /** Sends bytes: the count, or -errno, as send(2) answers. */
  send(bytes: Uint8Array | string): number {
    return sendStream(
      this.net.kernel,
      this.sock.off,
      typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes,
    );
  }

  /** What is there to read, up to `lenBytes`; empty at the stream's end; -EAGAIN where nothing is there yet. */
  receive(lenBytes = EVERYTHING): Uint8Array | number {
    return receiveStream(this.net.kernel, this.sock.off, lenBytes);
  }

  /** Everything that is there to read, as text; empty where there is nothing. */
  text(): string {
    let text = '';
    for (let got; (got = this.receive()) instanceof Uint8Array && got.length > 0;)
      text += new TextDecoder().decode(got);
    return text;
  }

  /** Sends no more: the other end reads up to here, then the end. */
  shutdown(): void {
    shutStream(this.net.kernel, this.sock.off);
  }

  /** Closes the socket, its fd included. */
  close(): void {
    if (this.#open) this.net.kernel.fds.close(this.fd);
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    endStream(this.net.kernel, this.sock.off);
    this.net.removeSocket(this.sock);
  }
}

/** Two ends, each as the other one sees it. */
export interface StreamPairOptions extends Pick<InetSocketOptions, 'version' | 'uid'> {
  readonly client?: SockEnd & Pick<InetSocketOptions, 'netns'>;
  readonly server?: SockEnd & Pick<InetSocketOptions, 'netns'>;
}

/** Connects two new sockets with one another: what one sends the other receives, in order, at once. */
export function connectStreams(
  net: Net,
  options: StreamPairOptions = {},
): [client: StreamSocket, server: StreamSocket] {
  const { client = { ip: '127.0.0.1', port: 40000 }, server = { ip: '127.0.0.1', port: 80 }, ...common } = options;
  const make = (local: SockEnd & Pick<InetSocketOptions, 'netns'>, remote: SockEnd): StreamSocket => {
    const { netns, ...end } = local;
    const place = netns === undefined ? {} : { netns };
    return new StreamSocket(net, net.addSocket({ ...common, ...place, protocol: 'tcp', local: end, remote }));
  };
  const pair: [StreamSocket, StreamSocket] = [make(client, server), make(server, client)];
  const [a, b] = pair.map(({ sock }) => streamsOf(net.kernel).ends.get(sock.off));
  if (a !== undefined && b !== undefined) [a.peer, b.peer] = [b.sk, a.sk];
  return pair;
}
