// SPDX-License-Identifier: MIT
// The loop. Case labels are literals because V8 makes a jump table of literals only; ../code/decode.ts names those that
// are no opcodes. Registers are lo/hi words; the comment of a case says what it does in C.
import type { RunState } from './state.ts';
import { div64, mod64 } from './divide.ts';
import { loadPacket } from './load-packet.ts';
import { rare } from './rare.ts';
import { tailCall } from './tail-call.ts';
import { FRAME_WORDS, MAX_FRAMES } from './frames.ts';
import { KERNEL_BASE_HI } from '@tsbpf/memory';

// Own constants: V8 loads those of other modules wherever they are used.
const BASE_HI = KERNEL_BASE_HI;
const SAVED = FRAME_WORDS;
const LAST_FRAME = MAX_FRAMES - 1;

function swap32(x: number): number {
  return (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24);
}

/**
 * Runs from `run.pc` to the program's end (`run.done`) or, in the stepping layout, to the next STOP (`run.next`).
 * @errno EFAULT FaultError: an access outside of the memory, or a ninth frame
 */
export function execute(run: RunState): void {
  const { mem } = run;
  let { code, lo, hi, pc, sp } = run;
  let view = mem.view;
  try {
    for (;;) {
      const word = code[pc];
      const d = (word >>> 8) & 15;
      const s = word >>> 12;
      pc += 2;
      switch (word & 0xff) {
        case 0x00: // stop
          run.next = code[pc - 1];
          run.taken = d === 1;
          run.pc = pc - 2;
          run.sp = sp;
          return;

        case 0x0f: {
          // dst += src
          const a = lo[d];
          const l = (a + lo[s]) | 0;
          hi[d] += hi[s] + (l >>> 0 < a >>> 0 ? 1 : 0);
          lo[d] = l;
          break;
        }
        case 0x1f: {
          // dst -= src
          const a = lo[d];
          const b = lo[s];
          hi[d] -= hi[s] + (a >>> 0 < b >>> 0 ? 1 : 0);
          lo[d] = a - b;
          break;
        }
        case 0x2f: {
          // dst *= src, in halves of the low words
          const a = lo[d];
          const b = lo[s];
          const a0 = a & 0xffff;
          const a1 = a >>> 16;
          const b0 = b & 0xffff;
          const b1 = b >>> 16;
          const t = Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16);
          const u = Math.imul(a0, b1) + (t & 0xffff);
          hi[d] = Math.imul(a, hi[s]) + Math.imul(hi[d], b) + Math.imul(a1, b1) + (t >>> 16) + (u >>> 16);
          lo[d] = Math.imul(a, b);
          break;
        }
        case 0x3f: // dst /= src
          div64(lo, hi, d, s);
          break;
        case 0x9f: // dst %= src
          mod64(lo, hi, d, s);
          break;
        case 0x4f: // dst |= src
          lo[d] |= lo[s];
          hi[d] |= hi[s];
          break;
        case 0x5f: // dst &= src
          lo[d] &= lo[s];
          hi[d] &= hi[s];
          break;
        case 0xaf: // dst ^= src
          lo[d] ^= lo[s];
          hi[d] ^= hi[s];
          break;
        case 0x6f: {
          // dst <<= src; a shift by ~n after one by 1 is a shift by 32 - n, for n = 0, too
          const n = lo[s] & 63;
          const l = lo[d];
          if (n > 31) {
            hi[d] = l << n;
            lo[d] = 0;
          } else {
            hi[d] = (hi[d] << n) | ((l >>> 1) >>> ~n);
            lo[d] = l << n;
          }
          break;
        }
        case 0x7f: {
          // dst >>= src
          const n = lo[s] & 63;
          const h = hi[d];
          if (n > 31) {
            lo[d] = h >>> n;
            hi[d] = 0;
          } else {
            lo[d] = (lo[d] >>> n) | ((h << 1) << ~n);
            hi[d] = h >>> n;
          }
          break;
        }
        case 0xcf: {
          // dst = (s64)dst >> src
          const n = lo[s] & 63;
          const h = hi[d];
          if (n > 31) {
            lo[d] = h >> n;
            hi[d] = h >> 31;
          } else {
            lo[d] = (lo[d] >>> n) | ((h << 1) << ~n);
            hi[d] = h >> n;
          }
          break;
        }
        case 0xbf: // dst = src
          lo[d] = lo[s];
          hi[d] = hi[s];
          break;
        case 0x87: // dst = -dst
          hi[d] = (lo[d] === 0 ? 0 : -1) - hi[d];
          lo[d] = -lo[d];
          break;

        case 0x0c: // (u32) dst += src
          lo[d] += lo[s];
          hi[d] = 0;
          break;
        case 0x1c:
          lo[d] -= lo[s];
          hi[d] = 0;
          break;
        case 0x2c:
          lo[d] = Math.imul(lo[d], lo[s]);
          hi[d] = 0;
          break;
        case 0x3c: {
          const b = lo[s];
          lo[d] = b === 0 ? 0 : (lo[d] >>> 0) / (b >>> 0);
          hi[d] = 0;
          break;
        }
        case 0x9c: {
          const b = lo[s];
          if (b !== 0) lo[d] = (lo[d] >>> 0) % (b >>> 0);
          hi[d] = 0;
          break;
        }
        case 0x4c:
          lo[d] |= lo[s];
          hi[d] = 0;
          break;
        case 0x5c:
          lo[d] &= lo[s];
          hi[d] = 0;
          break;
        case 0xac:
          lo[d] ^= lo[s];
          hi[d] = 0;
          break;
        case 0x6c:
          lo[d] <<= lo[s];
          hi[d] = 0;
          break;
        case 0x7c:
          lo[d] >>>= lo[s];
          hi[d] = 0;
          break;
        case 0xcc:
          lo[d] >>= lo[s];
          hi[d] = 0;
          break;
        case 0xbc:
          lo[d] = lo[s];
          hi[d] = 0;
          break;
        case 0x84:
          lo[d] = -lo[d];
          hi[d] = 0;
          break;

        case 0xdc: {
          // dst = htobe(dst), of the width in the last word
          const l = lo[d];
          if (code[pc - 1] === 16) {
            lo[d] = ((l & 0xff) << 8) | ((l >>> 8) & 0xff);
            hi[d] = 0;
          } else if (code[pc - 1] === 32) {
            lo[d] = swap32(l);
            hi[d] = 0;
          } else {
            lo[d] = swap32(hi[d]);
            hi[d] = swap32(l);
          }
          break;
        }
        case 0x18: // dst = a 64-bit constant
          lo[d] = lo[s];
          hi[d] = hi[s];
          pc = code[pc - 1];
          break;

        case 0x71: // dst = *(u8 *)(src + off)
          lo[d] = view.getUint8((lo[s] + code[pc - 1]) >>> 0);
          hi[d] = 0;
          break;
        case 0x69: // dst = *(u16 *)(src + off)
          lo[d] = view.getUint16((lo[s] + code[pc - 1]) >>> 0, true);
          hi[d] = 0;
          break;
        case 0x61: // dst = *(u32 *)(src + off)
          lo[d] = view.getInt32((lo[s] + code[pc - 1]) >>> 0, true);
          hi[d] = 0;
          break;
        case 0x79: {
          // dst = *(u64 *)(src + off)
          const a = (lo[s] + code[pc - 1]) >>> 0;
          lo[d] = view.getInt32(a, true);
          hi[d] = view.getInt32(a + 4, true);
          break;
        }
        case 0x73: // *(u8 *)(dst + off) = src
          view.setInt8((lo[d] + code[pc - 1]) >>> 0, lo[s]);
          break;
        case 0x6b: // *(u16 *)(dst + off) = src
          view.setInt16((lo[d] + code[pc - 1]) >>> 0, lo[s], true);
          break;
        case 0x63: // *(u32 *)(dst + off) = src
          view.setInt32((lo[d] + code[pc - 1]) >>> 0, lo[s], true);
          break;
        case 0x7b: {
          // *(u64 *)(dst + off) = src; the high word first, so that a fault at the end of memory writes nothing
          const a = (lo[d] + code[pc - 1]) >>> 0;
          view.setInt32(a + 4, hi[s], true);
          view.setInt32(a, lo[s], true);
          break;
        }
        case 0xc3: {
          // lock *(u32 *)(dst + off) += src
          const a = (lo[d] + code[pc - 1]) >>> 0;
          view.setInt32(a, view.getInt32(a, true) + lo[s], true);
          break;
        }
        case 0xdb: {
          // lock *(u64 *)(dst + off) += src
          const a = (lo[d] + code[pc - 1]) >>> 0;
          const old = view.getInt32(a, true);
          const l = (old + lo[s]) | 0;
          view.setInt32(a + 4, view.getInt32(a + 4, true) + hi[s] + (l >>> 0 < old >>> 0 ? 1 : 0), true);
          view.setInt32(a, l, true);
          break;
        }

        case 0x05: // goto
          pc = code[pc - 1];
          break;
        case 0x1d: // if (dst == src) goto
          if (lo[d] === lo[s] && hi[d] === hi[s]) pc = code[pc - 1];
          break;
        case 0x5d: // !=
          if (lo[d] !== lo[s] || hi[d] !== hi[s]) pc = code[pc - 1];
          break;
        case 0x2d: // >, unsigned
          if (hi[d] === hi[s] ? lo[d] >>> 0 > lo[s] >>> 0 : hi[d] >>> 0 > hi[s] >>> 0) pc = code[pc - 1];
          break;
        case 0x3d: // >=, unsigned
          if (hi[d] === hi[s] ? lo[d] >>> 0 >= lo[s] >>> 0 : hi[d] >>> 0 > hi[s] >>> 0) pc = code[pc - 1];
          break;
        case 0xad: // <, unsigned
          if (hi[d] === hi[s] ? lo[d] >>> 0 < lo[s] >>> 0 : hi[d] >>> 0 < hi[s] >>> 0) pc = code[pc - 1];
          break;
        case 0xbd: // <=, unsigned
          if (hi[d] === hi[s] ? lo[d] >>> 0 <= lo[s] >>> 0 : hi[d] >>> 0 < hi[s] >>> 0) pc = code[pc - 1];
          break;
        case 0x4d: // if (dst & src) goto
          if (((lo[d] & lo[s]) | (hi[d] & hi[s])) !== 0) pc = code[pc - 1];
          break;
        case 0x6d: // >, signed
          if (hi[d] === hi[s] ? lo[d] >>> 0 > lo[s] >>> 0 : hi[d] > hi[s]) pc = code[pc - 1];
          break;
        case 0x7d: // >=, signed
          if (hi[d] === hi[s] ? lo[d] >>> 0 >= lo[s] >>> 0 : hi[d] > hi[s]) pc = code[pc - 1];
          break;
        case 0xcd: // <, signed
          if (hi[d] === hi[s] ? lo[d] >>> 0 < lo[s] >>> 0 : hi[d] < hi[s]) pc = code[pc - 1];
          break;
        case 0xdd: // <=, signed
          if (hi[d] === hi[s] ? lo[d] >>> 0 <= lo[s] >>> 0 : hi[d] < hi[s]) pc = code[pc - 1];
          break;

        case 0x1e: // the same on the low words
          if (lo[d] === lo[s]) pc = code[pc - 1];
          break;
        case 0x5e:
          if (lo[d] !== lo[s]) pc = code[pc - 1];
          break;
        case 0x2e:
          if (lo[d] >>> 0 > lo[s] >>> 0) pc = code[pc - 1];
          break;
        case 0x3e:
          if (lo[d] >>> 0 >= lo[s] >>> 0) pc = code[pc - 1];
          break;
        case 0xae:
          if (lo[d] >>> 0 < lo[s] >>> 0) pc = code[pc - 1];
          break;
        case 0xbe:
          if (lo[d] >>> 0 <= lo[s] >>> 0) pc = code[pc - 1];
          break;
        case 0x4e:
          if ((lo[d] & lo[s]) !== 0) pc = code[pc - 1];
          break;
        case 0x6e:
          if (lo[d] > lo[s]) pc = code[pc - 1];
          break;
        case 0x7e:
          if (lo[d] >= lo[s]) pc = code[pc - 1];
          break;
        case 0xce:
          if (lo[d] < lo[s]) pc = code[pc - 1];
          break;
        case 0xde:
          if (lo[d] <= lo[s]) pc = code[pc - 1];
          break;
        case 0xe6: // may_goto: goto once the function has looped long enough
          if (run.loops === 0) pc = code[pc - 1];
          else run.loops--;
          break;

        case 0xe0: // r0 = helper(r1, …, r5), sign-extended
          lo[0] = run.functions[s](run.call, lo[1], lo[2], lo[3], lo[4], lo[5]);
          hi[0] = lo[0] >> 31;
          view = mem.view;
          break;
        case 0xe1: // zero-extended
          lo[0] = run.functions[s](run.call, lo[1], lo[2], lo[3], lo[4], lo[5]);
          hi[0] = 0;
          view = mem.view;
          break;
        case 0xe2: // a pointer
          lo[0] = run.functions[s](run.call, lo[1], lo[2], lo[3], lo[4], lo[5]);
          hi[0] = lo[0] === 0 ? 0 : BASE_HI;
          view = mem.view;
          break;
        case 0xe3: // 64 bits
          lo[0] = run.functions[s](run.call, lo[1], lo[2], lo[3], lo[4], lo[5]);
          hi[0] = run.call.retHi;
          view = mem.view;
          break;
        case 0xe4: {
          // r0 = a function of the program; a global one goes through its slot
          if (s !== 0 && run.callPatched(s)) {
            view = mem.view;
            break;
          }
          if (sp === LAST_FRAME) throw run.tooDeep(pc - 2);
          const { frames } = run;
          const f = sp * SAVED;
          frames[f] = pc;
          frames[f + 1] = run.loops;
          frames[f + 2] = lo[6];
          frames[f + 3] = hi[6];
          frames[f + 4] = lo[7];
          frames[f + 5] = hi[7];
          frames[f + 6] = lo[8];
          frames[f + 7] = hi[8];
          frames[f + 8] = lo[9];
          frames[f + 9] = hi[9];
          sp++;
          lo[10] += 512;
          run.loops = run.maxLoops;
          pc = code[pc - 1];
          break;
        }
        case 0xf5: {
          // tail call
          run.pc = pc;
          run.sp = sp;
          if (tailCall(run)) {
            ({ code, lo, hi, pc } = run);
          }
          view = mem.view;
          break;
        }
        case 0x20: // r0 = packet bytes, or the function ends with 0
          if (!loadPacket(run, d, (lo[s] + code[pc - 1]) | 0)) pc = run.layout.exitPc;
          break;

        case 0x95: {
          // return r0
          if (sp === 0) {
            run.done = true;
            run.pc = pc - 2;
            return;
          }
          sp--;
          const { frames } = run;
          const f = sp * SAVED;
          pc = frames[f];
          run.loops = frames[f + 1];
          lo[6] = frames[f + 2];
          hi[6] = frames[f + 3];
          lo[7] = frames[f + 4];
          hi[7] = frames[f + 5];
          lo[8] = frames[f + 6];
          hi[8] = frames[f + 7];
          lo[9] = frames[f + 8];
          hi[9] = frames[f + 9];
          lo[10] -= 512;
          break;
        }
        default:
          rare(run, word & 0xff, d, s, code[pc - 1]);
      }
    }
  } catch (error) {
    run.pc = pc - 2;
    run.sp = sp;
    throw run.fault(error, code[pc - 2] & 0xff);
  }
}
