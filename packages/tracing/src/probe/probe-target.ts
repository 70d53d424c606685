// SPDX-License-Identifier: MIT

/** Where a kprobe or uprobe sits. */
export interface ProbeTarget {
  readonly kind: 'kprobe' | 'uprobe';
  /** Function name, or path of the file. */
  readonly symbol: string;
  /** Bytes into the function, or into the file. */
  readonly offset: bigint;
  /** Fires when the function returns. */
  readonly isReturn: boolean;
}
