// SPDX-License-Identifier: MIT
// Random C for the BPF target: numbers of all widths, arrays, structures, loops, switches, functions, maps, packets and
// variables of all sections. What C leaves undefined is not written (with -fwrapv): nothing divides by zero or shifts by
// more than there is, every variable has a value.
import type { Random } from '../soundness/random.ts';

const TYPES = ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'] as const;
type Type = (typeof TYPES)[number];
const BITS: Readonly<Record<Type, number>> = { u8: 8, u16: 16, u32: 32, u64: 64, s8: 8, s16: 16, s32: 32, s64: 64 };
const BINARY = ['+', '-', '*', '&', '|', '^', '+', '-', '<<', '>>', '/', '%'];
const COMPARE = ['<', '<=', '>', '>=', '==', '!='];
const EDGES = [
  '0',
  '1',
  '2',
  '7',
  '31',
  '63',
  '255',
  '256',
  '0x7fff',
  '0xffff',
  '0x7fffffff',
  '0x80000000u',
  '0xffffffffu',
];
const WIDE = [
  '0x100000000ull',
  '0x7fffffffffffffffull',
  '0x8000000000000000ull',
  '0xffffffffffffffffull',
  '-1ll',
  '-128',
];

const PRELUDE = `typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
typedef signed char s8; typedef short s16; typedef int s32; typedef long long s64;
#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define NOINLINE __attribute__((noinline))
#define INLINE inline __attribute__((always_inline))
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
struct xdp_md { u32 data; u32 data_end; u32 data_meta; u32 ingress_ifindex; u32 rx_queue_index; };
struct __sk_buff { u32 len; u32 pkt_type; u32 mark; u32 skip[16]; u32 data; u32 data_end; };
char _license[] SEC("license") = "GPL";
struct bits { u32 low : 5; s32 mid : 11; u64 high : 33; u8 flag : 1; };
static NOINLINE u64 fold(struct bits *b, const u8 *bytes, u32 from) {
  b->low += bytes[1]; b->mid ^= from; b->high += bytes[0] + b->flag; b->flag ^= 1;
  return b->high * 31 + b->mid;
}
`;

/** Entries of tables; indices are masked. */
const TABLE = 8;
/** Records in .bss. */
const RECORDS = 4;
const MAPS = ['counts', 'flows', 'slots'] as const;

interface Func {
  readonly name: string;
  readonly returns: Type;
  readonly args: readonly Type[];
}

interface Field {
  readonly name: string;
  readonly type: Type;
}

export class CWriter {
  readonly #random: Random;
  readonly #lines: string[] = [];
  readonly #funcs: Func[] = [];
  readonly #fields: Field[] = [];
  /** Variables in scope; what is read only apart. */
  #vars: { name: string; type: Type }[] = [];
  #consts: { name: string; type: Type }[] = [];
  #tables: { name: string; type: Type; write: boolean }[] = [];
  #names = 0;
  #depth = 0;
  #loops = 0;
  /** Callers of functions pay for what is in them. */
  #callable: Func[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** The source of a program of one function type, `xdp` or `tc`. */
  source(): string {
    const random = this.#random;
    this.#lines.push(PRELUDE);
    for (let i = random.between(2, 5); i > 0; i--) this.#fields.push({ name: `m${i}`, type: this.#type() });
    const fields = this.#fields.map(({ name, type }) => `${type} ${name};`).join(' ');
    this.#put(`struct rec { ${fields} u64 hits; u32 small; };`);
    this.#put(`${random.pick(['', 'static volatile '])}struct rec recs[${RECORDS}];`);
    this.#maps();
    this.#globals();
    for (let i = random.below(4); i > 0; i--) this.#function();
    this.#main(random.chance(0.5));
    return this.#lines.join('\n') + '\n';
  }

  #put(line: string): void {
    this.#lines.push('  '.repeat(this.#depth) + line);
  }

  #type(): Type {
    return this.#random.pick(TYPES);
  }

  #name(stem: string): string {
    return `${stem}${this.#names++}`;
  }

  #maps(): void {
    const kinds = { counts: 2, flows: 1, slots: 6 };
    for (const map of MAPS) {
      this.#put(
        `struct { __uint(type, ${kinds[map]}); __uint(max_entries, 8); __type(key, u32); __type(value, struct rec); } ${map} SEC(".maps");`,
      );
    }
  }

  #globals(): void {
    const random = this.#random;
    for (let i = random.between(2, 5); i > 0; i--) {
      const [name, type] = [this.#name('g'), this.#type()];
      const init = random.chance(0.5) ? ` = ${this.#literal(type)}` : '';
      const linkage = random.pick(['', 'static volatile ', 'volatile ']);
      this.#put(`${linkage}${type} ${name}${init};`);
      this.#vars.push({ name, type });
    }
    for (let i = random.below(3); i > 0; i--) {
      const [name, type] = [this.#name('k'), this.#type()];
      this.#put(`const volatile ${type} ${name} = ${this.#literal(type)};`);
      this.#consts.push({ name, type });
    }
    for (let i = random.between(1, 3); i > 0; i--) {
      const [name, type] = [this.#name('t'), this.#type()];
      const write = random.chance(0.5);
      const values = Array.from({ length: TABLE }, () => this.#literal(type)).join(', ');
      const init = write && random.chance(0.4) ? '' : ` = { ${values} }`;
      this.#put(`${write ? '' : random.pick(['static const ', 'const volatile '])}${type} ${name}[${TABLE}]${init};`);
      this.#tables.push({ name, type, write });
    }
  }

  #literal(type: Type): string {
    const random = this.#random;
    const pool = BITS[type] === 64 && random.chance(0.4) ? WIDE : EDGES;
    const text = random.chance(0.7) ? random.pick(pool) : String(random.word());
    return `(${type})${random.chance(0.2) ? `~${text}` : text}`;
  }

  /** An expression whose value is of `type`. */
  #expr(type: Type, depth = 3): string {
    const random = this.#random;
    const choice = random.below(depth <= 0 ? 4 : 16);
    const cast = (text: string): string => `(${type})(${text})`;
    if (choice === 0) return this.#literal(type);
    if (choice < 3) return cast(random.pick([...this.#vars, ...this.#consts]).name);
    if (choice < 4) return cast(`${random.pick(this.#tables).name}[${this.#index(depth - 1)}]`);
    if (choice < 11) return this.#binary(type, depth);
    const other = this.#type();
    if (choice < 12) return cast(this.#expr(other, depth - 1));
    if (choice < 13)
      return cast(`${this.#condition(depth - 1)} ? ${this.#expr(other, depth - 1)} : ${this.#expr(type, depth - 1)}`);
    if (choice < 14) return cast(`${random.pick(['-', '~', '!'])}${this.#expr(other, depth - 1)}`);
    const func = this.#callable.length > 0 && this.#loops === 0 ? random.pick(this.#callable) : undefined;
    if (func === undefined) return cast(random.pick(this.#vars).name);
    return cast(`${func.name}(${func.args.map((arg) => this.#expr(arg, depth - 2)).join(', ')})`);
  }

  #binary(type: Type, depth: number): string {
    const random = this.#random;
    const op = random.pick(BINARY);
    const [a, b] = [this.#expr(type, depth - 1), this.#expr(type, depth - 1)];
    if (op === '<<' || op === '>>')
      return `(${type})(${a} ${op} (${this.#expr('u32', depth - 2)} & ${BITS[type] - 1}))`;
    if (op === '/' || op === '%') {
      // Before version 4 there is unsigned division only.
      const wide = random.pick(['u32', 'u64']);
      const by = random.chance(0.4) ? `${random.pick([3, 7, 10, 16, 255, 1000])}u` : `((${wide})${b} | 1)`;
      return `(${type})((${wide})${a} ${op} ${by})`;
    }
    return `(${type})(${a} ${op} ${b})`;
  }

  #index(depth: number): string {
    return this.#random.chance(0.3) ? String(this.#random.below(TABLE)) : `${this.#expr('u32', depth)} & ${TABLE - 1}`;
  }

  #condition(depth: number): string {
    const type = this.#type();
    return `(${this.#expr(type, depth)} ${this.#random.pick(COMPARE)} ${this.#expr(type, depth)})`;
  }

  #function(): void {
    const random = this.#random;
    const func: Func = {
      name: this.#name('f'),
      returns: this.#type(),
      args: Array.from({ length: random.between(1, 4) }, () => this.#type()),
    };
    const scope = [this.#vars, this.#consts] as const;
    this.#vars = [...this.#vars];
    const args = func.args.map((type) => ({ name: this.#name('a'), type }));
    const linkage = random.pick(['static NOINLINE', 'static NOINLINE', 'NOINLINE', 'static INLINE']);
    this.#put(
      `${linkage} ${func.returns} ${func.name}(${args.map(({ name, type }) => `${type} ${name}`).join(', ')}) {`,
    );
    this.#vars.push(...args);
    this.#depth++;
    this.#statements(random.between(1, 4));
    this.#put(
      `return ${[this.#expr(func.returns), ...args.map(({ name }) => `(${func.returns})${name}`)].join(' ^ ')};`,
    );
    this.#depth--;
    this.#put('}');
    [this.#vars, this.#consts] = [scope[0], scope[1]];
    this.#funcs.push(func);
    this.#callable = this.#funcs;
  }

  #main(xdp: boolean): void {
    const random = this.#random;
    this.#put(`SEC("${xdp ? 'xdp' : 'tc'}") int entry(struct ${xdp ? 'xdp_md' : '__sk_buff'} *ctx) {`);
    this.#depth++;
    this.#put('u8 *data = (void *)(long)ctx->data; u8 *end = (void *)(long)ctx->data_end;');
    for (let i = random.between(2, 4); i > 0; i--) {
      const [name, type] = [this.#name('v'), this.#type()];
      this.#put(`${type} ${name} = ${this.#literal(type)};`);
      this.#vars.push({ name, type });
    }
    this.#packet();
    for (let i = random.between(4, 12); i > 0; i--) {
      if (random.chance(0.15)) this.#packet();
      else if (random.chance(0.06)) this.#header();
      else this.#statement();
    }
    this.#put(`return ${this.#expr('u32')};`);
    this.#depth--;
    this.#put('}');
  }

  #statements(count: number): void {
    const scope = this.#vars;
    this.#vars = [...scope];
    for (let i = 0; i < count; i++) this.#statement();
    this.#vars = scope;
  }

  #statement(): void {
    const random = this.#random;
    const choice = random.below(this.#depth < 4 ? 20 : 9);
    if (choice < 5) this.#assign();
    else if (choice < 6) this.#local();
    else if (choice < 7) this.#store();
    else if (choice < 9) this.#localArray();
    else if (choice < 11) this.#if();
    else if (choice < 13) this.#loop();
    else if (choice < 14) this.#switch();
    else if (choice < 17) this.#map();
    else if (choice < 18) this.#records();
    else if (choice < 19) this.#bits();
    else this.#structs();
  }

  #assign(): void {
    const { name, type } = this.#random.pick(this.#vars);
    const op = this.#random.pick(['=', '=', '+=', '^=', '-=', '|=']);
    this.#put(`${name} ${op} ${this.#expr(type)};`);
  }

  #local(): void {
    const [name, type] = [this.#name('v'), this.#type()];
    this.#put(`${type} ${name} = ${this.#expr(type)};`);
    this.#vars.push({ name, type });
  }

  #store(): void {
    const tables = this.#tables.filter(({ write }) => write);
    if (tables.length === 0) return this.#assign();
    const { name, type } = this.#random.pick(tables);
    this.#put(`${name}[${this.#index(2)}] ${this.#random.pick(['=', '+=', '^='])} ${this.#expr(type)};`);
  }

  /** An array on the stack: elements at known indices, copied and cleared as a whole. */
  #localArray(): void {
    const random = this.#random;
    const [name, copy, type] = [this.#name('b'), this.#name('b'), random.pick(['u8', 'u16', 'u32', 'u64'] as const)];
    const length = random.pick([2, 4, 8]);
    this.#put(
      `${type} ${name}[${length}] = { ${Array.from({ length }, () => this.#expr(type, 1)).join(', ')} }, ${copy}[${length}];`,
    );
    this.#put(
      random.chance(0.6)
        ? `__builtin_memcpy(${copy}, ${name}, sizeof(${copy}));`
        : `__builtin_memset(${copy}, ${random.pick([0, 0, 255, 90])}, sizeof(${copy}));`,
    );
    this.#put(`${copy}[${random.below(length)}] ^= ${this.#expr(type, 2)};`);
    const target = random.pick(this.#vars);
    const sum = Array.from({ length }, (_, i) => `${random.chance(0.7) ? copy : name}[${i}]`).join(
      random.pick([' + ', ' ^ ']),
    );
    this.#put(`${target.name} += (${target.type})(${sum});`);
  }

  #block(head: string, inside: () => void, tail = '}'): void {
    this.#put(head);
    this.#depth++;
    inside();
    this.#depth--;
    this.#put(tail);
  }

  #if(): void {
    const random = this.#random;
    const both = random.chance(0.5);
    this.#block(`if ${this.#condition(2)} {`, () => this.#statements(random.between(1, 2)), both ? '} else {' : '}');
    if (!both) return;
    this.#depth++;
    this.#statements(1);
    this.#depth--;
    this.#put('}');
  }

  #loop(): void {
    const random = this.#random;
    if (this.#loops >= 2) return this.#assign();
    const i = this.#name('i');
    if (random.chance(0.3)) this.#put(random.pick(['#pragma unroll', '#pragma clang loop unroll(disable)']));
    const step = random.pick([`${i}++`, `${i} += 2`]);
    this.#block(`for (u32 ${i} = 0; ${i} < ${random.between(2, 8)}; ${step}) {`, () => {
      const scope = this.#consts;
      this.#consts = [...scope, { name: i, type: 'u32' }];
      this.#loops++;
      this.#statements(random.between(1, 2));
      if (random.chance(0.3)) this.#put(`if ${this.#condition(1)} ${random.pick(['break', 'continue'])};`);
      this.#loops--;
      this.#consts = scope;
    });
  }

  #switch(): void {
    const random = this.#random;
    const cases = random.between(3, 8);
    const target = random.pick(this.#vars);
    this.#block(`switch (${this.#expr('u32', 2)} & ${random.pick([7, 15])}) {`, () => {
      for (let i = 0; i < cases; i++) {
        const value = random.chance(0.6) ? this.#literal(target.type) : this.#expr(target.type, 1);
        this.#put(`case ${i}: ${target.name} = ${value};${random.chance(0.8) ? ' break;' : ''}`);
      }
      this.#put(`default: ${target.name} ^= 5;`);
    });
  }

  #map(): void {
    const random = this.#random;
    const map = random.pick(MAPS);
    const [key, value] = [this.#name('key'), this.#name('p')];
    this.#put(`u32 ${key} = ${this.#expr('u32', 2)} & ${random.pick([3, 7])};`);
    if (map === 'flows' && random.chance(0.4)) {
      if (random.chance(0.25)) return this.#put(`bpf_map_delete_elem(&${map}, &${key});`);
      const rec = this.#name('r');
      this.#put(`struct rec ${rec}; __builtin_memset(&${rec}, 0, sizeof(${rec}));`);
      this.#put(`${rec}.hits = ${this.#expr('u64', 2)};`);
      this.#put(`bpf_map_update_elem(&${map}, &${key}, &${rec}, ${random.pick([0, 0, 1, 2])});`);
      return;
    }
    this.#put(`struct rec *${value} = bpf_map_lookup_elem(&${map}, &${key});`);
    this.#block(`if (${value}) {`, () => {
      for (let i = random.between(1, 3); i > 0; i--) {
        const field = random.pick(this.#fields);
        const target = random.pick(this.#vars);
        const way = random.below(4);
        if (way === 0)
          this.#put(`__sync_fetch_and_add(&${value}->${random.pick(['hits', 'small'])}, ${this.#expr('u32', 2)});`);
        else if (way === 1) this.#put(`${target.name} += (${target.type})${value}->${field.name};`);
        else this.#put(`${value}->${field.name} ${random.pick(['=', '+=', '^='])} ${this.#expr(field.type, 2)};`);
      }
    });
  }

  /** Structures on the stack, copied. */
  #structs(): void {
    const random = this.#random;
    const [a, b] = [this.#name('r'), this.#name('r')];
    const values = this.#fields.map(({ name, type }) => `.${name} = ${this.#expr(type, 2)}`).join(', ');
    this.#put(`struct rec ${a} = { ${values} }, ${b} = ${a};`);
    const [field, from] = [random.pick(this.#fields), random.pick(this.#fields)];
    this.#put(`${b}.${field.name} += ${this.#expr(field.type, 2)};`);
    const target = random.pick(this.#vars);
    this.#put(`${target.name} ^= (${target.type})(${b}.${from.name} + ${a}.${field.name} + ${b}.${field.name});`);
  }

  /** Records of a global array: one that is looked for, or one at an index. */
  #records(): void {
    const random = this.#random;
    const [field, target] = [random.pick(this.#fields), random.pick(this.#vars)];
    if (random.chance(0.5) || this.#loops > 0) {
      const at = `recs[${this.#expr('u32', 2)} & ${RECORDS - 1}]`;
      return this.#put(`${at}.${field.name} ${random.pick(['=', '+=', '^='])} ${this.#expr(field.type, 2)};`);
    }
    const i = this.#name('i');
    this.#put(
      `u32 ${i} = 0; while (${i} < ${RECORDS} && recs[${i}].${field.name} ${random.pick(COMPARE)} ${this.#expr(field.type, 1)}) ${i}++;`,
    );
    this.#put(`${target.name} += (${target.type})${i};`);
  }

  /** Bit fields on the stack, which a function gets by pointer, with some bytes. */
  #bits(): void {
    const random = this.#random;
    const [bits, bytes, target] = [this.#name('w'), this.#name('b'), random.pick(this.#vars)];
    this.#put(`struct bits ${bits}; __builtin_memset(&${bits}, 0, sizeof(${bits}));`);
    for (const field of ['low', 'mid', 'high']) this.#put(`${bits}.${field} = ${this.#expr('u64', 1)};`);
    this.#put(`u8 ${bytes}[2] = { ${this.#expr('u8', 1)}, ${this.#expr('u8', 1)} };`);
    this.#put(`${target.name} ^= (${target.type})fold(&${bits}, ${bytes}, ${this.#expr('u32', 1)});`);
    this.#put(`${target.name} += (${target.type})(${bits}.${random.pick(['low', 'mid', 'high', 'flag'])});`);
  }

  /** A header whose length is in the packet, and what comes after it. */
  #header(): void {
    const random = this.#random;
    const [at, type, target] = [this.#name('h'), this.#type(), random.pick(this.#vars)];
    this.#block('if (data + 20 <= end) {', () => {
      this.#put(`u8 *${at} = data + (data[${random.below(20)}] & 15) * ${random.pick([1, 2, 4])};`);
      const place = `(*(${type} *)(${at} + ${random.below(8)}))`;
      this.#block(`if (${at} + 16 <= end) {`, () => {
        if (random.chance(0.3)) this.#put(`${place} ^= ${this.#expr(type, 1)};`);
        else this.#put(`${target.name} += (${target.type})${place};`);
      });
    });
  }

  /** Reads and writes of the packet behind a check. */
  #packet(): void {
    const random = this.#random;
    const reach = random.pick([8, 14, 20, 34]);
    this.#block(`if (data + ${reach} <= end) {`, () => {
      for (let i = random.between(1, 3); i > 0; i--) {
        const type = this.#type();
        const off = random.below(reach - BITS[type] / 8 + 1);
        const target = random.pick(this.#vars);
        const swap = type === 'u16' || type === 'u32' || type === 'u64' ? `__builtin_bswap${BITS[type]}` : '';
        const place = `(*(${type} *)(data + ${off}))`;
        if (random.chance(0.4)) this.#put(`${place} ${random.pick(['=', '+=', '^='])} ${this.#expr(type, 2)};`);
        else
          this.#put(
            `${target.name} ${random.pick(['=', '+=', '^='])} (${target.type})${random.chance(0.4) ? swap : ''}${place};`,
          );
      }
    });
  }
}
