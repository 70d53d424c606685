// SPDX-License-Identifier: MIT
// `pnpm generate` rewrites all committed generated data; `--check` fails when any of it is stale.
import { emit, missingReference } from './reference.ts';
import { generateUapi } from './uapi.ts';
import { generateHelperMatrix } from './helper-matrix.ts';
import { generateHelperProtos } from './helper-protos.ts';
import { generateSecTable } from './sec-table.ts';
import { generateCtxFields } from './ctx-fields.ts';

const check = process.argv.includes('--check');
const missing = missingReference();
if (missing !== undefined) {
  console.log(`generate: skipped, ${missing}`);
} else {
  const stale = emit(
    [
      ...generateUapi(),
      ...generateHelperProtos(),
      ...generateHelperMatrix(),
      ...generateSecTable(),
      ...generateCtxFields(),
    ],
    { check },
  );
  if (check && stale.length > 0) {
    console.error(`generate: stale, run \`pnpm generate\`: ${stale.join(', ')}`);
    process.exitCode = 1;
  } else {
    console.log(`generate: ${check ? 'up to date' : `${stale.length} file(s) written`}`);
  }
}
