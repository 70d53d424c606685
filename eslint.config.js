// SPDX-License-Identifier: MIT
// Not type-aware: tsc judges types, and this stays fast enough to run before every commit.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const bans = {
  bareError: {
    selector: 'ThrowStatement > :matches(NewExpression, CallExpression)[callee.name=/^(Error|TypeError|RangeError)$/]',
    message: 'Throw an error class of @tsbpf/uapi that says what was wrong, where, and what to do.',
  },
  defaultExport: { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  enum: { selector: 'TSEnumDeclaration', message: 'Use export const and a union type.' },
  namespace: { selector: 'TSModuleDeclaration[declare!=true][kind!="global"]', message: 'Use a module.' },
  exportAll: { selector: 'ExportAllDeclaration', message: 'List the names: the index is the table of contents.' },
  moduleLet: {
    selector: ':matches(Program, Program > ExportNamedDeclaration) > VariableDeclaration[kind!="const"]',
    message: 'No mutable state at module level: two kernels in one process never see each other.',
  },
  moduleCollection: {
    selector:
      ':matches(Program, Program > ExportNamedDeclaration) > VariableDeclaration > VariableDeclarator > ' +
      'NewExpression[callee.name=/^(Map|Set)$/][arguments.length=0]',
    message: 'An empty collection at module level is mutable state; build it from its rows, or keep it in an object.',
  },
  utils: { selector: 'Program', message: 'Name the file after its subject, not "utils".' },
};

const everywhere = [bans.enum, bans.namespace, bans.exportAll, bans.defaultExport];
const inSources = [...everywhere, bans.bareError, bans.moduleLet, bans.moduleCollection];
const restrict = (...rules) => ({ 'no-restricted-syntax': ['error', ...rules] });

const TESTS = ['**/*.test.ts', '**/*.bench.ts'];

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/',
      '**/dist/',
      'coverage/',
      'docs/api/',
      '**/generated/',
      '**/*.generated.ts',
      'packages/*/test/',
      '**/fixtures/',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    rules: {
      eqeqeq: ['error', 'always'],
      'no-var': 'error',
      'prefer-const': ['error', { destructuring: 'all' }],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx', 'hack'], location: 'start' }],
      'no-restricted-globals': ['error', { name: 'Buffer', message: 'Use Uint8Array and DataView.' }],
      'no-restricted-imports': ['error', { paths: ['buffer', 'node:buffer'] }],
      'no-control-regex': 'off',
      'no-undef': 'off',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': [
        'error',
        {
          argsIgnorePattern: '^_',
          varsIgnorePattern: '^_',
          caughtErrorsIgnorePattern: '^_',
          destructuredArrayIgnorePattern: '^_',
        },
      ],
      ...restrict(...everywhere),
    },
  },
  { files: ['packages/*/src/**/*.ts'], ignores: TESTS, rules: restrict(...inSources) },
  { files: ['packages/uapi/src/index.ts'], rules: restrict(...inSources.filter((ban) => ban !== bans.exportAll)) },
  {
    // What runs in browsers too.
    files: ['packages/*/src/**/*.ts'],
    ignores: [...TESTS, 'packages/{cli,host,testkit}/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'Buffer', message: 'Use Uint8Array and DataView.' },
        ...['process', 'global', 'require', 'module', '__dirname', '__filename', 'setImmediate'].map((name) => ({
          name,
          message: 'Only Node has it; this package runs in browsers.',
        })),
        { name: 'performance', message: 'Runs are deterministic: take it from KernelEnv.' },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Runs are deterministic: take it from KernelEnv.' },
        { object: 'Date', property: 'now', message: 'Runs are deterministic: take it from KernelEnv.' },
      ],
      'no-console': 'error',
    },
  },
  { files: ['*.config.{js,ts}'], rules: restrict(...everywhere.filter((ban) => ban !== bans.defaultExport)) },
  { files: ['**/util.ts', '**/utils.ts'], rules: restrict(bans.utils) },
);
