// SPDX-License-Identifier: MIT
// Verbs with bpftool's grammar and exit status: 0, or 255 with `Error: …` on stderr (`{"error": …}` with -j).
import { VerifierError, parseBtf, parseElf, dumpBtfC, dumpBtfRaw, dumpBtfRawJson, formatJson } from 'tsbpf';
import { blaming, explain } from '../failure.ts';
import { readBytes } from '../input/read-file.ts';
import { mapDumpJson, mapDumpText } from '../output/map-dump.ts';
import { note, print } from '../output/streams.ts';
import { readDump, xlatedJson, xlatedText } from '../output/xlated.ts';
import type { Session } from '../session.ts';
import { attachToCgroup, createCgroup, detachFromCgroup, showCgroup, showTree } from '../bpftool/cgroup.ts';
import { eachMap, mapById, strerror, type KernelMap } from '../bpftool/kernel-maps.ts';
import { parseMapWords, showMaps } from '../bpftool/map-show.ts';
import { structOps } from '../bpftool/struct-ops.ts';
import { BpftoolError, fail, type BpftoolOptions } from './bpftool-error.ts';
import { listBuiltins } from './feature.ts';
import { genMinCoreBtf, genObject } from './gen.ts';

/** bpftool's status for anything that went wrong. */
const FAILURE = 255;

type Json = Parameters<typeof formatJson>[0];

const show = (value: unknown, options: BpftoolOptions): void =>
  print(formatJson(value as Json, { pretty: options.pretty }));

/** `prog dump xlated OBJ [PROG] [opcodes] [linum]` */
function dumpXlated(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const [path, ...rest] = words;
  if (path === undefined) fail('prog dump xlated OBJ [PROG] [opcodes] [linum]');
  const flags = new Set(['opcodes', 'linum'].filter((flag) => rest.includes(flag)));
  const [name, extra] = rest.filter((word) => !flags.has(word));
  if (extra !== undefined) fail(`expected no more arguments, 'opcodes' or 'linum', got: '${extra}'?`);
  const obj = session.loaded(path ?? '', {});
  const progs = name === undefined ? [...obj.progs] : [obj.program(name)];
  const how = { opcodes: flags.has('opcodes'), linum: flags.has('linum') };
  progs.forEach((prog, i) => {
    const dump = readDump(prog, obj.btf);
    if (options.json) show(xlatedJson(dump, how), options);
    else print(`${i > 0 ? '\n' : ''}${xlatedText(dump, how).replace(/\n$/, '')}`);
  });
}

/** `map dump { id ID | name NAME }`: a map of the kernel, whatever object it is of. */
function dumpKernelMap(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const wanted = parseMapWords(words);
  const kernel = session.kernel({});
  const kernelBtf = kernel.state.types.btf;
  const take = ({ map }: KernelMap): void =>
    print(options.json ? mapDumpJson(map, { ...options, kernelBtf }) : mapDumpText(map, kernelBtf));
  if (wanted.id !== undefined) {
    const map = mapById(kernel, wanted.id);
    if (typeof map === 'number') return fail(`get map by id (${wanted.id}): ${strerror(map)}`);
    take(map);
    kernel.close(map.fd);
  } else if (eachMap(kernel, wanted, take) === 0) throw new BpftoolError('');
}

/** `map dump OBJ [MAP]`, or with `id ID` or `name NAME` */
function dumpMap(words: readonly string[], session: Session, options: BpftoolOptions): void {
  const [path, name, extra] = words;
  if (path === undefined || extra !== undefined) fail('map dump { OBJ [MAP] | id ID | name NAME }');
  if (words.length === 2 && (path === 'id' || path === 'name')) return dumpKernelMap(words, session, options);
  const obj = session.loaded(path ?? '', {});
  const maps = name === undefined ? [...obj.maps] : [obj.map(name)];
  for (const map of maps) {
    if (maps.length > 1 && !options.json) note(`map ${map.name}`);
    const kernelBtf = session.kernel({}).state.types.btf;
    print(options.json ? mapDumpJson(map, { ...options, kernelBtf }) : mapDumpText(map, kernelBtf));
  }
}

/** `btf dump file FILE [format raw|c]` */
function dumpBtf(words: readonly string[], options: BpftoolOptions): void {
  const [keyword, path, ...rest] = words;
  if (keyword !== 'file' || path === undefined)
    fail(`unrecognized BTF source specifier: '${keyword ?? ''}'; btf dump file FILE [format raw|c]`);
  const [formatWord, format = 'raw', extra] = rest;
  if (formatWord !== undefined && formatWord !== 'format') fail(`unrecognized option: '${formatWord}'`);
  if ((format !== 'raw' && format !== 'c') || extra !== undefined)
    fail(`unrecognized format specifier: '${format}', possible values: raw, c`);
  const bytes = readBytes(path ?? '', 'BTF');
  const isElf = bytes[0] === 0x7f && bytes[1] === 0x45;
  const section = isElf ? btfSection(path ?? '', bytes) : bytes;
  if (section === undefined) return fail(`${path}: has no .BTF section: compile it with -g`);
  const btf = parseBtf(section);
  if (format === 'c')
    print((options.json ? fail('JSON output for C-syntax dump is not supported') : dumpBtfC(btf)).replace(/\n$/, ''));
  else if (options.json) print(dumpBtfRawJson(btf, { pretty: options.pretty }));
  else print(dumpBtfRaw(btf).replace(/\n$/, ''));
}

/** Whether words begin with a verb, each word possibly cut short as bpftool allows. */
function startsWith(words: readonly string[], verb: readonly string[]): boolean {
  return verb.every((full, i) => {
    const word = words[i];
    return word !== undefined && word !== '' && full.startsWith(word);
  });
}

const VERBS: readonly {
  readonly verb: readonly string[];
  readonly run: (words: readonly string[], session: Session, options: BpftoolOptions) => void;
}[] = [
  { verb: ['prog', 'dump', 'xlated'], run: dumpXlated },
  { verb: ['map', 'dump'], run: dumpMap },
  { verb: ['map', 'show'], run: showMaps },
  { verb: ['map', 'list'], run: showMaps },
  { verb: ['struct_ops'], run: structOps },
  { verb: ['btf', 'dump'], run: (words, _session, options) => dumpBtf(words, options) },
  { verb: ['cgroup', 'show'], run: showCgroup },
  { verb: ['cgroup', 'list'], run: showCgroup },
  { verb: ['cgroup', 'tree'], run: showTree },
  { verb: ['cgroup', 'attach'], run: attachToCgroup },
  { verb: ['cgroup', 'detach'], run: detachFromCgroup },
  { verb: ['cgroup', 'create'], run: createCgroup },
  { verb: ['gen', 'object'], run: genObject },
  { verb: ['gen', 'min_core_btf'], run: genMinCoreBtf },
  { verb: ['feature', 'list_builtins'], run: (words, _session, options) => listBuiltins(words, options) },
];

/** Runs a verb; 0 or 255. */
export function runBpftool(words: readonly string[], session: Session, options: BpftoolOptions): number {
  try {
    const found = VERBS.find(({ verb }) => startsWith(words, verb));
    if (found === undefined)
      return fail(`unknown command: ${words.join(' ')}; there are: ${VERBS.map((v) => v.verb.join(' ')).join(', ')}`);
    found.run(words.slice(found.verb.length), session, options);
    return 0;
  } catch (error) {
    const message = error instanceof BpftoolError ? error.message : explain(error)?.message;
    if (message === undefined) throw error;
    if (error instanceof VerifierError && !options.json) note(error.log.trimEnd());
    if (message === '') return FAILURE;
    if (options.json) print(JSON.stringify({ error: message }));
    else note(`Error: ${message}`);
    return FAILURE;
  }
}

function btfSection(path: string, bytes: Uint8Array): Uint8Array | undefined {
  return blaming(path, () => {
    const elf = parseElf(bytes);
    const section = elf.sections.find(({ name }) => name === '.BTF');
    return section === undefined ? undefined : elf.data(section);
  });
}
