// SPDX-License-Identifier: MIT
// The first load of a process, and the memory it takes: node once.ts NAME. Prints JSON.
import { measureOurs } from './measure.ts';
import { PROGRAMS } from './programs.ts';

const before = process.memoryUsage().rss;
const { ns, insns, result } = measureOurs(PROGRAMS[process.argv[2] ?? ''], 0);
const peak = process.resourceUsage().maxRSS * 1024;
const mb = (bytes: number): number => Math.round(bytes / 1e6);
console.log(JSON.stringify({ ns, insns, result, rssMb: mb(peak), grownMb: mb(peak - before) }));
