// SPDX-License-Identifier: MIT
// Byte streams between sockets of one machine, or of two: what is on its way, what waits to be read, and what socket maps
// add to both. @see net/core/skmsg.c, net/strparser/strparser.c
import type { Checkpointable, KernelServices, SubsystemKey } from '@tsbpf/core';

/** What a message program said last, which holds for as many bytes as it said. @see include/linux/skmsg.h, __sk_action */
export type MsgVerdict = 'none' | 'pass' | 'drop' | 'redirect';

/** Bytes that arrived together; those before `eaten` have been read. */
export interface Segment {
  readonly bytes: Uint8Array;
  eaten: number;
}

/** What a stream parser has of a message that is not whole yet. */
export interface ParserState {
  /** The parts, of which the first may begin before the message. */
  readonly parts: readonly Uint8Array[];
  /** Where the message begins in the first part. */
  readonly offset: number;
  /** Bytes of the message so far. */
  readonly gathered: number;
  /** The message's length; 0 while the program cannot tell. */
  readonly fullLen: number;
}

/** Whoever owns a socket and carries its bytes to the other end, where they do not simply arrive there. */
export interface StreamCarrier {
  /** Sends bytes past the programs of socket maps: the count, or -errno. */
  push(bytes: Uint8Array): number;
  /** So many bytes have left TCP's receive queue, for a reader or for a stream parser. */
  taken(lenBytes: number): void;
}

/** One end of a stream. */
export interface StreamEnd {
  /** Offset of the socket. */
  readonly sk: number;
  /** Who carries what this end sends; undefined: it arrives at `peer` at once. */
  readonly carrier: StreamCarrier | undefined;
  /** Offset of the socket at the other end; 0 once that is gone, or where a carrier knows it. */
  peer: number;
  /** TCP's receive queue. */
  received: Segment[];
  /** Messages that socket maps put before the receive queue; read first. */
  ingress: Uint8Array[];
  /** The other end will send no more. */
  ended: boolean;
  /** The mark that says so is in TCP's receive queue, behind all bytes. */
  fin: boolean;
  /** This end sends no more. */
  shut: boolean;
  /** errno that the next call reports; 0 for none. */
  err: number;
  /** The stream parser gave up. */
  parserStopped: boolean;
  /** Bytes the parser waits for before it looks again. */
  needBytes: number;
  message: ParserState | undefined;
  /** The verdict in force for what is sent. */
  verdict: MsgVerdict;
  /** Bytes it still holds for; 0: for one message. */
  applyBytes: number;
  /** Bytes to gather before the program is asked again. */
  corkBytes: number;
  /** Offset of the message being gathered; 0 for none. */
  cork: number;
  /** Offset of the socket that gets what is redirected; 0 for none. */
  redirectTo: number;
  /** Whether that socket reads it, rather than sends it. */
  redirectIngress: boolean;
  /** Whether packets may be handed on through this socket: not after an error. */
  txEnabled: boolean;
}

/** What waits to be handed on, as the kernel's worker would. */
export interface Handover {
  /** Offset of the socket that gets it. */
  readonly sk: number;
  readonly bytes: Uint8Array;
  /** Into what the socket reads, rather than out to its other end. */
  readonly ingress: boolean;
}

/** The byte streams of a kernel. */
export class Streams implements Checkpointable {
  readonly checkpointName = 'net-streams';
  readonly ends = new Map<number, StreamEnd>();
  /** What workers are to do, in order. */
  work: Handover[] = [];
  working = false;
  /** The page that senders carve messages from: its offset (0: none yet) and the bytes that are taken. */
  frag = { page: 0, used: 0 };

  add(sk: number, carrier?: StreamCarrier): StreamEnd {
    const end: StreamEnd = {
      sk,
      carrier,
      peer: 0,
      received: [],
      ingress: [],
      ended: false,
      fin: false,
      shut: false,
      err: 0,
      parserStopped: false,
      needBytes: 0,
      message: undefined,
      verdict: 'none',
      applyBytes: 0,
      corkBytes: 0,
      cork: 0,
      redirectTo: 0,
      redirectIngress: false,
      txEnabled: true,
    };
    this.ends.set(sk, end);
    return end;
  }

  save(): unknown {
    const copy = (end: StreamEnd): StreamEnd => ({
      ...end,
      received: end.received.map((segment) => ({ ...segment })),
      ingress: [...end.ingress],
    });
    return { ends: [...this.ends.values()].map(copy), work: [...this.work], frag: { ...this.frag } };
  }
  restore(saved: unknown): void {
    const { ends, work, frag } = saved as { ends: StreamEnd[]; work: Handover[]; frag: Streams['frag'] };
    this.ends.clear();
    for (const end of ends) {
      const received = end.received.map((segment) => ({ ...segment }));
      this.ends.set(end.sk, { ...end, received, ingress: [...end.ingress] });
    }
    this.work = [...work];
    this.frag = { ...frag };
  }
}

const STREAMS: SubsystemKey<Streams> = {
  name: 'net-streams',
  create(kernel) {
    const streams = new Streams();
    kernel.checkpointables.push(streams);
    return streams;
  },
};

/** The byte streams of a kernel. */
export function streamsOf(kernel: Pick<KernelServices, 'subsystem'>): Streams {
  return kernel.subsystem(STREAMS);
}
