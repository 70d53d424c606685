// SPDX-License-Identifier: MIT
// What a protocol's two directions look like. Neither throws for what a packet contains.
import type { DecodedLayer, Layer } from './layer.ts';

/** The IP header around a transport: what its checksum needs. */
export interface IpContext {
  readonly src: Uint8Array;
  readonly dst: Uint8Array;
  /** False for fragments and for packets whose end is missing: no checksum can be judged. */
  readonly whole: boolean;
}

/** What follows a header. `end` where the packet is over, or says nothing about the rest. */
export type Next =
  | { space: 'eth' }
  | { space: 'ether'; proto: number }
  | { space: 'ip'; proto: number }
  | { space: 'vxlan' }
  | { space: 'end' };

export type ProblemKind = 'truncated' | 'malformed' | 'unsupported';

/** Why decoding stopped, or what is wrong with a header that could be read nevertheless. */
export interface DecodeProblem {
  /** `truncated`: bytes are missing. `malformed`: a field contradicts another. `unsupported`: unknown to this package. */
  kind: ProblemKind;
  /** The protocol that has it, as in {@link Layer}. */
  layer: string;
  /** Where that protocol's header begins. */
  off: number;
  message: string;
}

export interface DecodeInput {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where the header begins. */
  readonly off: number;
  /** Where the enclosing layer says its payload ends; never beyond the bytes there are. */
  readonly end: number;
  readonly ip: IpContext | undefined;
}

export interface DecodeStep {
  layer: DecodedLayer;
  next: Next;
  /** Where this layer's payload ends, if it says so. */
  end?: number;
  ip?: IpContext;
  problem?: { kind: ProblemKind; message: string };
}

/** A decoder either reads its header, or says why it cannot. */
export type DecodeResult = DecodeStep | { kind: ProblemKind; message: string };

export type Decoder = (input: DecodeInput) => DecodeResult;

/** `undefined` if the header's fixed part is there. */
export function shortHeader(
  input: DecodeInput,
  name: string,
  need: number,
): { kind: ProblemKind; message: string } | undefined {
  const left = input.end - input.off;
  return left < need
    ? { kind: 'truncated', message: `${name} header needs ${need} bytes, ${left} are left` }
    : undefined;
}

export interface EncodeInput<L extends Layer> {
  readonly layer: L;
  /** The bytes behind the header, already encoded. */
  readonly payload: Uint8Array;
  /** The layer behind, if the payload is not opaque. */
  readonly following: Layer | undefined;
  /** The layer behind that one. */
  readonly after: Layer | undefined;
  /** The nearest IP header around. */
  readonly ip: { src: Uint8Array; dst: Uint8Array } | undefined;
}

/** Answers the header and the payload as one. */
export type Encoder<L extends Layer> = (input: EncodeInput<L>) => Uint8Array;

/** Room for a header with the payload behind it. */
export function withPayload(headerBytes: number, payload: Uint8Array): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(headerBytes + payload.length);
  bytes.set(payload, headerBytes);
  return { bytes, view: new DataView(bytes.buffer) };
}
