// SPDX-License-Identifier: MIT
// What is used of a package that comes with vitest.
declare module 'expect-of-vitest' {
  type Plugin = unknown;
  export const chai: {
    use(plugin: Plugin): void;
    readonly expect: ((value: unknown, message?: string) => unknown) & {
      extend(expect: unknown, matchers: unknown): void;
    };
  };
  export const JestExtend: Plugin;
  export const JestChaiExpect: Plugin;
  export const JestAsymmetricMatchers: Plugin;
  export const ASYMMETRIC_MATCHERS_OBJECT: symbol;
  export const customMatchers: unknown;
  export const GLOBAL_EXPECT: symbol;
  export function setState(state: object, expect: unknown): void;
}
