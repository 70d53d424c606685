// SPDX-License-Identifier: MIT
// The texts that TypeScript sources hold: string literals, templates, and sums of them.
import ts from 'typescript';

/** A text in a source: its literal pieces; a value goes between each two. */
export interface SourceText {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly pieces: readonly string[];
}

/** Joins the pieces of two texts that follow each other. */
function join(left: readonly string[], right: readonly string[]): string[] {
  return [...left.slice(0, -1), (left.at(-1) ?? '') + (right[0] ?? ''), ...right.slice(1)];
}

/** Pieces of an expression that is a text; undefined for any other. */
function piecesOf(node: ts.Expression): string[] | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return [node.text];
  if (ts.isTemplateExpression(node)) {
    return node.templateSpans.reduce<string[]>((pieces, span) => [...pieces, span.literal.text], [node.head.text]);
  }
  if (ts.isParenthesizedExpression(node)) return piecesOf(node.expression);
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const left = piecesOf(node.left);
    const right = piecesOf(node.right);
    if (left !== undefined || right !== undefined) return join(left ?? ['', ''], right ?? ['', '']);
  }
  return undefined;
}

/** All texts of a source, outermost first: a sum counts as one text. */
export function textsOf(file: string, source: string): SourceText[] {
  const texts: SourceText[] = [];
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return;
    const pieces = ts.isExpression(node) ? piecesOf(node) : undefined;
    if (pieces !== undefined) {
      texts.push({ file, line: tree.getLineAndCharacterOfPosition(node.getStart()).line + 1, pieces });
      // Values inside a template may be texts of their own.
      ts.forEachChild(node, function inside(child) {
        if (ts.isTemplateSpan(child)) visit(child.expression);
        else if (piecesOf(child as ts.Expression) !== undefined) ts.forEachChild(child, inside);
      });
      return;
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return texts;
}
