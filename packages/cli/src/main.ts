#!/usr/bin/env node
// SPDX-License-Identifier: MIT
import { runCommand } from './program.ts';

process.exitCode = await runCommand(process.argv.slice(2));
