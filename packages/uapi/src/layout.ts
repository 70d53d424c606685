// SPDX-License-Identifier: MIT

/** A member of a C structure: offset and size in bytes; `bits` marks a bitfield's width. */
export interface FieldLayout {
  readonly name: string;
  readonly off: number;
  readonly size: number;
  readonly bits?: number;
}

/** A C structure's size in bytes and its members in declaration order. */
export interface StructLayout {
  readonly size: number;
  readonly fields: readonly FieldLayout[];
}
