// SPDX-License-Identifier: MIT
// Scripts for a page, from the sources of the workspace. The bundler is the one that comes with the test runner.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** What is used of esbuild. */
interface Bundler {
  build(options: Record<string, unknown>): Promise<{ outputFiles: readonly { readonly text: string }[] }>;
}

interface PluginBuild {
  onResolve(options: { filter: RegExp }, resolve: (args: { path: string }) => { path: string }): void;
  onLoad(options: { filter: RegExp }, load: (args: { path: string }) => { contents: string; loader: string }): void;
}

const require = createRequire(import.meta.url);
const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
/** What stands for modules that pages have not. */
const SHIMS: Readonly<Record<string, string>> = {
  vitest: path('shims/vitest.ts'),
  'node:fs': path('shims/node-fs.ts'),
  'node:url': path('shims/node-url.ts'),
};

/** The repository's folder. */
export const ROOT = path('../../');

/** Bundles the source of a module whose imports are relative to the repository's folder. */
export async function bundle(contents: string, aliases: Readonly<Record<string, string>> = {}): Promise<string> {
  const esbuild = createRequire(require.resolve('tsx'))('esbuild') as Bundler;
  const vitest = createRequire(require.resolve('vitest/package.json'));
  const known: Readonly<Record<string, string>> = {
    ...SHIMS,
    ...aliases,
    'expect-of-vitest': vitest.resolve('@vitest/expect'),
  };
  const plugin = {
    name: 'pages',
    setup(build: PluginBuild): void {
      for (const [name, target] of Object.entries(known)) {
        const filter = new RegExp(`^${name.replaceAll('/', '\\/')}$`);
        build.onResolve({ filter }, () => ({ path: target }));
      }
      // Modules keep the places they were written for.
      build.onLoad({ filter: /\.ts$/ }, ({ path: file }) => ({
        contents: readFileSync(file, 'utf8').replaceAll('import.meta.url', JSON.stringify(pathToFileURL(file).href)),
        loader: 'ts',
      }));
    },
  };
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@tsbpf/source'],
    define: { 'process.env': '{}' },
    // Tests are imported for what they do.
    ignoreAnnotations: true,
    plugins: [plugin],
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}
