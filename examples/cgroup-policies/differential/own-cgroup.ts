// SPDX-License-Identifier: MIT
// A cgroup of this process's own, which is gone afterwards whatever happens: closed, thrown out of, or killed.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the cgroup v2 hierarchy is mounted; undefined where it is not. */
export function cgroupMount(): string | undefined {
  return /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1];
}

/** Waits for the end of its input, which comes with the end of this process, and then removes what is left. */
const KEEPER = `
cat > /dev/null
i=0
while [ -d "$1" ] && [ $i -lt 200 ]; do
  echo 1 2> /dev/null > "$1/cgroup.kill"
  find "$1" -depth -type d -exec rmdir {} \\; 2> /dev/null
  sleep 0.05
  i=$((i + 1))
done`;

export interface OwnCgroup {
  readonly dir: string;
  /** Removes it and all below, with the processes in it. */
  remove(): void;
}

/** Makes a cgroup below the mount, and below it those of `paths`, parents first. */
export function makeOwnCgroup(name: string, paths: readonly string[] = []): OwnCgroup {
  // No two have one name: what removes the first must not find the second.
  const dir = mkdtempSync(join(cgroupMount() ?? '', `${name}-${process.pid}-`));
  const keeper = spawn('sh', ['-c', KEEPER, 'keeper', dir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  keeper.unref();
  keeper.stdin.on('error', () => undefined);
  const made = [dir, ...paths.map((path) => join(dir, path))];
  const remove = (): void => {
    // A dead process leaves its cgroup a moment later.
    for (let i = 0; i < 250 && existsSync(dir); i++) {
      try {
        writeFileSync(join(dir, 'cgroup.kill'), '1');
        for (const path of made.toReversed()) if (existsSync(path)) rmdirSync(path);
      } catch {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      }
    }
    keeper.stdin.destroy();
  };
  try {
    for (const path of made.slice(1)) mkdirSync(path);
  } catch (error) {
    remove();
    throw error;
  }
  return { dir, remove };
}
