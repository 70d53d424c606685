// SPDX-License-Identifier: MIT
import { AsmError, EINVAL } from '@tsbpf/uapi';

/** A piece of a statement. */
export interface Token {
  readonly kind: 'word' | 'number' | 'sign';
  readonly text: string;
}

const PATTERN = new RegExp(
  [
    String.raw`(?<space>\s+)`,
    String.raw`(?<number>0[xX][0-9a-fA-F]+(?!\w)|[0-9]+(?!\w))`,
    // The signed operators begin with a letter.
    String.raw`(?<signed>s(?:>>=|>=|<=|>|<|/=|%=))`,
    String.raw`(?<word>%?[A-Za-z_.$][\w.$]*)`,
    String.raw`(?<sign>>>=|<<=|\+=|-=|\*=|/=|\|=|&=|%=|\^=|==|!=|>=|<=|[-+*()[\],:#=<>&])`,
  ].join('|'),
  'y',
);

/** Tokens of one statement, comments already removed. */
export function tokenize(text: string, line: number): Token[] {
  const pattern = new RegExp(PATTERN);
  const tokens: Token[] = [];
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const groups = pattern.exec(text)?.groups;
    if (groups === undefined) {
      const found = text.slice(at).split(/\s/, 1)[0];
      throw new AsmError(`line ${line}: expected a register, number, name or operator, found "${found}"`, {
        errno: EINVAL,
        line,
      });
    }
    if (groups.number !== undefined) tokens.push({ kind: 'number', text: groups.number });
    else if (groups.word !== undefined) tokens.push({ kind: 'word', text: groups.word });
    else if (groups.space === undefined) tokens.push({ kind: 'sign', text: groups.signed ?? groups.sign });
  }
  return tokens;
}

/**
 * A line without its comment: from `;`, `//` or `#` on, and any block comment. The `#` of `call name#1` is none.
 */
export function stripComment(line: string): string {
  let text = line.replace(/\/\*.*?\*\//g, ' ');
  text = text.replace(/(?:;|\/\/).*$/, '');
  const call = /\bcall\s+[\w.$-]+(?:\s*\+\s*\w+)?#[^\s#]+/.exec(text);
  const from = call === null ? 0 : call.index + call[0].length;
  const hash = text.indexOf('#', from);
  if (hash >= 0) text = text.slice(0, hash);
  return text.trim();
}
