// SPDX-License-Identifier: MIT
// The example in a README: its first `ts` block, as JavaScript.
import ts from 'typescript';

/** The text of the first fenced block marked `ts`, or undefined. */
export function firstTsBlock(markdown: string): string | undefined {
  const lines = markdown.split(/\r?\n/);
  const open = lines.findIndex((line) => /^```(ts|typescript)\s*$/.test(line));
  if (open < 0) return undefined;
  const close = lines.indexOf('```', open + 1);
  return close < 0 ? undefined : `${lines.slice(open + 1, close).join('\n')}\n`;
}

/** The block as a module that Node runs; types are dropped, not judged. */
export function toJavaScript(block: string): string {
  return ts.transpileModule(block, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  }).outputText;
}
