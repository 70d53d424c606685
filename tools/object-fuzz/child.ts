// SPDX-License-Identifier: MIT
// Checks a range of inputs; before each it writes the input's number where the parent reads it.
//   child.ts FROM TO SEED PROGRESS-FILE [CORPUS-DIR...]
import { openSync, writeSync } from 'node:fs';
import { readCorpus } from './corpus.ts';
import { inputOf } from './inputs.ts';
import { check } from './measure.ts';

const [from, to, seed, progress, ...dirs] = process.argv.slice(2);
const corpus = readCorpus(dirs);
const fd = openSync(progress, 'w');
const word = new Uint8Array(4);
const view = new DataView(word.buffer);
for (let index = Number(from); index < Number(to); index++) {
  view.setUint32(0, index, true);
  writeSync(fd, word, 0, 4, 0);
  for (const finding of check(inputOf(index, Number(seed), corpus))) console.log(JSON.stringify(finding));
}
