// SPDX-License-Identifier: MIT
// Runs in a network namespace of its own: builds the network, asks the kernel, and prints the answers as JSON.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP } from '@tsbpf/uapi';
import { createHost } from '@tsbpf/host';
import { askFib, fibQuestions, forwardingFiles, ipCommands, ruleCommands } from './fib-scenario.ts';

const [seed = '1', count = '100'] = process.argv.slice(2);
for (const command of ipCommands()) execFileSync('ip', command.split(' ').filter((word) => word !== ''));
for (const path of forwardingFiles()) writeFileSync(path, '1');
const links = JSON.parse(execFileSync('ip', ['-j', 'link', 'show'], { encoding: 'utf8' })) as {
  ifname: string;
  ifindex: number;
}[];
const ifindexes = Object.fromEntries(
  links.filter(({ ifname }) => /^v\d$/.test(ifname)).map(({ ifname, ifindex }) => [ifname, ifindex]),
);
const host = createHost();
const questions = fibQuestions([...Object.values(ifindexes), 99], { seed: Number(seed), count: Number(count) });
const ask = () => [BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SCHED_CLS].map((type) => askFib(host, type, questions));
const plain = ask();
for (const command of ruleCommands()) execFileSync('ip', command.split(' '));
console.log(JSON.stringify({ ifindexes, plain, ruled: ask() }));
