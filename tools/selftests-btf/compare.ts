// SPDX-License-Identifier: MIT
// Answers against what the table of 6.1 expects, and what explains an answer of an older kernel.
import { validateBtf } from '../../packages/btf/src/index.ts';
import { errnoName } from '../../packages/uapi/src/index.ts';
import type { BtfAnswer } from './run-btf.ts';
import type { InfoCase, RawCase } from './tables.ts';

/** Versions in which the rules of BTF changed, and the running one. */
const VERSIONS = ['5.12', '5.13', '5.16', '5.17', '6.0', '6.1', '6.3', '6.4', '6.12', '6.14', '6.18'] as const;

/** What an answer has otherwise than the table expects; empty where it is as expected. */
export function unexpected(test: RawCase | InfoCase, answer: BtfAnswer): string[] {
  const found: string[] = [];
  const failed = (outcome: string | undefined): boolean => outcome !== 'OK';
  if (test.kind === 'info') {
    if (failed(answer.load)) found.push(`BTF: ${answer.load}`);
    else if (failed(answer.use) !== test.loadFails) found.push(`program: ${answer.use}`);
    if (test.errStr !== null && answer.useLog?.includes(test.errStr) !== true) found.push(`no "${test.errStr}"`);
    if (answer.use === 'OK') found.push(...unexpectedCounts(test, answer));
    return found;
  }
  if (failed(answer.load) !== test.loadFails) found.push(`BTF: ${answer.load}`);
  if (test.errStr !== null && !answer.log.includes(test.errStr)) found.push(`no "${test.errStr}"`);
  if (answer.load === 'OK' && !test.loadFails && failed(answer.use) !== test.mapFails) found.push(`map: ${answer.use}`);
  return found;
}

function unexpectedCounts(test: InfoCase, { counts = {}, funcTypes = [] }: BtfAnswer): string[] {
  const lines = test.lineInfoRecSize === 0 ? 0 : test.lineInfo.length / test.lineInfoRecSize - test.deadLines;
  const funcs = test.funcInfoCnt - test.deadFuncs;
  const expected: Record<string, number> = {
    nr_func_info: funcs,
    func_info_rec_size: 8,
    nr_line_info: lines,
    nr_jited_line_info: lines,
    line_info_rec_size: 16,
    jited_line_info_rec_size: 8,
    nr_jited_ksyms: test.ksyms || Math.max(funcs, 1),
  };
  expected['nr_jited_func_lens'] = expected['nr_jited_ksyms'] ?? 0;
  const found = Object.entries(expected)
    .filter(([name, count]) => counts[name] !== count)
    .map(([name, count]) => `${name}: ${counts[name]} instead of ${count}`);
  const records = new Uint32Array(test.funcInfo.slice().buffer);
  const types = Array.from({ length: test.funcInfoCnt }, (_, i) => records[2 * i + 1]).filter(
    (_, i) => (test.deadFuncMask & (1 << i)) === 0,
  );
  if (types.join() !== funcTypes.join()) found.push(`func_info has types ${funcTypes.join()}`);
  return found;
}

/** The first version whose rules of BTF_LOAD give what the table expects; undefined where none does. */
export function explainingVersion(test: RawCase | InfoCase, answer: BtfAnswer): string | undefined {
  // A version of BTF's rules says nothing of what is made with BTF that was taken.
  if (test.kind === 'info' || (answer.load === 'OK' && !test.loadFails)) return undefined;
  return VERSIONS.find((version) => {
    const { errno, log } = validateBtf(test.btf, { version, logLevel: 1 });
    return unexpected({ ...test, mapFails: false }, { load: loadOutcome(errno), log, use: 'OK' }).length === 0;
  });
}

const loadOutcome = (errno: number): string => (errno === 0 ? 'OK' : errnoName(errno));

/** The rules of a version give another answer than the system did, to the letter of the log: both, or undefined. */
export function differsFromRules(
  test: { readonly btf: Uint8Array },
  answer: BtfAnswer,
  version: string,
): { rules: string; answer: string } | undefined {
  const { errno, log } = validateBtf(test.btf, { version, logLevel: 1 });
  const rules = `${loadOutcome(errno)}\n${log}`;
  const said = `${answer.load}\n${answer.log}`;
  return rules === said ? undefined : { rules, answer: said };
}
