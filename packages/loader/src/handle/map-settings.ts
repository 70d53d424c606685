// SPDX-License-Identifier: MIT
import { EBUSY, UsageError } from '@tsbpf/uapi';
import type { MapKind, MapSpec } from '../open/spec.ts';

/** What a map will be, changeable until it exists. @errno EBUSY (UsageError) a change after that */
export class MapSettings {
  /** Filled in when the object is opened; the loader reads it. */
  readonly spec: MapSpec;
  #pinPath: string | undefined;
  protected created = false;

  constructor(spec: MapSpec, pinRootPath: string) {
    this.spec = spec;
    if (spec.pinning === 1) this.#pinPath = `${pinRootPath}/${spec.name}`;
  }

  get name(): string {
    return this.spec.name;
  }

  /** What the map is for: declared by the program, or made for a section. */
  get kind(): MapKind {
    return this.spec.kind;
  }

  /** The section it holds or that declares it, such as `.rodata`. */
  get sectionName(): string {
    return this.spec.secName;
  }

  /** BPF_MAP_TYPE_*. */
  get type(): number {
    return this.spec.type;
  }
  set type(value: number) {
    this.changeable('type').type = value;
  }

  /** Bytes. */
  get keySize(): number {
    return this.spec.keySize;
  }
  set keySize(value: number) {
    const spec = this.changeable('key size');
    // A type of another size says nothing about the key any more.
    if (value !== spec.keySize) spec.btfKeyTypeId = 0;
    spec.keySize = value;
  }

  /** Bytes; of a per-CPU map, those of one CPU. A section's map keeps what fits of its initial value. */
  get valueSize(): number {
    return this.spec.valueSize;
  }
  set valueSize(value: number) {
    const spec = this.changeable('value size');
    if (value !== spec.valueSize) {
      spec.btfValueTypeId = 0;
      if (spec.data !== undefined && spec.kind !== 'struct_ops') {
        const data = new Uint8Array(value);
        data.set(spec.data.subarray(0, value));
        spec.data = data;
      }
    }
    spec.valueSize = value;
  }

  get maxEntries(): number {
    return this.spec.maxEntries;
  }
  set maxEntries(value: number) {
    this.changeable('max entries').maxEntries = value;
  }

  get mapFlags(): number {
    return this.spec.mapFlags;
  }
  set mapFlags(value: number) {
    this.changeable('flags').mapFlags = value;
  }

  get numaNode(): number {
    return this.spec.numaNode;
  }
  set numaNode(value: number) {
    this.changeable('NUMA node').numaNode = value;
  }

  get mapExtra(): bigint {
    return this.spec.mapExtra;
  }
  set mapExtra(value: bigint) {
    this.changeable('extra').mapExtra = value;
  }

  /** Whether loading the object makes the map. */
  get autocreate(): boolean {
    return this.spec.autocreate;
  }
  set autocreate(value: boolean) {
    this.changeable('autocreate').autocreate = value;
  }

  /** Where loading pins the map, or finds it pinned; undefined for nowhere. */
  get pinPath(): string | undefined {
    return this.#pinPath;
  }
  set pinPath(value: string | undefined) {
    this.changeable('pin path');
    this.#pinPath = value;
  }

  /** The bytes an internal map starts with. Changes count until the object is loaded. */
  get initialValue(): Uint8Array | undefined {
    return this.spec.data;
  }

  protected changeable(what: string): MapSpec {
    if (!this.created) return this.spec;
    throw new UsageError(`map '${this.name}': ${what} cannot change after loading`, { errno: EBUSY });
  }
}
