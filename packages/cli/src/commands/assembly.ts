// SPDX-License-Identifier: MIT
import type { Command } from 'commander';
import { assembleSource, decodeInsns, encodeInsns, formatAsm, openObject } from 'tsbpf';
import { badInput, blaming } from '../failure.ts';
import { OK } from '../exit-status.ts';
import { print } from '../output/streams.ts';
import { readBytes } from '../input/read-file.ts';
import { writeWhole } from '../output/write-file.ts';

const isElf = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;

function assemble(path: string, options: { out?: string; hex?: boolean }): void {
  const text = new TextDecoder().decode(readBytes(path, 'assembly'));
  const bytes = encodeInsns(blaming(path, () => assembleSource(text)).insns);
  if (options.out !== undefined) {
    writeWhole(options.out, bytes);
    return;
  }
  for (let at = 0; at < bytes.length; at += 8) {
    print(Array.from(bytes.subarray(at, at + 8), (byte) => byte.toString(16).padStart(2, '0')).join(' '));
  }
}

function disassemble(path: string, options: { prog?: string }): void {
  const bytes = readBytes(path, 'a program');
  if (!isElf(bytes)) {
    print(formatAsm(blaming(path, () => decodeInsns(bytes))).trimEnd());
    return;
  }
  const obj = blaming(path, () => openObject(bytes));
  const progs = [...obj.progs].filter((prog) => options.prog === undefined || prog.name === options.prog);
  if (progs.length === 0)
    badInput(`${path}: has no ${options.prog === undefined ? 'programs' : `program "${options.prog}"`}`);
  for (const prog of progs) {
    print(`; ${prog.name}, section ${prog.sectionName}`);
    print(formatAsm(prog.insns).trimEnd());
  }
}

export function addAssemblyCommands(program: Command, done: (status: number) => void): void {
  program
    .command('asm')
    .description('assemble a program: instructions as bytes')
    .argument('<FILE>', "source: bpftool's, the kernel documentation's, or ubpf's syntax, with labels")
    .option('-o, --out <FILE>', 'write the bytes, 8 an instruction, instead of printing them')
    .action((path: string, options: { out?: string }) => {
      assemble(path, options);
      done(OK);
    });
  program
    .command('disasm')
    .description('disassemble an object or raw instructions, so that `asm` gives the same back')
    .argument('<FILE>', 'an object file, or instructions of 8 bytes')
    .option('--prog <NAME>', 'only this program of an object')
    .action((path: string, options: { prog?: string }) => {
      disassemble(path, options);
      done(OK);
    });
}
