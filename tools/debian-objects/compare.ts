// SPDX-License-Identifier: MIT
// What Debian's libbpf hands to bpf(2) for an object, and what our loader does, on the running kernel: maps, BTF, and
// program by program instructions, types and line info. Root, bpftool and a C compiler are needed; nothing stays pinned.
//   tsx --conditions=@tsbpf/source tools/debian-objects/compare.ts [--package NAME]... [--verbose] [OBJECT...]
// Without packages and objects: what libbpf-tools and xdp-tools embed, libxdp's objects and our examples.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { BpfError, type Sys } from '../../packages/uapi/src/index.ts';
import { objectName, openObject } from '../../packages/loader/src/index.ts';
import { loadEvents, recordingSys, type LoadEvent } from '../../packages/loader/test/capture/events.ts';
import { runLibbpf, runningHost, whyNoCapture } from '../../packages/loader/test/capture/libbpf.ts';
import { repoRoot } from '../workspace.ts';
import { namedObjects, packageExecutables } from './embedded.ts';
import { VERSION_RULES } from './explain.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    package: { type: 'string', multiple: true, default: [] },
    verbose: { type: 'boolean', default: false },
  },
});

interface Tally {
  programs: number;
  equal: number;
  /** By rule. */
  readonly explained: Map<string, number>;
  readonly different: string[];
}

const label = (event: LoadEvent | undefined): string => {
  if (event === undefined) return 'nothing';
  if (event.event === 'map' || event.event === 'prog') return `${event.event} ${event.fields['name']}`;
  return event.event === 'btf' ? 'btf' : `${event.event} ${event.map}`;
};

/** The first line that says why. */
const wordsOf = (stderr: string): string =>
  stderr
    .split('\n')
    .find((line) => !line.includes('elf: skipping'))
    ?.replace('libbpf: ', '') ?? 'nothing said';

/** The fields in which two events of a kind differ. */
function fieldsThatDiffer(a: LoadEvent | undefined, b: LoadEvent | undefined): string {
  if (a?.event !== b?.event || a === undefined || b === undefined) return `${label(a)} where libbpf has ${label(b)}`;
  if ('fields' in a && 'fields' in b) {
    const names = Object.keys(a.fields).filter((name) => a.fields[name] !== b.fields[name]);
    return `${label(a)}: ${names.join(', ')}`;
  }
  return label(a);
}

/** Which rule makes our event libbpf 1.1's. */
function ruleFor(mine: LoadEvent | undefined, theirs: LoadEvent | undefined): string | undefined {
  if (mine === undefined || theirs === undefined) return undefined;
  for (const { name, asIn11 } of VERSION_RULES) {
    const converted = asIn11?.(mine);
    if (converted !== undefined && isDeepStrictEqual(converted, theirs)) return name;
  }
  return undefined;
}

function ours(path: string, host: Sys, pinRootPath: string): { events: LoadEvent[]; says: string | undefined } {
  const { sys, calls } = recordingSys(host);
  const obj = openObject(new Uint8Array(readFileSync(path)), { sys, name: objectName(path), pinRootPath });
  let says: string | undefined;
  try {
    obj.load();
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    says = error.message.split('\n')[0];
  } finally {
    obj.close();
    for (const map of obj.maps) if (map.pinPath !== undefined) rmSync(map.pinPath, { force: true });
  }
  return { events: loadEvents(calls), says };
}

/** A line of the report, and what it adds to the tally. */
function compareObject(path: string, host: Sys, pinRootPath: string, tally: Tally): string {
  const theirs = runLibbpf(path);
  let mine: ReturnType<typeof ours>;
  try {
    mine = ours(path, host, pinRootPath);
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    mine = { events: [], says: error.message };
  }
  const name = basename(path);
  const programs = mine.events.filter(({ event }) => event === 'prog').length;
  tally.programs += programs;
  if (theirs.events.length === 0 && mine.events.length === 0) return `${name}: neither opens it: ${mine.says ?? ''}`;
  const shorter = theirs.events.length < mine.events.length;
  const refusal = VERSION_RULES.find(({ refuses }) => shorter && refuses?.test(theirs.stderr));
  if (refusal !== undefined && isDeepStrictEqual(mine.events.slice(0, theirs.events.length), theirs.events)) {
    tally.explained.set(refusal.name, (tally.explained.get(refusal.name) ?? 0) + programs);
    return `${name}: libbpf 1.1 refuses it (${refusal.name})`;
  }
  if (theirs.events.length === 0) {
    const why = `libbpf: ${wordsOf(theirs.stderr)}; we: ${mine.says ?? 'load it'}`;
    tally.different.push(`${name}: ${why}`);
    return `${name}: ${why}`;
  }
  const notes: string[] = [];
  for (let i = 0; i < Math.max(mine.events.length, theirs.events.length); i++) {
    const [a, b] = [mine.events[i], theirs.events[i]];
    const isProgram = a?.event === 'prog';
    if (isDeepStrictEqual(a, b)) {
      if (isProgram) tally.equal++;
      continue;
    }
    const rule = ruleFor(a, b);
    if (rule !== undefined) {
      notes.push(`${label(a)} (${rule})`);
      if (isProgram) tally.explained.set(rule, (tally.explained.get(rule) ?? 0) + 1);
    } else {
      notes.push(fieldsThatDiffer(a, b));
      tally.different.push(`${name}: ${fieldsThatDiffer(a, b)}`);
    }
  }
  const maps = mine.events.filter(({ event }) => event === 'map').length;
  const both = mine.says === undefined ? '' : `; both end: ${mine.says}`;
  return `${name}: ${maps} maps, ${programs} programs: ${notes.length === 0 ? 'equal' : notes.join('; ')}${both}`;
}

function examples(): string[] {
  const root = join(repoRoot, 'examples');
  return readdirSync(root).flatMap((dir) =>
    existsSync(join(root, dir, 'package.json')) || !dir.includes('.')
      ? readdirSync(join(root, dir))
          .filter((name) => name.endsWith('.bpf.o'))
          .map((name) => join(root, dir, name))
      : [],
  );
}

async function main(): Promise<number> {
  const reason = whyNoCapture();
  if (reason !== undefined) {
    console.error(`cannot compare: ${reason}`);
    return 2;
  }
  const asked = flags.package.length + positionals.length > 0;
  const packages = asked ? flags.package : ['libbpf-tools', 'xdp-tools'];
  const libxdp = '/usr/lib/x86_64-linux-gnu/bpf';
  const dir = mkdtempSync(join(tmpdir(), 'tsbpf-compare-'));
  const pins = mkdtempSync(join(tmpdir(), 'tsbpf-pins-'));
  execFileSync('mount', ['-t', 'bpf', 'bpffs', pins]);
  try {
    const embedded = namedObjects(packages.flatMap(packageExecutables)).map(({ name, bytes }) => {
      const path = join(dir, `${name}.bpf.o`);
      writeFileSync(path, bytes);
      return path;
    });
    const installed = !asked && existsSync(libxdp) ? readdirSync(libxdp).map((name) => join(libxdp, name)) : [];
    const objects = [...embedded, ...installed, ...(asked ? positionals : examples())];
    if (objects.length === 0) {
      console.error('no objects: is the package installed?');
      return 2;
    }
    const missing = objects.find((path) => !existsSync(path));
    if (missing !== undefined) {
      console.error(`${missing}: no such file`);
      return 2;
    }
    const host = await runningHost();
    const tally: Tally = { programs: 0, equal: 0, explained: new Map(), different: [] };
    for (const path of objects) {
      const line = compareObject(path, host, pins, tally);
      if (flags.verbose) console.log(line);
    }
    const explained = [...tally.explained].map(([rule, count]) => `${count} by ${rule}`).join(', ');
    console.log(`${objects.length} objects, ${tally.programs} programs: ${tally.equal} equal`);
    if (explained !== '') console.log(`explained by libbpf's version: ${explained}`);
    for (const rule of VERSION_RULES) if (tally.explained.has(rule.name)) console.log(`  ${rule.name}: ${rule.why}`);
    console.log(`${tally.different.length} differences without an explanation`);
    for (const line of tally.different) console.log(`  ${line}`);
    return tally.different.length === 0 ? 0 : 1;
  } finally {
    execFileSync('umount', [pins]);
    rmSync(pins, { recursive: true });
    rmSync(dir, { recursive: true });
  }
}

process.exitCode = await main();
