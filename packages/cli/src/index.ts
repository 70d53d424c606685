// SPDX-License-Identifier: MIT
export { runCommand } from './program.ts';
