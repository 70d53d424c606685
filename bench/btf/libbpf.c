// SPDX-License-Identifier: MIT
// What bench/btf/run.ts compares with: libbpf, as bpftool uses it. Prints milliseconds of reading and parsing a file and
// of the first lookup by name, the id found, and KiB that it added to the largest resident size.
#include <bpf/btf.h>
#include <stdio.h>
#include <time.h>

static double now(void)
{
	struct timespec t;

	/* Of the thread, so that a busy machine does not count. */
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static long peak(void)
{
	/* Not getrusage's: that one begins with what the process was before exec. */
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;

	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "VmHWM: %ld", &kib);
	if (file)
		fclose(file);
	return kib;
}

int main(int argc, char **argv)
{
	long before = peak();
	double start = now();
	struct btf *btf = btf__parse(argv[1], NULL);
	double parsed = now();
	int id = btf ? btf__find_by_name(btf, argv[2]) : -1;
	double found = now();

	if (argc != 3 || id < 0)
		return 1;
	printf("{\"parseMs\":%.3f,\"lookupMs\":%.3f,\"id\":%d,\"peakKiB\":%ld}\n", parsed - start, found - parsed, id,
	       peak() - before);
	return 0;
}
