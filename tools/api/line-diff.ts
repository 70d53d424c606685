// SPDX-License-Identifier: MIT

/** Lines of `before` that `after` lacks (`-`) and the reverse (`+`), in order; unchanged lines are left out. */
export function lineDiff(before: string, after: string): string[] {
  const a = before.split('\n');
  const b = after.split('\n');
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - start && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const left = a.slice(start, a.length - tail);
  const right = b.slice(start, b.length - tail);
  // Sorted listings: a greedy walk that looks the next common line up is as good as a longest common subsequence.
  const out: string[] = [];
  let j = 0;
  for (const line of left) {
    const at = right.indexOf(line, j);
    if (at < 0) {
      out.push(`-${line}`);
      continue;
    }
    for (; j < at; j++) out.push(`+${right[j]}`);
    j = at + 1;
  }
  return [...out, ...right.slice(j).map((line) => `+${line}`)];
}
