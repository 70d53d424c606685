// SPDX-License-Identifier: MIT
/*
 * Preloaded into a native program: its bpf(2) and what it does with the file descriptors that come of it go to a
 * server, on the socket that TSBPF_BRIDGE names. All other system calls are the running kernel's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* The server's fds start here, above those that the program itself will have. */
#define FIRST_FD 600

enum { OP_BPF = 1, OP_CLOSE, OP_FILE, OP_CPU, OP_MMAP, OP_DUP, OP_UNLINK };

struct request {
	uint32_t op;
	uint32_t pid;
	uint64_t args[3];
};

struct reply {
	int64_t result;
	/* Of bytes that follow. */
	uint64_t bytes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int connection = -1;
static pid_t connected_pid;

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static long real_syscall6(long nr, const long *args)
{
	return REAL(syscall)(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static void transfer(void *data, size_t bytes, int out)
{
	char *at = data;

	while (bytes > 0) {
		ssize_t done = out ? send(connection, at, bytes, MSG_NOSIGNAL) : recv(connection, at, bytes, MSG_WAITALL);

		if (done <= 0) {
			fprintf(stderr, "bridge: the server is gone\n");
			_exit(125);
		}
		at += done;
		bytes -= done;
	}
}

static void reconnect(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	const char *path = getenv("TSBPF_BRIDGE");

	if (connected_pid == getpid())
		return;
	if (connection >= 0)
		REAL(close)(connection);
	strncpy(name.sun_path, path ? path : "", sizeof(name.sun_path) - 1);
	connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(connection, (struct sockaddr *)&name, sizeof(name)) != 0) {
		fprintf(stderr, "bridge: no server at %s\n", name.sun_path);
		_exit(125);
	}
	connected_pid = getpid();
}

/* Asks the server; bytes that come with the answer go to `extra`, which the caller frees. */
static long ask(uint32_t op, uint64_t a, uint64_t b, uint64_t c, void **extra, size_t *extra_bytes)
{
	struct request request = { op, (uint32_t)getpid(), { a, b, c } };
	struct reply reply;

	pthread_mutex_lock(&lock);
	reconnect();
	transfer(&request, sizeof(request), 1);
	transfer(&reply, sizeof(reply), 0);
	if (reply.bytes > 0) {
		*extra = malloc(reply.bytes);
		*extra_bytes = reply.bytes;
		transfer(*extra, reply.bytes, 0);
	}
	pthread_mutex_unlock(&lock);
	if (reply.result < 0) {
		errno = -reply.result;
		return -1;
	}
	return reply.result;
}

static long ask_plain(uint32_t op, uint64_t a, uint64_t b, uint64_t c)
{
	return ask(op, a, b, c, NULL, NULL);
}

long syscall(long nr, ...)
{
	long args[6];
	va_list list;

	va_start(list, nr);
	for (int i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (nr == SYS_bpf)
		return ask_plain(OP_BPF, args[0], args[1], args[2]);
	return real_syscall6(nr, args);
}

int close(int fd)
{
	return fd >= FIRST_FD ? ask_plain(OP_CLOSE, fd, 0, 0) : REAL(close)(fd);
}

int dup(int fd)
{
	return fd >= FIRST_FD ? ask_plain(OP_DUP, fd, 0, 0) : REAL(dup)(fd);
}

int fcntl(int fd, int cmd, ...)
{
	va_list list;
	long arg;

	va_start(list, cmd);
	arg = va_arg(list, long);
	va_end(list);
	if (fd < FIRST_FD)
		return REAL(fcntl)(fd, cmd, arg);
	if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
		return ask_plain(OP_DUP, fd, 0, 0);
	return 0;
}

int fcntl64(int fd, int cmd, ...) __attribute__((alias("fcntl")));

/* A file with what the server says is in it, or -2 for a path that is not its business. */
static int served_file(const char *path)
{
	void *content = NULL;
	size_t bytes = 0;
	int fd;

	if (strncmp(path, "/proc/", 6) != 0 && strncmp(path, "/sys/fs/bpf/", 12) != 0)
		return -2;
	if (strncmp(path, "/proc/", 6) == 0) {
		const char *info = strstr(path, "/fdinfo/");

		if (!info || atoi(info + 8) < FIRST_FD)
			return -2;
	}
	if (ask(OP_FILE, (uintptr_t)path, strlen(path), 0, &content, &bytes) < 0)
		return -1;
	fd = memfd_create("bridge", 0);
	if (bytes > 0 && write(fd, content, bytes) != (ssize_t)bytes)
		fd = -1;
	free(content);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

int open(const char *path, int flags, ...)
{
	int fd = served_file(path);
	va_list list;
	int mode;

	va_start(list, flags);
	mode = va_arg(list, int);
	va_end(list);
	return fd == -2 ? REAL(open)(path, flags, mode) : fd;
}

int open64(const char *path, int flags, ...) __attribute__((alias("open")));

FILE *fopen(const char *path, const char *mode)
{
	int fd = served_file(path);

	if (fd == -2)
		return REAL(fopen)(path, mode);
	return fd < 0 ? NULL : fdopen(fd, mode);
}

FILE *fopen64(const char *path, const char *mode) __attribute__((alias("fopen")));

void *mmap(void *addr, size_t bytes, int prot, int flags, int fd, off_t off)
{
	void *area;

	if (fd < FIRST_FD)
		return REAL(mmap)(addr, bytes, prot, flags, fd, off);
	/* The server keeps the two memories equal whenever the program calls bpf(2). */
	area = REAL(mmap)(addr, bytes, PROT_READ | PROT_WRITE, (flags & MAP_FIXED) | MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return area;
	if (ask_plain(OP_MMAP, fd, (uintptr_t)area, bytes | (uint64_t)!!(prot & PROT_WRITE) << 63) < 0) {
		REAL(munmap)(area, bytes);
		return MAP_FAILED;
	}
	if (!(prot & PROT_WRITE))
		mprotect(area, bytes, prot);
	return area;
}

void *mmap64(void *addr, size_t bytes, int prot, int flags, int fd, off_t off) __attribute__((alias("mmap")));


int unlink(const char *path)
{
	if (strncmp(path, "/sys/fs/bpf/", 12) != 0)
		return REAL(unlink)(path);
	return ask_plain(OP_UNLINK, (uintptr_t)path, strlen(path), 0);
}

int sched_setaffinity(pid_t pid, size_t bytes, const cpu_set_t *set)
{
	int result = REAL(sched_setaffinity)(pid, bytes, set);

	for (int cpu = 0; result == 0 && cpu < (int)bytes * 8; cpu++) {
		if (CPU_ISSET_S(cpu, bytes, set)) {
			ask_plain(OP_CPU, cpu, 0, 0);
			break;
		}
	}
	return result;
}
