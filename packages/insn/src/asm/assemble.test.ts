// SPDX-License-Identifier: MIT
import { AsmError, ERANGE } from '@tsbpf/uapi';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../test/hex.ts';
import { encodeInsns } from '../codec.ts';
import { formatAsm } from '../disasm/asm.ts';
import { assemble, assembleSource } from './assemble.ts';

function hex(text: string): string {
  return toHex(encodeInsns(assemble(text)));
}

describe('assemble', () => {
  it.each([
    // Mnemonics, with and without the percent sign, and other spellings in use.
    ['mov32 r0, 1', 'b400000001000000'],
    ['add64 %r1, %r2', '0f21000000000000'],
    ['ADD r1, 0xFFFFFFFF', '07010000ffffffff'],
    ['ldxdw r0, [r1+2]', '7910020000000000'],
    ['ldxw r0, [r1 - 0x10]', '6110f0ff00000000'],
    ['ldxsb r0, [r1]', '9110000000000000'],
    ['stdw [r10-8], -1', '7a0af8ffffffffff'],
    ['stxb [r1], r2', '7321000000000000'],
    ['lddw r1, 0x1122334455667788', '18010000887766550000000044332211'],
    ['lddw r1, -1', '18010000ffffffff00000000ffffffff'],
    ['lddw r1, map[fd:3]', '18110000030000000000000000000000'],
    ['jeq r1, 2, +3', '1501030002000000'],
    ['jsgt32 r1, r2, -1', '6e21ffff00000000'],
    ['lock add [r10-8], r1', 'db1af8ff00000000'],
    ['lock fetch add32 [r10-4], r1', 'c31afcff01000000'],
    ['lock cmpxchg [r10-8], r1', 'db1af8fff1000000'],
    ['be16 r1', 'dc01000010000000'],
    ['le64 r1', 'd401000040000000'],
    ['bswap16 r1', 'd701000010000000'],
    ['swap32 r1', 'd701000020000000'],
    ['sdiv32 r1, -4', '34010100fcffffff'],
    ['smod r1, r2', '9f21010000000000'],
    ['movsx8to32 r1, r2', 'bc21080000000000'],
    ['movsx3264 r1, r2', 'bf21200000000000'],
    ['ldabsh 12', '280000000c000000'],
    ['ldindb r6, 4', '5060000004000000'],
    ['ldacqw r1, [r2+4]', 'c321040000010000'],
    ['streldw [r2+8], r1', 'db12080010010000'],
    ['addr_space_cast r1, r2, 0, 1', 'bf21010001000000'],
    ['may_goto +2', 'e500020000000000'],
    ['ja32 +70000', '0600000070110100'],
    // The kernel's dialect, as Linux prints it.
    ['r1 = *(u64 *)(r2 +8)', '7921080000000000'],
    ['w1 s>>= 3', 'c401000003000000'],
    ['if r1 > 5 goto +3', '2501030005000000'],
    ['if w1 s<= w2 goto pc-3', 'de21fdff00000000'],
    ['if r1 & 0x80000000 goto pc+1', '4501010000000080'],
    ['goto pc+3', '0500030000000000'],
    ['lock *(u64 *)(r1 +0) += r2', 'db21000000000000'],
    ['r0 = atomic64_fetch_add((u64 *)(r10 -8), r0)', 'db0af8ff01000000'],
    ['r0 = atomic_cmpxchg((u32 *)(r10 -4), r0, r6)', 'c36afcfff1000000'],
    ['r1 = 0x1234 ll', '18010000341200000000000000000000'],
    ['r1 = -1 ll', '18010000ffffffff00000000ffffffff'],
    ['r1 = 0x1234', 'b701000034120000'],
    ['(18) r1 = 0x1234', '18010000341200000000000000000000'],
    ['r1 = map[id:12][0]+8', '182100000c0000000000000008000000'],
    ['r1 = map[idx:2]+8', '18610000020000000000000008000000'],
    ['r0 = *(u32 *)skb[12]', '200000000c000000'],
    ['r0 = *(u8 *)skb[r2 + 4]', '5020000004000000'],
    ['call 1', '8500000001000000'],
    ['call bpf_map_lookup_elem', '8500000001000000'],
    ['call ktime_get_ns', '8500000005000000'],
    ['call bpf_map_lookup_elem#1', '8500000001000000'],
    ['call unknown#-1', '85000000ffffffff'],
    ['call pc+3', '8510000003000000'],
    ['call pc-3#bpf_prog_2642b9785ed65d55_sub', '85100000fdffffff'],
    ['call pc+3#0xffffffffc0de', '8510000003000000'],
    ['call kfunc 77, 2', '852002004d000000'],
    ['exit', '9500000000000000'],
    // The same as clang prints it.
    ['r2 = *(u32 *)(r10 - 0x4)', '61a2fcff00000000'],
    ['w2 = *(u8 *)(r1 + 0)', '7112000000000000'],
    ['*(u32 *)(r10 - 4) = w1', '631afcff00000000'],
    ['r0 = *(u8 *)skb[r6]', '5060000000000000'],
    ['if r0 == 0x0 goto +0xc <LBB1_2>', '15000c0000000000'],
    ['r0 = cmpxchg_64(r1 + 8, r0, r2)', 'db210800f1000000'],
    ['w2 = xchg32_32(r1 + 8, w2)', 'c3210800e1000000'],
    ['w2 = atomic_fetch_or((u32 *)(r1 + 8), w2)', 'c321080041000000'],
    ['r1 = (s8)r2', 'bf21080000000000'],
    ['r1 = bswap64 r1', 'd701000040000000'],
  ])('%s', (text, bytes) => {
    expect(hex(text)).toBe(bytes);
  });

  it('reads labels, comments and both dialects in one source', () => {
    const { insns, lines, labels } = assembleSource(
      [
        '; a comment',
        '# another',
        'start: mov r0, 0 // and one more',
        '  if r1 == 0 goto out /* inline */',
        '  lddw r2, 1',
        '  call func ; local',
        '  goto start',
        'out:',
        '  exit',
        'func: exit # end',
      ].join('\r\n'),
    );
    expect(formatAsm(insns)).toBe('r0 = 0\nif r1 == 0x0 goto pc+4\nr2 = 0x1 ll\ncall pc+2\ngoto pc-6\nexit\nexit\n');
    expect(lines).toEqual([3, 4, 5, 5, 6, 7, 9, 10]);
    expect([...labels]).toEqual([
      ['start', 0],
      ['out', 6],
      ['func', 7],
    ]);
  });

  it('reads a dump of llvm-objdump', () => {
    const text = [
      '0000000000000000 <sub>:',
      '       0:\t63 1a fc ff 00 00 00 00\t*(u32 *)(r10 - 0x4) = r1',
      '       1:\t18 01 00 00 05 00 00 00 00 00 00 00 00 00 00 00\tr1 = 0x5 ll',
      '       3:\tb7 08 00 00 01 00 00 00\tr8 = 0x1',
      // Only the bytes tell that this calls a function of the program.
      '       4:\t85 10 00 00 ff ff ff ff\tcall -0x1',
      '       5:\t85 00 00 00 01 00 00 00\tcall 0x1',
      '       6:\t95 00 00 00 00 00 00 00\texit',
    ].join('\n');
    expect(formatAsm(assemble(text))).toBe(
      '*(u32 *)(r10 -4) = r1\nr1 = 0x5 ll\nr8 = 1\ncall pc-1\ncall bpf_map_lookup_elem#1\nexit\n',
    );
  });

  it('names maps by the fds it is given', () => {
    const options = { maps: { counts: 7 } };
    expect(formatAsm(assemble('r1 = counts ll\nlddw r2, counts[0]+16', options))).toBe(
      'r1 = map[fd:7]\nr2 = map[fd:7][0]+16\n',
    );
  });

  it.each([
    ['r1 +=', 'expected a register or a 32-bit immediate, found the end of the line'],
    ['frob r1, 2', 'expected an instruction, found "frob"'],
    ['mov r1 2', 'expected ",", found "2"'],
    ['mov r16, 2', 'expected a register from r0 to r15, found "r16"'],
    ['mov r1, 0x100000000', 'is not between -2147483648 and 4294967295'],
    ['add w1, 2', 'expected the 64-bit name r1'],
    ['ldxw r1, [r2+0x8000]', 'expected a 16-bit offset, but 32768'],
    ['r1 = 0x100000000', '"ll"'],
    ['r1 += w2', 'registers of the same width'],
    ['w1 = (s32)w2', 'expected s8 or s16'],
    ['w1 = *(u64 *)(r2 +0)', 'expected r1'],
    ['lock *(u8 *)(r1 +0) += r2', 'expected u32 or u64, found u8'],
    ['r1 = be16 r2', 'expected r1'],
    ['r2 = atomic64_fetch_add((u64 *)(r1 +0), r3)', 'expected r2'],
    ['r2 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r3)', 'expected r0'],
    ['if r1 = 5 goto +1', 'expected a comparison such as "==" or "s<", found "="'],
    ['if r1 == 5 goto 3', 'expected a label, +N, -N or pc+N, found "3"'],
    ['goto nowhere', 'expected a label of this program, found "nowhere"'],
    ['call nothing', 'expected a label or the name of a helper, found "nothing"'],
    ['exit r0', 'expected the end of the line, found "r0"'],
    ['a: exit\na: exit', 'line 2: expected a new label'],
    ['(bf) r1 = 5', 'expected an instruction of opcode bf, but "r1 = 5" has b7'],
    ['r1 = map[file:3]', 'expected "fd", "id" or "idx", found "file"'],
    ['r1 = someone ll', 'expected a number or the name of a map, found "someone"'],
    ['r1 @ 3', 'expected a register, number, name or operator, found "@"'],
    ['0: BUG_ldx_91', 'expected an instruction, found "bug_ldx_91"'],
  ])('refuses %s', (text, message) => {
    expect(() => assemble(text)).toThrow(AsmError);
    expect(() => assemble(text)).toThrow(message);
  });

  it('says on which line', () => {
    const caught = (() => {
      try {
        assemble('exit\n\nmov r1\nexit');
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(caught).toBeInstanceOf(AsmError);
    expect(caught).toMatchObject({ line: 3, message: 'line 3: expected ",", found the end of the line' });
  });

  it('refuses a label beyond 16 bits', () => {
    const text = `goto far\n${'exit\n'.repeat(0x8000)}far: exit`;
    expect(() => assemble(text)).toThrow(expect.objectContaining({ errno: ERANGE }));
    expect(assemble(text.replace('goto', 'gotol'))[0]).toMatchObject({ code: 0x06, imm: 0x8000 });
  });

  it('keeps to the dialect it is told', () => {
    expect(() => assemble('r1 += 2', { dialect: 'mnemonic' })).toThrow('expected an instruction, found "r1"');
    expect(() => assemble('add r1, 2', { dialect: 'kernel' })).toThrow('expected an instruction, found "add"');
  });
});
