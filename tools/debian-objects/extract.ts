// SPDX-License-Identifier: MIT
// Writes the BPF objects that executables embed into a folder, one file NAME.bpf.o each.
//   tsx tools/debian-objects/extract.ts --out DIR [--package NAME]... [EXECUTABLE...]
// Without packages and executables: those of Debian's libbpf-tools.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { namedObjects, packageExecutables } from './embedded.ts';

const USAGE = 'usage: extract.ts --out DIR [--package NAME]... [EXECUTABLE...]';

function main(): number {
  const { values: flags, positionals } = parseArgs({
    allowPositionals: true,
    options: { out: { type: 'string' }, package: { type: 'string', multiple: true, default: [] } },
  });
  if (flags.out === undefined) {
    console.error(USAGE);
    return 2;
  }
  const out = flags.out;
  const packages = flags.package.length === 0 && positionals.length === 0 ? ['libbpf-tools'] : flags.package;
  const executables = packages.flatMap((name) => {
    const found = packageExecutables(name);
    if (found.length === 0) console.error(`package ${name}: not installed, or without executables`);
    return found;
  });
  const objects = namedObjects([...executables, ...positionals]);
  if (objects.length === 0) {
    console.error('no BPF objects found');
    return 1;
  }
  mkdirSync(out, { recursive: true });
  for (const { name, from, bytes } of objects) {
    const file = join(out, `${name}.bpf.o`);
    writeFileSync(file, bytes);
    console.log(`${file}  ${bytes.length} bytes, in ${from}`);
  }
  console.log(`${objects.length} objects`);
  return 0;
}

try {
  process.exitCode = main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
