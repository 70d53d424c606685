// SPDX-License-Identifier: MIT
// What a comparison with the running kernel counts.

/** A pair of verdicts, their numbers taken out, and how often it was seen. */
export interface VerdictRow {
  readonly ours: string;
  readonly theirs: string;
  count: number;
  /** Programs, the first few. */
  readonly seeds: number[];
}

const FEW = 6;

export class KernelTally {
  programs = 0;
  /** Accepted by both. */
  ran = 0;
  runs = 0;
  bothRefuse = 0;
  same = 0;
  addressDependent = 0;
  /** Not run: versions differ in what they do. */
  versions = 0;
  different = 0;
  readonly onlyOurs = new Map<string, VerdictRow>();
  readonly onlyTheirs = new Map<string, VerdictRow>();
  /** Both refuse. */
  readonly refused = new Map<string, VerdictRow>();

  note(table: Map<string, VerdictRow>, ours: string, theirs: string, seed: number): void {
    const [a, b] = [general(ours), general(theirs)];
    const key = `${a}\n${b}`;
    const row = table.get(key) ?? { ours: a, theirs: b, count: 0, seeds: [] };
    row.count++;
    if (row.seeds.length < FEW) row.seeds.push(seed);
    table.set(key, row);
  }

  lines(): string[] {
    const table = (title: string, rows: ReadonlyMap<string, VerdictRow>): string[] => [
      title,
      ...[...rows.values()]
        .sort((a, b) => b.count - a.count)
        .map(({ ours, theirs, count, seeds }) => `  ${count}: ${ours} / ${theirs} (${seeds.join(' ')})`),
    ];
    return [
      `${this.programs} programs, ${this.ran} run ${this.runs} times: ${this.same} the same, ` +
        `${this.addressDependent} whose results depend on addresses, ${this.different} different; ` +
        `${this.versions} not run, because versions differ; ` +
        `${this.bothRefuse} refused by both`,
      ...table('accepted by us, refused by the running kernel:', this.onlyOurs),
      ...table('refused by us, accepted by the running kernel:', this.onlyTheirs),
      ...table('refused by both (ours / theirs):', this.refused),
    ];
  }
}

/** A message without what is of one program only. */
function general(message: string): string {
  return message
    .replace(/^\d+: /, '')
    .replace(/\bR\d+\b/g, 'R#')
    .replace(/-?\b(?:0x[0-9a-f]+|\d+)\b/g, '#')
    .replace(/\bfp-?#/g, 'fp#');
}
