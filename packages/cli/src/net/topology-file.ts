// SPDX-License-Identifier: MIT
// The file of a topology: hosts, cables, programs, sockets. Whatever is wrong with it is said with the place in it.
import { badInput } from '../failure.ts';
import { readBytes } from '../input/read-file.ts';

export interface DeviceEntry {
  readonly mac?: string;
  readonly mtu?: number;
  readonly queues?: number;
  /** Whether the driver runs XDP itself. */
  readonly nativeXdp?: boolean;
  readonly up?: boolean;
}

export interface SocketEntry {
  readonly protocol: 'udp' | 'tcp';
  readonly port: number;
  readonly ip?: string;
  readonly reuseport?: boolean;
}

export interface HostEntry {
  readonly devices: Readonly<Record<string, DeviceEntry>>;
  readonly sockets: readonly SocketEntry[];
}

export const HOOKS = ['xdp', 'xdp-generic', 'tc-ingress', 'tc-egress', 'socket-filter'] as const;

export interface ProgramEntry {
  readonly object: string;
  readonly program?: string;
  readonly attach: (typeof HOOKS)[number];
  /** `host.device`. */
  readonly device: string;
}

export interface MapEntry {
  readonly object: string;
  readonly map: string;
  readonly key: unknown;
  /** A value of the map's type, or `{ "device": "host.device" }` for the number of a device. */
  readonly value: unknown;
}

export interface TopologyFile {
  readonly hosts: Readonly<Record<string, HostEntry>>;
  readonly cables: readonly (readonly [string, string])[];
  readonly programs: readonly ProgramEntry[];
  readonly maps: readonly MapEntry[];
  /** Where the frames of a capture go: `arrive` at the device, or are `send`t by its host. */
  readonly input: { readonly device: string; readonly as: 'arrive' | 'send' };
}

type Json = Readonly<Record<string, unknown>>;

/** Reads fields of an object of the file, and knows where in the file it is. */
class Reader {
  readonly #file: string;
  readonly #at: string;
  readonly #value: Json;

  constructor(file: string, at: string, value: unknown) {
    this.#file = file;
    this.#at = at;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.fail('an object is needed here');
    this.#value = value as Json;
  }
  fail(what: string): never {
    return badInput(`${this.#file}: ${this.#at === '' ? 'at the top' : this.#at}: ${what}`);
  }
  /** Refuses fields that are not known: a slip of the pen. */
  only(...known: readonly string[]): this {
    const other = Object.keys(this.#value).find((name) => !known.includes(name));
    if (other !== undefined) this.fail(`"${other}" is not known; there are ${known.join(', ')}`);
    return this;
  }
  has(name: string): boolean {
    return this.#value[name] !== undefined;
  }
  raw(name: string): unknown {
    if (!this.has(name)) this.fail(`"${name}" is missing`);
    return this.#value[name];
  }
  #typed<T>(name: string, type: string, what: string): T {
    const value = this.raw(name);
    return typeof value === type ? (value as T) : this.fail(`"${name}" must be ${what}, not ${JSON.stringify(value)}`);
  }
  text(name: string): string {
    return this.#typed<string>(name, 'string', 'a string');
  }
  flag(name: string): boolean {
    return this.#typed<boolean>(name, 'boolean', 'true or false');
  }
  number(name: string, range: { min: number; max: number }): number {
    const value = this.#typed<number>(name, 'number', 'a number');
    const fits = Number.isInteger(value) && value >= range.min && value <= range.max;
    return fits ? value : this.fail(`"${name}" must be from ${range.min} to ${range.max}, not ${value}`);
  }
  oneOf<T extends string>(name: string, of: readonly T[]): T {
    const value = this.text(name);
    return of.includes(value as T)
      ? (value as T)
      : this.fail(`"${name}" must be one of ${of.join(', ')}, not "${value}"`);
  }
  /** An object within, by name, or an empty one. */
  child(name: string): [string, Reader][] {
    if (!this.has(name)) return [];
    const at = this.#at === '' ? name : `${this.#at}.${name}`;
    const inner = new Reader(this.#file, at, this.raw(name));
    return Object.entries(inner.#value).map(([key, value]) => [key, new Reader(this.#file, `${at}.${key}`, value)]);
  }
  list<T>(name: string, read: (item: unknown, at: string) => T): T[] {
    if (!this.has(name)) return [];
    const value = this.raw(name);
    if (!Array.isArray(value)) this.fail(`"${name}" must be a list`);
    const at = this.#at === '' ? name : `${this.#at}.${name}`;
    return (value as unknown[]).map((item, i) => read(item, `${at}[${i}]`));
  }
  optional<K extends string, T>(name: K, read: (name: K) => T): { readonly [P in K]?: T } {
    return (this.has(name) ? { [name]: read(name) } : {}) as { readonly [P in K]?: T };
  }
}

function readDevice(reader: Reader): DeviceEntry {
  reader.only('mac', 'mtu', 'queues', 'nativeXdp', 'up');
  return {
    ...reader.optional('mac', (name) => reader.text(name)),
    ...reader.optional('mtu', (name) => reader.number(name, { min: 68, max: 65535 })),
    ...reader.optional('queues', (name) => reader.number(name, { min: 1, max: 64 })),
    ...reader.optional('nativeXdp', (name) => reader.flag(name)),
    ...reader.optional('up', (name) => reader.flag(name)),
  };
}

function readSocket(reader: Reader): SocketEntry {
  reader.only('protocol', 'port', 'ip', 'reuseport');
  return {
    protocol: reader.oneOf('protocol', ['udp', 'tcp']),
    port: reader.number('port', { min: 1, max: 65535 }),
    ...reader.optional('ip', (name) => reader.text(name)),
    ...reader.optional('reuseport', (name) => reader.flag(name)),
  };
}

function readCable(file: string, item: unknown, at: string): readonly [string, string] {
  const ends = item as readonly unknown[];
  if (!Array.isArray(item) || ends.length !== 2 || ends.some((end) => typeof end !== 'string')) {
    return badInput(`${file}: ${at}: a cable is a list of two devices, such as ["a.eth0", "b.eth0"]`);
  }
  return [String(ends[0]), String(ends[1])];
}

/** Reads the file of a topology. Paths of objects in it count from where it lies; that is the caller's to do. */
export function readTopology(file: string): TopologyFile {
  const text = new TextDecoder().decode(readBytes(file, 'a topology'));
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    badInput(`${file}: is no JSON: ${(error as Error).message}`);
  }
  const top = new Reader(file, '', json).only('hosts', 'cables', 'programs', 'maps', 'input');
  const hosts = top.child('hosts').map(([name, host]): [string, HostEntry] => {
    host.only('devices', 'sockets');
    const devices = host.child('devices').map(([device, entry]) => [device, readDevice(entry)] as const);
    const sockets = host.list('sockets', (item, at) => readSocket(new Reader(file, at, item)));
    return [name, { devices: Object.fromEntries(devices), sockets }];
  });
  if (hosts.length === 0) top.fail('"hosts" names none');
  const input = new Reader(file, 'input', top.raw('input')).only('device', 'as');
  return {
    hosts: Object.fromEntries(hosts),
    cables: top.list('cables', (item, at) => readCable(file, item, at)),
    programs: top.list('programs', (item, at) => {
      const reader = new Reader(file, at, item).only('object', 'program', 'attach', 'device');
      return {
        object: reader.text('object'),
        ...reader.optional('program', (name) => reader.text(name)),
        attach: reader.oneOf('attach', HOOKS),
        device: reader.text('device'),
      };
    }),
    maps: top.list('maps', (item, at) => {
      const reader = new Reader(file, at, item).only('object', 'map', 'key', 'value');
      return {
        object: reader.text('object'),
        map: reader.text('map'),
        key: reader.raw('key'),
        value: reader.raw('value'),
      };
    }),
    input: { device: input.text('device'), as: input.has('as') ? input.oneOf('as', ['arrive', 'send']) : 'send' },
  };
}
