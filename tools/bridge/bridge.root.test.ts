// SPDX-License-Identifier: MIT
// A C program whose bpf(2) the simulated kernel answers. Needs root and a C compiler.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runNative, whyNoNative } from './native.ts';
import { FIRST_FD } from './server.ts';

const why = whyNoNative();
if (why !== undefined) console.log(`skipped: ${why}`);

/** Makes an array, writes and reads an element, reads its fdinfo, asks a child, closes it, and uses it again. */
const PROGRAM = `
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long bpf(int cmd, union bpf_attr *attr) { return syscall(SYS_bpf, cmd, attr, 72); }

int main(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 2 };
	long fd = bpf(BPF_MAP_CREATE, &attr), result;
	int key = 1, value = 41;
	char path[64], line[128];
	FILE *info;

	printf("fd %ld\\n", fd);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = fd;
	attr.key = (unsigned long)&key;
	attr.value = (unsigned long)&value;
	printf("update %ld\\n", bpf(BPF_MAP_UPDATE_ELEM, &attr));
	value = 0;
	fflush(stdout);
	if (fork() == 0) {
		result = bpf(BPF_MAP_LOOKUP_ELEM, &attr);
		printf("lookup %ld %d\\n", result, value);
		return 0;
	}
	wait(NULL);
	attr.value = 8;
	result = bpf(BPF_MAP_LOOKUP_ELEM, &attr);
	printf("bad pointer %ld %d\\n", result, errno == EFAULT);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%ld", fd);
	info = fopen(path, "r");
	while (info && fgets(line, sizeof(line), info))
		if (strncmp(line, "max_entries", 11) == 0)
			fputs(line, stdout);
	printf("close %d\\n", close(fd));
	result = bpf(BPF_MAP_LOOKUP_ELEM, &attr);
	printf("closed %ld %d\\n", result, errno == EBADF);
	return 7;
}
`;

describe.skipIf(why !== undefined)('a native program', () => {
  it('is answered by the simulated kernel', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsbpf-native-'));
    try {
      const source = join(dir, 'program.c');
      const binary = join(dir, 'program');
      writeFileSync(source, PROGRAM);
      execFileSync('cc', ['-w', '-o', binary, source]);
      const commands: number[] = [];
      const { status, output } = await runNative(binary, [], { onCommand: (cmd) => commands.push(cmd) });
      expect(output.trim().split('\n')).toEqual([
        `fd ${FIRST_FD}`,
        'update 0',
        'lookup 0 41',
        'bad pointer -1 1',
        'max_entries:\t2',
        'close 0',
        'closed -1 1',
      ]);
      expect(status).toBe(7);
      expect(commands).toEqual([0, 2, 1, 1, 1]);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
