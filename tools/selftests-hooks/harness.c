// SPDX-License-Identifier: MIT
/*
 * Prints a table of a Linux source tree's hook tests as JSON lines (without arguments), or runs the table's own cases on
 * the running kernel and prints which pass (with the path of a cgroup, which this process enters). Built once per table
 * against that tree at test time; nothing of the tree is here.
 *   -DSUITE_SYSCTL | -DSUITE_SOCK | -DSUITE_SOCK_ADDR | -DSUITE_SOCKOPT
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static int dumping;

static void print_hex(const char *name, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	printf(",\"%s\":\"", name);
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	putchar('"');
}

static void print_text(const char *name, const char *text)
{
	if (!text)
		return;
	printf(",\"%s\":\"", name);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c > 0x7e)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/* What a table's own loader would load is printed instead while the table is dumped. */
static int seen_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
			  size_t count, const struct bpf_prog_load_opts *opts)
{
	if (!dumping)
		return bpf_prog_load(type, name, license, insns, count, opts);
	print_hex("insns", insns, count * sizeof(*insns));
	return -1;
}

static struct bpf_object *seen_open_file(const char *path, const struct bpf_object_open_opts *opts)
{
	if (!dumping)
		return bpf_object__open_file(path, opts);
	print_text("object", path);
	errno = ENOENT;
	return NULL;
}

#define bpf_prog_load seen_prog_load
#define bpf_object__open_file seen_open_file
#define main tree_main

#ifdef SUITE_SYSCTL
#include "test_sysctl.c"
#define TEST struct sysctl_test

static void print_case(TEST *test)
{
	static const char *const results[] = { "load-reject", "attach-reject", "EPERM", "success" };

	printf("\"expectedAttachType\":%d,\"attachType\":%d", 0, test->attach_type);
	print_text("sysctl", test->sysctl);
	print_text("newval", test->newval);
	print_text("oldval", test->oldval);
	printf(",\"write\":%s,\"seek\":%d,\"result\":\"%s\"", test->open_flags == O_WRONLY ? "true" : "false",
	       test->seek, results[test->result]);
	if (test->fixup_value_insn)
		printf(",\"fixup\":%zu", test->fixup_value_insn);
	if (test->prog_file)
		print_text("object", test->prog_file);
	else
		print_hex("insns", test->insns, probe_prog_length(test->insns) * sizeof(struct bpf_insn));
}

/* Of testing_helpers.c, which wants more of the tree than is needed here. */
int bpf_prog_test_load(const char *file, enum bpf_prog_type type, struct bpf_object **obj, int *fd)
{
	struct bpf_program *prog;

	*obj = bpf_object__open_file(file, NULL);
	prog = *obj ? bpf_object__next_program(*obj, NULL) : NULL;
	if (!prog || bpf_program__set_type(prog, type) || bpf_object__load(*obj))
		return -1;
	*fd = bpf_program__fd(prog);
	return 0;
}
#elif defined(SUITE_SOCK)
#include "test_sock.c"
#define TEST struct sock_test

static void print_case(TEST *test)
{
	static const char *const results[] = { "load-reject", "attach-reject", "EPERM", "success", "retry-success", "retry-EPERM" };

	printf("\"expectedAttachType\":%d,\"attachType\":%d", test->expected_attach_type, test->attach_type);
	printf(",\"family\":%d,\"type\":%d,\"port\":%d,\"portRetry\":%d,\"result\":\"%s\"", test->domain, test->type,
	       test->port, test->port_retry, results[test->result]);
	print_text("ip", test->ip);
	load_sock_prog(test->insns, test->expected_attach_type);
}
#elif defined(SUITE_SOCK_ADDR)
#include "test_sock_addr.c"
#define TEST struct sock_addr_test

static void print_case(TEST *test)
{
	static const char *const results[] = { "load-reject", "attach-reject", "attach-okay", "EPERM", "ENOTSUPP", "success" };

	printf("\"expectedAttachType\":%d,\"attachType\":%d", test->expected_attach_type, test->attach_type);
	printf(",\"family\":%d,\"type\":%d,\"requestedPort\":%d,\"expectedPort\":%d,\"result\":\"%s\"", test->domain,
	       test->type, test->requested_port, test->expected_port, results[test->expected_result]);
	print_text("requestedIp", test->requested_ip);
	print_text("expectedIp", test->expected_ip);
	print_text("expectedSource", test->expected_src_ip);
	test->loadfn(test);
}
#elif defined(SUITE_SOCKOPT)
#include "prog_tests/sockopt.c"
#define TEST struct sockopt_test

FILE *env_stderr;

static void print_case(TEST *test)
{
	static const char *const results[] = { "success", "load-reject", "attach-reject", "get-EPERM", "get-EFAULT", "set-EPERM", "set-EFAULT" };

	printf("\"expectedAttachType\":%d,\"attachType\":%d,\"result\":\"%s\"", test->expected_attach_type,
	       test->attach_type, results[test->error]);
	printf(",\"setLevel\":%d,\"setName\":%d,\"setLen\":%d", test->set_level, test->set_optname, test->set_optlen);
	printf(",\"getLevel\":%d,\"getName\":%d,\"getLen\":%d,\"getLenAfter\":%d", test->get_level, test->get_optname,
	       test->get_optlen, test->get_optlen_ret);
	print_hex("setValue", test->set_optval, sizeof(test->set_optval));
	print_hex("getValue", test->get_optval, sizeof(test->get_optval));
	load_prog(test->insns, test->expected_attach_type);
}

#define run_test_case run_test
#endif
#undef main

/* What is not in a network namespace of one's own. Cases only read these, or are denied. */
static int machine_net, own_net;

static int of_machine(const TEST *test)
{
#ifdef SUITE_SYSCTL
	return !strcmp(test->sysctl, "net/ipv4/tcp_mem");
#else
	return 0;
#endif
}

static int enter(const char *dir)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return -1;
	close(fd);
	/* Namespaces of its own: what cases set is gone with this process. */
	machine_net = open("/proc/self/ns/net", O_RDONLY);
	if (unshare(CLONE_NEWNET | CLONE_NEWUTS) || system("ip link set lo up") ||
	    system("ip addr add 127.0.0.4/8 dev lo; ip -6 addr add ::6/128 dev lo nodad;"
		   "ip link add test_sock_addr1 type veth peer name test_sock_addr2;"
		   "ip link set test_sock_addr1 up; ip link set test_sock_addr2 up"))
		return -1;
	own_net = open("/proc/self/ns/net", O_RDONLY);
	return open(dir, O_RDONLY | O_DIRECTORY);
}

int main(int argc, char **argv)
{
	int cgroup = -1;

	dumping = argc < 2;
	if (!dumping) {
		cgroup = enter(argv[1]);
		if (cgroup < 0) {
			perror("cgroup and namespaces");
			return 2;
		}
		libbpf_set_print(NULL);
	}
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		TEST *test = &tests[i];

		if (dumping) {
			printf("{");
			print_case(test);
		} else {
			/* What a case prints goes elsewhere. */
			int out = dup(1), null = open("/dev/null", O_WRONLY), err;

			fflush(stdout);
			dup2(null, 1);
			err = setns(of_machine(test) ? machine_net : own_net, CLONE_NEWNET);
			err |= run_test_case(cgroup, test);
			fflush(stdout);
			dup2(out, 1);
			close(out);
			close(null);
			printf("{\"passed\":%s", err ? "false" : "true");
		}
		printf(",\"index\":%zu", i);
		print_text("descr", test->descr);
		printf("}\n");
		fflush(stdout);
	}
	return 0;
}
