// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { exit } from '../build/jump.ts';
import { mov64Imm, mov64Reg } from '../build/alu.ts';
import { ldFunc, ldMapFd, ldMapValue } from '../build/memory.ts';
import type { Insn } from '../insn.ts';
import { formatXlated, formatXlatedJson } from './xlated.ts';

const call = (src: number, off: number, imm: number): Insn => ({ code: 0x85, dst: 0, src, off, imm });

describe('formatXlated', () => {
  it('prints like bpftool', () => {
    const insns = [mov64Reg(6, 1), ...ldMapFd(1, 12), ...ldMapValue(2, 29, 8), ...ldFunc(3, 5), call(1, 11, 1), exit()];
    expect(formatXlated(insns, { subprogName: () => 'bpf_prog_2642b9785ed65d55_sub' })).toBe(
      [
        '   0: (bf) r6 = r1',
        '   1: (18) r1 = map[id:12]',
        '   3: (18) r2 = map[id:29][0]+8',
        '   5: (18) r3 = subprog[+5]',
        '   7: (85) call pc+11#bpf_prog_2642b9785ed65d55_sub',
        '   8: (95) exit',
        '',
      ].join('\n'),
    );
  });

  it('prints the bytes below each instruction', () => {
    expect(formatXlated([...ldMapValue(2, 29, 0), mov64Imm(2, -4)], { opcodes: true })).toBe(
      [
        '   0: (18) r2 = map[id:29][0]+0',
        '       18 22 00 00 1d 00 00 00 00 00 00 00 00 00 00 00',
        '   2: (b7) r2 = -4',
        '       b7 02 00 00 fc ff ff ff',
        '',
      ].join('\n'),
    );
  });

  it('counts a distance before loading from imm', () => {
    expect(formatXlated([call(1, 0, 3)], { callDistance: 'imm' })).toBe('   0: (85) call pc+3\n');
  });

  it('aligns numbers as far as four places go', () => {
    const lines = formatXlated(new Array<Insn>(1001).fill(exit())).split('\n');
    expect([lines[9], lines[99], lines[999], lines[1000]]).toEqual([
      '   9: (95) exit',
      '  99: (95) exit',
      ' 999: (95) exit',
      ' 1000: (95) exit',
    ]);
  });

  it('puts given lines before an instruction', () => {
    const before = (idx: number) => (idx === 0 ? ['int prog(struct xdp_md * ctx):', '; return 0;'] : []);
    expect(formatXlated([mov64Imm(0, 0), exit()], { before })).toBe(
      'int prog(struct xdp_md * ctx):\n; return 0;\n   0: (b7) r0 = 0\n   1: (95) exit\n',
    );
  });

  it('names helpers by what it is told', () => {
    const funcName = () => 'bpf_ktime_get_ns';
    expect(formatXlated([call(0, 0, 269488)], { funcName })).toBe('   0: (85) call bpf_ktime_get_ns#269488\n');
  });
});

describe('formatXlatedJson', () => {
  it('lists instructions with their bytes', () => {
    expect(formatXlatedJson([...ldMapFd(1, 27), mov64Imm(2, -4)], { opcodes: true })).toEqual([
      {
        disasm: '(18) r1 = map[id:27]',
        opcodes: {
          code: '0x18',
          src_reg: '0x1',
          dst_reg: '0x1',
          off: ['0x00', '0x00'],
          imm: ['0x1b', ...new Array<string>(11).fill('0x00')],
        },
      },
      {
        disasm: '(b7) r2 = -4',
        opcodes: {
          code: '0xb7',
          src_reg: '0x0',
          dst_reg: '0x2',
          off: ['0x00', '0x00'],
          imm: ['0xfc', '0xff', '0xff', '0xff'],
        },
      },
    ]);
    expect(formatXlatedJson([exit()])).toEqual([{ disasm: '(95) exit' }]);
  });
});
