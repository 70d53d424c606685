// SPDX-License-Identifier: MIT
/*
 * Runs one test of a Linux tree's test_progs, which is included by the name in TEST_FILE. What the tests want of their
 * runner is here; all subtests run, in order, and each failure is a line of its own.
 */
#include "test_progs.h"
#include "network_helpers.h"

struct test_env env;
static int failures, skips;

void test__force_log(void) {}
void test__end_subtest(void) {}
void test__skip(void)
{
	skips++;
}
void test__fail(void)
{
	failures++;
}

bool test__start_subtest(const char *name)
{
	const char *only = getenv("SUBTEST");

	if (only && strcmp(only, name) != 0)
		return false;
	printf("subtest: %s\n", name);
	return true;
}

__attribute__((weak)) int bpf_find_map(const char *test, struct bpf_object *obj, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(obj, name);

	if (fd < 0)
		printf("%s: no map %s\n", test, name);
	return fd;
}

#include TEST_FILE

int main(void)
{
	setbuf(stdout, NULL);
	env.jit_enabled = true;
	env.stdout = stdout;
	env.stderr = stderr;
	env.nr_cpus = libbpf_num_possible_cpus();
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	TEST_FUNCTION();
	printf("failures: %d, skips: %d\n", failures, skips);
	return failures ? 1 : 0;
}
