// SPDX-License-Identifier: MIT
// Makes the system calls that standard input asks for, in the cgroup given, in namespaces of its own.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int socks[64];
static char *args[8];

static int bytes(const char *hex, unsigned char *out)
{
	int len = 0;

	for (; hex[0] && hex[1]; hex += 2)
		sscanf(hex, "%2hhx", &out[len++]);
	return len;
}

static void answer(long ret, const unsigned char *out, int len, long extra)
{
	int e = errno;

	printf("%ld ", ret < 0 ? (long)-e : ret);
	for (int i = 0; i < len; i++)
		printf("%02x", out[i]);
	printf(" %ld\n", extra);
	fflush(stdout);
}

static void run(int argc)
{
	static unsigned char in[70000], out[70000];
	struct sockaddr_storage from;
	char node[64];
	socklen_t len;
	long ret;
	int fd = argc > 1 ? socks[atoi(args[1]) & 63] : -1, n = 0;

	memset(out, 0, sizeof(out));
	errno = 0;
	switch (args[0][0]) {
	case 'S':
		ret = socket(atoi(args[2]), atoi(args[3]), atoi(args[4]));
		if (ret >= 0)
			socks[atoi(args[1]) & 63] = ret;
		answer(ret < 0 ? ret : 0, out, 0, 0);
		return;
	case 'B':
		n = bytes(args[2], in);
		answer(bind(fd, (void *)in, n), out, 0, 0);
		return;
	case 'C':
		n = bytes(args[2], in);
		answer(connect(fd, (void *)in, n), out, 0, 0);
		return;
	case 'L':
		answer(listen(fd, 8), out, 0, 0);
		return;
	case 'T':
		if (args[2][0] != '-')
			n = bytes(args[2], in);
		ret = sendto(fd, "hello", 5, 0, n ? (void *)in : NULL, n);
		answer(ret, out, 0, 0);
		return;
	case 'R':
		len = sizeof(from);
		memset(&from, 0, sizeof(from));
		ret = recvfrom(fd, out, 100, MSG_DONTWAIT, (void *)&from, &len);
		answer(ret, (void *)&from, ret < 0 ? 0 : 4 + (from.ss_family == AF_INET ? 4 : 20), 0);
		return;
	case 'P':
		len = sizeof(from);
		memset(&from, 0, sizeof(from));
		ret = getpeername(fd, (void *)&from, &len);
		answer(ret, (void *)&from, ret < 0 ? 0 : 4 + (from.ss_family == AF_INET ? 4 : 20), 0);
		return;
	case 'N':
		len = sizeof(from);
		memset(&from, 0, sizeof(from));
		ret = getsockname(fd, (void *)&from, &len);
		/* The port is the kernel's choice. */
		((struct sockaddr_in *)&from)->sin_port = 0;
		answer(ret, (void *)&from, ret < 0 ? 0 : 4 + (from.ss_family == AF_INET ? 4 : 20), 0);
		return;
	case 'A':
		fcntl(fd, F_SETFL, O_NONBLOCK);
		ret = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
		if (ret >= 0)
			socks[atoi(args[2]) & 63] = ret;
		answer(ret < 0 ? ret : 0, out, 0, 0);
		return;
	case 'M':
		n = bytes(args[2], in);
		answer(send(fd, in, n, MSG_NOSIGNAL), out, 0, 0);
		return;
	case 'V':
		ret = recv(fd, out, atoi(args[2]), MSG_DONTWAIT);
		answer(ret, out, ret < 0 ? 0 : ret, 0);
		return;
	case 'H':
		answer(shutdown(fd, atoi(args[2])), out, 0, 0);
		return;
	case 'Z':
		/* What was delayed has come. */
		usleep(60000);
		answer(0, out, 0, 0);
		return;
	case 'X':
		answer(close(fd), out, 0, 0);
		socks[atoi(args[1]) & 63] = -1;
		return;
	case 'O':
		bytes(args[4], in);
		answer(setsockopt(fd, atoi(args[2]), atoi(args[3]), in, atoi(args[5])), out, 0, 0);
		return;
	case 'G':
		len = atoi(args[4]);
		ret = getsockopt(fd, atoi(args[2]), atoi(args[3]), out, &len);
		answer(ret, out, 32, len);
		return;
	case 'W':
		n = bytes(args[2], in);
		fd = open(args[1], O_RDWR);
		if (atoi(args[3]))
			lseek(fd, atoi(args[3]), SEEK_SET);
		ret = write(fd, in, n);
		n = errno;
		len = lseek(fd, 0, SEEK_CUR);
		errno = n;
		answer(ret, out, 0, len);
		close(fd);
		return;
	case 'Y':
		fd = open(args[1], O_RDONLY);
		if (atoi(args[3]))
			lseek(fd, atoi(args[3]), SEEK_SET);
		ret = read(fd, out, atoi(args[2]));
		n = errno;
		len = lseek(fd, 0, SEEK_CUR);
		errno = n;
		answer(ret, out, ret < 0 ? 0 : ret, len);
		close(fd);
		return;
	case 'K':
		snprintf(node, sizeof(node), "/tmp/tsbpf-node-%d", getpid());
		ret = mknod(node, (args[1][0] == 'b' ? S_IFBLK : S_IFCHR) | 0600, makedev(atoi(args[2]), atoi(args[3])));
		n = errno;
		unlink(node);
		errno = n;
		answer(ret, out, 0, 0);
		return;
	case 'D':
		fd = open(args[1], atoi(args[2]));
		answer(fd < 0 ? -1 : 0, out, 0, 0);
		if (fd >= 0)
			close(fd);
		return;
	}
}

int main(int argc, char **argv)
{
	static char line[80000];
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = open(argv[1], O_WRONLY);

	memset(socks, -1, sizeof(socks));
	if (argc != 2 || fd < 0 || write(fd, "0", 1) != 1)
		return 2;
	close(fd);
	if (unshare(CLONE_NEWNET | CLONE_NEWUTS) || sethostname("tsbpf", 5))
		return 3;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(fd, SIOCSIFFLAGS, &lo))
		return 4;
	close(fd);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		int n = 0;

		for (char *at = strtok(line, " \n"); at && n < 8; at = strtok(NULL, " \n"))
			args[n++] = at;
		if (n)
			run(n);
	}
	return 0;
}
