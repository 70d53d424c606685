// SPDX-License-Identifier: MIT
// The public API of built packages as sorted text, from their declaration files.
import { existsSync } from 'node:fs';
import { join, sep } from 'node:path';
import ts from 'typescript';
import type { PackageInfo } from '../workspace.ts';

const printer = ts.createPrinter({ removeComments: true, newLine: ts.NewLineKind.LineFeed });

/** Package folder → its listing; packages must have been built. */
export function describePackages(packages: readonly PackageInfo[]): Map<string, string> {
  const entriesOf = (pkg: PackageInfo): [subpath: string, file: string][] =>
    Object.entries(pkg.json.exports ?? {}).flatMap(([subpath, target]) =>
      target !== null && typeof target === 'object' && target.types !== undefined ? [[subpath, join(pkg.path, target.types)]] : [],
    );
  const files = packages.flatMap((pkg) => entriesOf(pkg).map(([, file]) => file));
  const program = ts.createProgram(
    files.filter((file) => existsSync(file)),
    {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      skipLibCheck: true,
      noEmit: true,
      types: [],
    },
  );
  const listings = new Map<string, string>();
  for (const pkg of packages) {
    const parts = entriesOf(pkg).map(([subpath, file]) => `## ${subpath}\n${describeEntry(program, file, pkg, packages)}`);
    listings.set(pkg.dir, `# ${pkg.json.name}: public API. \`pnpm api:bless\` rewrites this file.\n\n${parts.join('\n')}`);
  }
  return listings;
}

function describeEntry(program: ts.Program, file: string, pkg: PackageInfo, packages: readonly PackageInfo[]): string {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  if (source === undefined) return '(not built)\n';
  const module = checker.getSymbolAtLocation(source);
  if (module === undefined) return '(exports nothing)\n';
  const lines = checker
    .getExportsOfModule(module)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map((symbol) => describeSymbol(symbol, checker, pkg, packages));
  return lines.length === 0 ? '(exports nothing)\n' : `${lines.join('\n')}\n`;
}

function describeSymbol(symbol: ts.Symbol, checker: ts.TypeChecker, pkg: PackageInfo, packages: readonly PackageInfo[]): string {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const declarations = target.declarations ?? [];
  const renamed = target.name === symbol.name ? '' : `${symbol.name} = `;
  const from = declarations[0]?.getSourceFile().fileName.split('/').join(sep);
  const owner = packages.find((other) => from?.startsWith(join(other.path, sep)) === true);
  if (owner !== undefined && owner !== pkg) return `export { ${renamed}${target.name} } from ${owner.json.name}`;
  if (declarations.length === 0) return `${symbol.name}: unresolved`;
  return declarations.map((node) => `${renamed}${describeDeclaration(node)}`).join('\n');
}

function describeDeclaration(node: ts.Declaration): string {
  const source = node.getSourceFile();
  if (ts.isVariableDeclaration(node)) return `const ${printer.printNode(ts.EmitHint.Unspecified, node, source)}`;
  if (ts.isSourceFile(node)) return `namespace of ${node.fileName.replace(/^.*\/dist\//, '')}`;
  return printer
    .printNode(ts.EmitHint.Unspecified, node, source)
    .replace(/^(export |declare |default )+/, '')
    .split('\n')
    .filter((line) => !/^\s+(#private|private .*);$/.test(line))
    .join('\n');
}
