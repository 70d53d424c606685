// SPDX-License-Identifier: MIT
// Makes a cgroup with a process in it, says so, and waits to be killed.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeOwnCgroup } from './own-cgroup.ts';

const { dir } = makeOwnCgroup('tsbpf-killed', ['inner']);
const child = spawn('sleep', ['600'], { stdio: 'ignore', detached: true });
writeFileSync(join(dir, 'inner/cgroup.procs'), String(child.pid));
console.log(dir);
setInterval(() => undefined, 1000);
