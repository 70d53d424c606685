// SPDX-License-Identifier: MIT
import { buildPacket } from './build.ts';
import { decodePacket } from './decode.ts';
import type { Layer } from './layer.ts';
import type { Prng } from './prng.ts';
import { below, pick, randomBytes } from './prng.ts';
import { randomArp, randomLink, randomNetwork, randomTransport, randomTunnel } from './random-layers.ts';

const MIN_FRAME_BYTES = 60;

export interface RandomPacketOptions {
  /** One packet in so many is malformed, on average; 0 is never. Default 4. */
  malformedOneIn?: number;
  /** Most bytes of payload; default 200. */
  maxPayloadBytes?: number;
}

export interface RandomPacket {
  data: Uint8Array;
  /** What was built; after a mutation, `data` is no longer that. */
  layers: Layer[];
  /** How it was broken; undefined for a well-formed packet. */
  mutation?: string;
}

/**
 * An Ethernet frame out of everything this package can build: tags, ARP, both versions of IP with options, extension
 * headers and fragments, transports, tunnels; some of them broken. The same generator state gives the same packet.
 */
export function randomPacket(prng: Prng, options: RandomPacketOptions = {}): RandomPacket {
  const { malformedOneIn = 4, maxPayloadBytes = 200 } = options;
  const layers = randomLayers(prng, 0);
  const payload = randomBytes(prng, pick(prng, [0, below(prng, 16), below(prng, maxPayloadBytes + 1)]));
  const packet: RandomPacket = { data: buildPacket(layers, payload), layers };
  if (malformedOneIn > 0 && below(prng, malformedOneIn) === 0) {
    const [name, mutate] = pick(prng, MUTATIONS);
    packet.mutation = name;
    packet.data = mutate(prng, packet.data);
  } else if (packet.data.length < MIN_FRAME_BYTES && below(prng, 2) === 0) {
    const padded = new Uint8Array(MIN_FRAME_BYTES);
    padded.set(packet.data);
    packet.data = padded;
  }
  return packet;
}

function randomLayers(prng: Prng, depth: number): Layer[] {
  const link = randomLink(prng);
  if (below(prng, 12) === 0) return [...link, randomArp(prng)];
  return [...link, ...randomIpLayers(prng, depth)];
}

function randomIpLayers(prng: Prng, depth: number): Layer[] {
  const version = below(prng, 3) === 0 ? 6 : 4;
  const { layers, opaque } = randomNetwork(prng, version);
  if (opaque) return layers;
  if (depth === 0 && below(prng, 6) === 0) {
    const tunnel = randomTunnel(prng);
    const inner = tunnel.innerEthernet ? randomLayers(prng, 1) : randomIpLayers(prng, 1);
    return [...layers, ...tunnel.layers, ...inner];
  }
  return [...layers, randomTransport(prng, version)];
}

type Mutation = (prng: Prng, data: Uint8Array) => Uint8Array;

/** Writes into a copy, at an offset inside of the first layer of one of the types; leaves other packets alone. */
function inLayer(types: readonly string[], edit: (prng: Prng, data: Uint8Array, off: number) => void): Mutation {
  return (prng, original) => {
    const data = original.slice();
    const layer = decodePacket(data).layers.find((each) => types.includes(each.type));
    if (layer === undefined) data[below(prng, data.length)] ^= 1 + below(prng, 255);
    else edit(prng, data, layer.off);
    return data;
  };
}

function put16(data: Uint8Array, off: number, value: number): void {
  data[off] = value >>> 8;
  data[off + 1] = value;
}

const MUTATIONS: readonly (readonly [string, Mutation])[] = [
  ['cut anywhere', (prng, data) => data.slice(0, below(prng, data.length))],
  ['cut inside of the Ethernet header', (prng, data) => data.slice(0, below(prng, 14))],
  ['nothing but zeroes', (_prng, data) => new Uint8Array(data.length)],
  ['noise', (prng, data) => randomBytes(prng, data.length)],
  [
    'some bytes flipped',
    (prng, original) => {
      const data = original.slice();
      for (let count = 1 + below(prng, 8); count > 0; count--) data[below(prng, data.length)] ^= 1 + below(prng, 255);
      return data;
    },
  ],
  [
    'IP version',
    inLayer(['ipv4', 'ipv6'], (prng, data, off) => void (data[off] = (data[off] & 15) | (below(prng, 16) << 4))),
  ],
  ['IPv4 header length', inLayer(['ipv4'], (prng, data, off) => void (data[off] = 0x40 | below(prng, 16)))],
  [
    'IP length',
    inLayer(['ipv4', 'ipv6'], (prng, data, off) => {
      const lenOff = data[off] >>> 4 === 6 ? 4 : 2;
      put16(data, off + lenOff, pick(prng, [0, 1, 19, 21, 0xffff, below(prng, 65536)]));
    }),
  ],
  ['IPv4 checksum', inLayer(['ipv4'], (prng, data, off) => put16(data, off + 10, below(prng, 65536)))],
  ['TCP header length', inLayer(['tcp'], (prng, data, off) => void (data[off + 12] = below(prng, 16) << 4))],
  [
    'UDP length',
    inLayer(['udp'], (prng, data, off) => put16(data, off + 4, pick(prng, [0, 7, 0xffff, below(prng, 65536)]))),
  ],
  ['transport checksum', inLayer(['tcp'], (prng, data, off) => put16(data, off + 16, below(prng, 65536)))],
  ['extension header length', inLayer(['ipv6ext'], (prng, data, off) => void (data[off + 1] = 1 + below(prng, 255)))],
  [
    'tags without end',
    (prng, data) => {
      const out = new Uint8Array(14 + 4 * (3 + below(prng, 80)));
      out.set(data.subarray(0, 12));
      for (let off = 12; off + 1 < out.length; off += 4) put16(out, off, 0x8100);
      return out;
    },
  ],
];
