// SPDX-License-Identifier: MIT
// As much of vitest as the facade's tests use, in a page: they register, and `runTests` runs them one after the other.
import * as matchers from 'expect-of-vitest';

type Body = (...args: unknown[]) => unknown;
type Hook = () => unknown;

/** What became of one test. */
export interface TestResult {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'skipped';
  readonly message?: string;
}

interface Suite {
  readonly name: string;
  readonly skipped: boolean;
  readonly before: Hook[];
}

interface Case {
  readonly name: string;
  readonly suites: readonly Suite[];
  readonly skipped: boolean;
  readonly body: () => unknown;
}

const suites: Suite[] = [{ name: '', skipped: false, before: [] }];
const cases: Case[] = [];
const PLACE = /%[sidfjo#]|\$[a-zA-Z.]+/g;

/** The name of one of several tests: `%s` and the like are the arguments in order, `$name` a field of the first. */
function titled(name: string, args: readonly unknown[]): string {
  let next = 0;
  return name.replace(PLACE, (place) => {
    if (!place.startsWith('$')) return String(args[next++]);
    return String((args[0] as Record<string, unknown> | undefined)?.[place.slice(1)]);
  });
}

const argsOf = (row: unknown): unknown[] => (Array.isArray(row) ? (row as unknown[]) : [row]);

function addSuite(name: string, body: Hook, skipped = false): void {
  suites.push({ name, skipped, before: [] });
  body();
  suites.pop();
}

function addCase(name: string, body: () => unknown, skipped = false): void {
  cases.push({ name, suites: [...suites], skipped: skipped || suites.some((suite) => suite.skipped), body });
}

/** `add(name, body)` may have options between its arguments, or a time behind them. */
const bodyOf = (rest: readonly unknown[]): Body => rest.find((value) => typeof value === 'function') as Body;

function registrar(add: (name: string, body: () => unknown, skipped?: boolean) => void): unknown {
  const one = (name: string, ...rest: unknown[]): void => add(name, () => bodyOf(rest)());
  return Object.assign(one, {
    skip: (name: string, ...rest: unknown[]) => add(name, () => bodyOf(rest)(), true),
    skipIf:
      (skipped: unknown) =>
      (name: string, ...rest: unknown[]) =>
        add(name, () => bodyOf(rest)(), Boolean(skipped)),
    runIf:
      (wanted: unknown) =>
      (name: string, ...rest: unknown[]) =>
        add(name, () => bodyOf(rest)(), !wanted),
    each:
      (rows: readonly unknown[]) =>
      (name: string, ...rest: unknown[]): void => {
        for (const row of rows) add(titled(name, argsOf(row)), () => bodyOf(rest)(...argsOf(row)));
      },
  });
}

export const describe = registrar(addSuite);
export const it = registrar(addCase);

export function beforeEach(hook: Hook): void {
  suites.at(-1)?.before.push(hook);
}

/** Types are checked when the page is built. */
export const expectTypeOf = (): unknown =>
  new Proxy(() => undefined, { get: () => expectTypeOf(), apply: () => expectTypeOf() });

const { chai } = matchers;
chai.use(matchers.JestExtend);
chai.use(matchers.JestChaiExpect);
chai.use(matchers.JestAsymmetricMatchers);
const makeExpect = (value: unknown, message?: string): unknown => chai.expect(value, message);
const asymmetric = (globalThis as unknown as Record<symbol, object>)[matchers.ASYMMETRIC_MATCHERS_OBJECT];
export const expect = Object.assign(makeExpect, chai.expect, asymmetric);
matchers.setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null }, expect);
(globalThis as unknown as Record<symbol, unknown>)[matchers.GLOBAL_EXPECT] = expect;
chai.expect.extend(expect, matchers.customMatchers);

export async function runTests(): Promise<TestResult[]> {
  const results: TestResult[] = [];
  for (const { name, suites: around, skipped, body } of cases) {
    const path = [...around.map((suite) => suite.name), name].filter((part) => part !== '').join(' > ');
    if (skipped) {
      results.push({ name: path, state: 'skipped' });
      continue;
    }
    try {
      for (const suite of around) for (const hook of suite.before) await hook();
      await body();
      results.push({ name: path, state: 'passed' });
    } catch (error) {
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      results.push({ name: path, state: 'failed', message });
    }
  }
  return results;
}
