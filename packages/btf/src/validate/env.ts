// SPDX-License-Identifier: MIT
import { E2BIG, EEXIST, EINVAL } from '@tsbpf/uapi';
import * as K from '../kinds.ts';
import type { KernelLog } from './log.ts';
import { isValidName, isValidSectionName } from './names.ts';
import type { KindRules } from './rules.ts';
import type { BtfRules } from './versions.ts';

/** Types nested in one another, at most. */
export const MAX_RESOLVE_DEPTH = 32;

const NOT_VISITED = 0;
const VISITED = 1;
const RESOLVED = 2;

/** What ends a chain of types that are being resolved. */
export const RESOLVE_TBD = 0;
export const RESOLVE_PTR = 1;
export const RESOLVE_STRUCT_OR_ARRAY = 2;

/** A type on the stack of those being resolved, and the member to go on with. */
export interface ResolveVertex {
  readonly id: number;
  nextMember: number;
}

/** A member, by the words of its record. */
export interface RawMember {
  readonly nameOff: number;
  readonly typeId: number;
  readonly offset: number;
}

/**
 * The state of one check of a BTF blob: the types met so far, what each resolves to, and the log. Functions on it
 * return 0 or a positive errno.
 */
export class ValidateEnv {
  readonly types: DataView;
  readonly strings: Uint8Array;
  readonly rules: BtfRules;
  readonly log: KernelLog;
  readonly kindRules: (kind: number) => KindRules;
  /** Types accepted so far. */
  nrTypes = 0;
  /** Id printed in front of a type's line. */
  logTypeId = 1;
  /** The first pass prints every type; later lines repeat what an error is about. */
  checkingMeta = true;
  resolveMode: number = RESOLVE_TBD;
  readonly stack: ResolveVertex[] = [];
  #offsets = new Uint32Array(256);
  #visit = new Uint8Array(0);
  #resolvedIds = new Uint32Array(0);
  #resolvedSizes = new Uint32Array(0);

  constructor(init: {
    types: DataView;
    strings: Uint8Array;
    rules: BtfRules;
    log: KernelLog;
    kindRules: (kind: number) => KindRules;
  }) {
    this.types = init.types;
    this.strings = init.strings;
    this.rules = init.rules;
    this.log = init.log;
    this.kindRules = init.kindRules;
  }

  // --- types by id; 0 is void, and ids beyond nrTypes do not exist

  addType(off: number): void {
    if (this.nrTypes + 1 >= this.#offsets.length) {
      const bigger = new Uint32Array(this.#offsets.length * 2);
      bigger.set(this.#offsets);
      this.#offsets = bigger;
    }
    this.#offsets[++this.nrTypes] = off;
  }

  startResolving(): void {
    this.#visit = new Uint8Array(this.nrTypes + 1);
    this.#resolvedIds = new Uint32Array(this.nrTypes + 1);
    this.#resolvedSizes = new Uint32Array(this.nrTypes + 1);
    this.checkingMeta = false;
  }

  exists(id: number): boolean {
    return id <= this.nrTypes;
  }
  info(id: number): number {
    return id === 0 ? 0 : this.types.getUint32(this.#offsets[id] + 4, true);
  }
  kind(id: number): number {
    return K.infoKind(this.info(id));
  }
  vlen(id: number): number {
    return K.infoVlen(this.info(id));
  }
  kflag(id: number): boolean {
    return K.infoKflag(this.info(id));
  }
  nameOff(id: number): number {
    return this.types.getUint32(this.#offsets[id], true);
  }
  sizeOrType(id: number): number {
    return id === 0 ? 0 : this.types.getUint32(this.#offsets[id] + 8, true);
  }
  extra(id: number, index: number): number {
    return this.types.getUint32(this.#offsets[id] + 12 + 4 * index, true);
  }
  member(id: number, index: number): RawMember {
    return {
      nameOff: this.extra(id, 3 * index),
      typeId: this.extra(id, 3 * index + 1),
      offset: this.extra(id, 3 * index + 2),
    };
  }

  // --- names

  nameOffsetValid(off: number): boolean {
    return off <= K.BTF_MAX_NAME_OFFSET && off < this.strings.length;
  }
  identifierValid(off: number): boolean {
    return isValidName(this.strings, off, this.rules, false);
  }
  variableNameValid(off: number): boolean {
    return isValidName(this.strings, off, this.rules, true);
  }
  sectionNameValid(off: number): boolean {
    return isValidSectionName(this.strings, off, this.rules);
  }
  /** The name as the log shows it. */
  shownName(off: number): string {
    if (off === 0) return '(anon)';
    if (off >= this.strings.length) return '(invalid-name-offset)';
    return this.rawName(off);
  }
  rawName(off: number): string {
    let text = '';
    for (let i = off; this.strings[i] !== 0; i++) text += String.fromCharCode(this.strings[i]);
    return text;
  }

  // --- the log

  /** Text as it is: no type's line, no newline. */
  failPlain(text: string): number {
    this.log.write(text);
    return EINVAL;
  }
  /** A type's line with its details, and an error behind it. */
  fail(id: number, message: string, errno: number = EINVAL): number {
    this.logType(id, { details: true, message });
    return errno;
  }
  /** A type's line without its details, which may not be readable, and an error behind it. */
  failBasic(id: number, message: string): number {
    this.logType(id, { details: false, message });
    return EINVAL;
  }
  logType(id: number, options: { details: boolean; message?: string }): void {
    if (!this.log.needed) return;
    const kind = this.kind(id);
    // In as many writes as the kernel, which cuts each at 1023 bytes.
    const head = `[${this.logTypeId}] ${K.BTF_KIND_NAMES[kind]} ${this.shownName(this.nameOff(id))}`;
    this.log.write(options.details ? `${head} ` : head);
    if (options.details) {
      const details = this.kindRules(kind).details(this, id);
      if (typeof details === 'string') this.log.write(details);
      else for (const piece of details) this.log.write(piece);
    }
    this.#endLine(options.message);
  }
  logMember(structId: number, m: RawMember, message = ''): void {
    if (!this.log.needed) return;
    if (!this.checkingMeta) this.logType(structId, { details: true });
    const place = this.kflag(structId)
      ? `bitfield_size=${m.offset >>> 24} bits_offset=${m.offset & 0xffffff}`
      : `bits_offset=${m.offset}`;
    this.log.write(`\t${this.shownName(m.nameOff)} type_id=${m.typeId} ${place}`);
    this.#endLine(message);
  }
  failMember(structId: number, m: RawMember, message: string): number {
    this.logMember(structId, m, message);
    return EINVAL;
  }
  logVarSecinfo(secId: number, index: number, message = ''): void {
    if (!this.log.needed) return;
    if (!this.checkingMeta) this.logType(secId, { details: true });
    const line = `\t type_id=${this.extra(secId, 3 * index)} offset=${this.extra(secId, 3 * index + 1)} size=${this.extra(secId, 3 * index + 2)}`;
    this.log.write(line);
    this.#endLine(message);
  }
  #endLine(message: string | undefined): void {
    if (message) {
      this.log.write(' ');
      this.log.write(message);
    }
    this.log.write('\n');
  }
  failVarSecinfo(secId: number, index: number, message: string): number {
    this.logVarSecinfo(secId, index, message);
    return EINVAL;
  }

  // --- what a type resolves to

  isResolved(id: number): boolean {
    return this.#visit[id] === RESOLVED;
  }
  resolvedId(id: number): number {
    return this.#resolvedIds[id];
  }
  resolvedSize(id: number): number {
    return this.#resolvedSizes[id];
  }

  /** Puts a type on the stack. EEXIST where it is there already: a loop; E2BIG where the stack is full. */
  push(id: number): number {
    if (this.stack.length === MAX_RESOLVE_DEPTH) return E2BIG;
    if (this.#visit[id] !== NOT_VISITED) return EEXIST;
    this.#visit[id] = VISITED;
    this.stack.push({ id, nextMember: 0 });
    if (this.resolveMode === RESOLVE_TBD) {
      const kind = this.kind(id);
      if (kind === K.BTF_KIND_PTR) this.resolveMode = RESOLVE_PTR;
      else if (kind === K.BTF_KIND_STRUCT || kind === K.BTF_KIND_UNION || kind === K.BTF_KIND_ARRAY) {
        this.resolveMode = RESOLVE_STRUCT_OR_ARRAY;
      }
    }
    return 0;
  }

  /** Takes the top of the stack away: it resolves to `id` and `size`. */
  popResolved(id: number, size: number): number {
    const top = this.stack.pop();
    if (top) {
      this.#resolvedIds[top.id] = id;
      this.#resolvedSizes[top.id] = size;
      this.#visit[top.id] = RESOLVED;
    }
    return 0;
  }
}
