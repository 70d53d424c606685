// SPDX-License-Identifier: MIT
// What later versions of Linux gave a meaning: a rejection names the version.
import { LATER_HELPERS, type Since, type VerifierDiagnostic } from '@tsbpf/uapi';
import type { Insn } from '@tsbpf/insn';

interface NewerInsn extends Since {
  readonly is: (insn: Insn) => boolean;
}

const [LD_IMM64, JMP_CALL, JMP32_JA, JCOND] = [0x18, 0x85, 0x06, 0xe5];
const PSEUDO_KFUNC_CALL = 2;
const [PSEUDO_BTF_ID, PSEUDO_FUNC, PSEUDO_MAP_IDX, PSEUDO_MAP_IDX_VALUE] = [3, 4, 5, 6];
const BPF_ATOMIC_FETCH = 0x01;
const [BPF_LOAD_ACQ, BPF_STORE_REL] = [0x100, 0x110];

const [CLASS_LDX, CLASS_STX, CLASS_ALU, CLASS_ALU64] = [0x01, 0x03, 0x04, 0x07];
const [MODE_MEMSX, MODE_ATOMIC] = [0x80, 0xc0];
const [OP_DIV, OP_MOD, OP_MOV, OP_END] = [0x30, 0x90, 0xb0, 0xd0];

const classOf = (code: number): number => code & 0x07;
const modeOf = (code: number): number => code & 0xe0;
const isAlu = (code: number, ...ops: readonly number[]): boolean =>
  (classOf(code) === CLASS_ALU || classOf(code) === CLASS_ALU64) && ops.includes(code & 0xf0);
const isAtomic = (code: number): boolean => classOf(code) === CLASS_STX && modeOf(code) === MODE_ATOMIC;

const loads = (src: number) => (insn: Insn) => insn.code === LD_IMM64 && insn.src === src;

/** The first that fits is the answer. */
const NEWER: readonly NewerInsn[] = [
  {
    name: 'a call of a kernel function (kfunc)',
    version: '5.13',
    is: ({ code, src }) => code === JMP_CALL && src === PSEUDO_KFUNC_CALL,
  },
  {
    name: 'a load that acquires or a store that releases',
    version: '6.15',
    is: ({ code, imm }) => isAtomic(code) && (imm === BPF_LOAD_ACQ || imm === BPF_STORE_REL),
  },
  {
    name: 'an atomic operation that fetches the old value',
    version: '5.12',
    is: ({ code, imm }) => isAtomic(code) && (imm & BPF_ATOMIC_FETCH) !== 0,
  },
  {
    name: 'an atomic operation other than addition',
    version: '5.12',
    is: ({ code, imm }) => isAtomic(code) && imm !== 0,
  },
  { name: 'the address of a kernel variable (typed ksym)', version: '5.10', is: loads(PSEUDO_BTF_ID) },
  { name: 'a function given to a helper to call back', version: '5.13', is: loads(PSEUDO_FUNC) },
  { name: 'a map by its index', version: '5.14', is: loads(PSEUDO_MAP_IDX) },
  { name: 'a map value by the index of its map', version: '5.14', is: loads(PSEUDO_MAP_IDX_VALUE) },
  {
    name: 'a cast of an address between address spaces',
    version: '6.9',
    is: ({ code, off }) => classOf(code) === CLASS_ALU64 && isAlu(code, OP_MOV) && off === 1,
  },
  {
    name: 'a move with sign extension (-mcpu=v4)',
    version: '6.6',
    is: ({ code, off }) => isAlu(code, OP_MOV) && (off === 8 || off === 16 || off === 32),
  },
  {
    name: 'signed division or remainder (-mcpu=v4)',
    version: '6.6',
    is: ({ code, off }) => isAlu(code, OP_DIV, OP_MOD) && off === 1,
  },
  {
    name: 'a byte swap whatever the order of the machine (-mcpu=v4)',
    version: '6.6',
    is: ({ code }) => classOf(code) === CLASS_ALU64 && isAlu(code, OP_END),
  },
  {
    name: 'a load with sign extension (-mcpu=v4)',
    version: '6.6',
    is: ({ code }) => classOf(code) === CLASS_LDX && modeOf(code) === MODE_MEMSX,
  },
  { name: 'a jump of 32 bits (-mcpu=v4)', version: '6.6', is: ({ code, imm }) => code === JMP32_JA && imm !== 0 },
  { name: 'may_goto', version: '6.9', is: ({ code }) => code === JCOND },
];

const NO_HELPER = /^invalid func /;
/** What passes before the analysis say of an instruction that they do not know. */
const NO_INSN = /uses reserved fields$|^unrecognized bpf_ld_imm64 insn$|^unknown opcode /;

function find(insn: Insn): Since | undefined {
  return NEWER.find(({ is }) => is(insn));
}

const answer = (found: Since | undefined): Pick<VerifierDiagnostic, 'since'> =>
  found === undefined ? {} : { since: { feature: found.name, version: found.version } };

/** What an instruction asks for that v5.6 has not, where that may be why it was rejected; else nothing. */
export function newerFeature(insn: Insn | undefined, message: string): Pick<VerifierDiagnostic, 'since'> {
  if (insn === undefined) return {};
  const helper = insn.code === JMP_CALL && insn.src === 0 && NO_HELPER.test(message);
  return answer(helper ? LATER_HELPERS.get(insn.imm) : find(insn));
}

/** The index of the first instruction that v5.6 does not know, where the message is about such and names none. */
export function newerInsn(insns: readonly Insn[], message: string): number | undefined {
  if (!NO_INSN.test(message)) return undefined;
  for (let i = 0; i < insns.length; i++) {
    if (find(insns[i]) !== undefined) return i;
    if (insns[i].code === LD_IMM64) i++;
  }
  return undefined;
}
