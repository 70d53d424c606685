import { createSys } from '/work/main/packages/verifier/test/fake-sys.ts';
import { createHost } from '@tsbpf/host';
import { encodeInsns, formatInsn } from '/work/main/packages/insn/src/index.ts';
const host: any = createHost();
const fake: any = createSys();
const MAPS = [
  { map_type: 1, key_size: 8, value_size: 8, max_entries: 4 },
  { map_type: 2, key_size: 4, value_size: 48, max_entries: 1 },
  { map_type: 1, key_size: 4, value_size: 64, max_entries: 4 },
  { map_type: 2, key_size: 4, value_size: 48, max_entries: 1, map_flags: 0x80 },
  { map_type: 6, key_size: 4, value_size: 8, max_entries: 2 },
];
const hf = MAPS.map((m) => host.bpf(0, { ...m })),
  ff = MAPS.map((m) => fake.bpf(0, { ...m }));
let seed = Number(process.argv[2] ?? 1);
const rnd = (n: number) => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return (seed >>> 8) % n;
};
const pick = <T,>(a: readonly T[]): T => a[rnd(a.length)];
const alu: number[] = [];
for (const op of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xa, 0xb, 0xc])
  for (const c of [4, 7]) for (const x of [0, 8]) if (!(op === 8 && x)) alu.push((op << 4) | c | x);
const jmp: number[] = [];
for (const op of [1, 2, 3, 4, 5, 6, 7, 0xa, 0xb, 0xc, 0xd])
  for (const c of [5, 6]) for (const x of [0, 8]) jmp.push((op << 4) | c | x);
const imms = [0, 1, -1, 2, 4, 7, 8, -8, -16, 16, 31, 32, 40, 63, 255, 0xffff, 0x7fffffff, -0x80000000];
const lb = new Uint8Array(1 << 16);
const load = (sys: any, insns: any[], type: number, fds: number[]) => {
  const x = insns.map((i) => (i.code === 0x18 && i.src ? { ...i, imm: fds[i.imm] } : i));
  lb[0] = 0;
  const r = sys.bpf(5, { prog_type: type, insns: encodeInsns(x), license: 'GPL', log_level: 4, log_buf: lb });
  const e = lb.indexOf(0);
  const log = new TextDecoder().decode(lb.subarray(0, e < 0 ? lb.length : e));
  if (r >= 0) sys.close(r);
  return {
    r,
    log,
    msg:
      log
        .trim()
        .split('\n')
        .filter((l) => !/^processed|^verif|^stack/.test(l))
        .at(-1) ?? '',
  };
};
const stat = new Map<string, { n: number; ex: any }>();
let n = 0,
  both = 0;
const end = Date.now() + Number(process.argv[3] ?? 60) * 1000;
while (Date.now() < end) {
  const type = pick([1, 3, 6]);
  const I: any[] = [];
  const p = (code: number, dst = 0, src = 0, off = 0, imm = 0) => I.push({ code, dst, src, off, imm });
  const m = rnd(5);
  // prologue: value pointer in r7, ctx in r6, packet in r8/r9 where available
  p(0xbf, 6, 1);
  p(0x7a, 10, 0, -8, 0);
  p(0xbf, 2, 10);
  p(0x07, 2, 0, 0, -8);
  p(0x18, 1, 1, 0, m);
  p(0);
  p(0x85, 0, 0, 0, 1);
  p(0x55, 0, 0, 1, 0);
  p(0x95);
  p(0xbf, 7, 0);
  p(0x61, 1, 7, rnd(2) * 4);
  p(0x79, 2, 7, 0);
  if (type === 6) {
    p(0x61, 8, 6, 0);
    p(0x61, 9, 6, 4);
  } else if (type === 3) {
    p(0x61, 8, 6, 76);
    p(0x61, 9, 6, 80);
  } else {
    p(0xb7, 8, 0, 0, pick(imms));
    p(0xb7, 9, 0, 0, pick(imms));
  }
  p(0xb7, 3, 0, 0, pick(imms));
  p(0xb7, 4, 0, 0, pick(imms));
  p(0xbf, 5, 10);
  p(0x07, 5, 0, 0, -8 * (1 + rnd(3)));
  const len = 4 + rnd(22);
  const start = I.length;
  for (let k = 0; k < len; k++) {
    const left = len - k;
    switch (rnd(9)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const c = pick(alu);
        const x = c & 8;
        let im = x ? 0 : pick(imms);
        const o = c >> 4;
        if (!x && (o === 6 || o === 7 || o === 12)) im = Math.abs(im) % ((c & 7) === 7 ? 64 : 32);
        if (!x && (o === 3 || o === 9) && im === 0) im = 3;
        if (o === 8) im = 0;
        p(c, rnd(10), x ? rnd(10) : 0, 0, im);
        break;
      }
      case 4:
      case 5: {
        const c = pick(jmp);
        const x = c & 8;
        p(c, rnd(10), x ? rnd(10) : 0, rnd(Math.min(left, 6)), x ? 0 : pick(imms));
        break;
      }
      case 6:
        p(
          pick([0x61, 0x69, 0x71, 0x79]),
          rnd(10),
          pick([5, 7, 7, 8, 10, 10, rnd(10)]),
          pick([0, 0, 1, 2, 4, 8, -8, -16, -4, 40]),
        );
        break;
      case 7:
        p(pick([0x62, 0x6a, 0x72, 0x7a]), pick([5, 7, 8, 10, 10]), 0, pick([0, 4, 8, -8, -16, -4, -24]), pick(imms));
        break;
      case 8:
        p(pick([0x63, 0x6b, 0x73, 0x7b, 0x7b]), pick([5, 7, 8, 10, 10]), rnd(10), pick([0, 4, 8, -8, -16, -4, -24]));
        break;
    }
  }
  p(0xb7, 0);
  p(0x95);
  n++;
  const a = load(fake, I, type, ff);
  const b = load(host, I, type, hf);
  if (a.r >= 0 && b.r >= 0) {
    both++;
    continue;
  }
  let k: string | undefined;
  if (a.r >= 0 && b.r < 0) k = 'OURS ACCEPTS, 6.18: ' + b.msg.replace(/-?\d+/g, 'N').slice(0, 90);
  else if (a.r < 0 && b.r >= 0) k = 'ours rejects, 6.18 accepts: ' + a.msg.replace(/-?\d+/g, 'N').slice(0, 90);
  if (k) {
    const s = stat.get(k);
    if (s) {
      s.n++;
      if (I.length < s.ex.I.length) s.ex = { I, a, b, type };
    } else stat.set(k, { n: 1, ex: { I, a, b, type } });
  }
}
console.log(n, both);
for (const [k, v] of [...stat].sort((x, y) => y[1].n - x[1].n)) {
  console.log(v.n, k);
  if (k.startsWith('OURS')) {
    console.log('   type', v.ex.type, v.ex.b.msg);
    console.log(
      v.ex.I.map((x: any, i: number) =>
        v.ex.I[i].code === 0 ? '' : `      ${i}: ${formatInsn(v.ex.I, i, { version: '5.6' })}`,
      ).join('\n'),
    );
  }
}
