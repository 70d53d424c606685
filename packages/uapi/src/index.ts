// SPDX-License-Identifier: MIT
export * from './generated/commands.ts';
export * from './generated/map-types.ts';
export * from './generated/prog-types.ts';
export * from './generated/attach-types.ts';
export * from './generated/helper-ids.ts';
export * from './generated/attr-layout.ts';
export * from './insn-codes.ts';
export * from './flags.ts';
export * from './errno.ts';
export * from './layout.ts';
export * from './errors.ts';
export * from './diagnostic.ts';
export * from './attr.ts';
export * from './since.ts';
export * from './syscalls.ts';
