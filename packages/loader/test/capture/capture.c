// SPDX-License-Identifier: MIT
// An LD_PRELOAD that writes each bpf(2) call of a process to the file in TSBPF_CAPTURE: a line with the command, the
// result, and in hexadecimal the attribute and the buffers it points to. With TSBPF_OLD_BTF it refuses BTF of kinds, and
// with flags, that Linux 5.6 does not know.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static uint32_t value_sizes[4096];

static uint32_t u32(const unsigned char *attr, unsigned off)
{
	uint32_t v;
	memcpy(&v, attr + off, 4);
	return v;
}

static const void *ptr(const unsigned char *attr, unsigned off)
{
	uint64_t v;
	memcpy(&v, attr + off, 8);
	return (const void *)(uintptr_t)v;
}

static void hex(FILE *out, const char *name, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	if (!data || len == 0)
		return;
	fprintf(out, ",\"%s\":\"", name);
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", bytes[i]);
	fputc('"', out);
}

static void record(long cmd, const unsigned char *given, long size, long result)
{
	/* Callers give as much of the union as they use. */
	unsigned char attr[256] = {0};
	const char *path = getenv("TSBPF_CAPTURE");
	FILE *out = path ? fopen(path, "a") : NULL;

	if (!out)
		return;
	memcpy(attr, given, size < 256 ? (size_t)size : 256);
	if (cmd == 0 && result >= 0 && result < 4096)
		value_sizes[result] = u32(attr, 8);
	fprintf(out, "{\"cmd\":%ld,\"result\":%ld", cmd, result);
	hex(out, "attr", attr, size < 256 ? (size_t)size : 256);
	if (cmd == 2) {
		hex(out, "key", ptr(attr, 8), 4);
		if (u32(attr, 0) < 4096)
			hex(out, "value", ptr(attr, 16), value_sizes[u32(attr, 0)]);
	} else if (cmd == 5) {
		hex(out, "insns", ptr(attr, 8), u32(attr, 4) * 8UL);
		hex(out, "license", ptr(attr, 16), ptr(attr, 16) ? strlen(ptr(attr, 16)) : 0);
		hex(out, "func_info", ptr(attr, 80), (size_t)u32(attr, 76) * u32(attr, 88));
		hex(out, "line_info", ptr(attr, 96), (size_t)u32(attr, 92) * u32(attr, 104));
	} else if (cmd == 18) {
		hex(out, "btf", ptr(attr, 0), u32(attr, 16));
	} else if (cmd == 6 || cmd == 7) {
		hex(out, "path", ptr(attr, 0), strlen(ptr(attr, 0)));
	}
	fputs("}\n", out);
	fclose(out);
}

/* Words behind the three of a type, by kind: always, and for each item. */
static const unsigned char fixed_words[] = {0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0};
static const unsigned char item_words[] = {0, 0, 0, 0, 3, 3, 2, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 3};

static int newer_than_5_6(const unsigned char *attr)
{
	const unsigned char *btf = ptr(attr, 0);
	unsigned at = u32(btf, 4) + u32(btf, 8), end = at + u32(btf, 12);
	const char *strings = (const char *)btf + u32(btf, 4) + u32(btf, 16);

	while (at + 12 <= end) {
		uint32_t info = u32(btf, at + 4), kind = info >> 24 & 0x1f, vlen = info & 0xffff;

		if (kind > 15 || (kind == 6 && info >> 31) || (kind == 12 && vlen > 1))
			return 1;
		if (kind == 15 && (vlen == 0 || u32(btf, at + 8) == 0 || strchr(strings + u32(btf, at), '?')))
			return 1;
		at += 12 + 4 * (fixed_words[kind] + item_words[kind] * vlen);
	}
	return 0;
}

long syscall(long number, ...)
{
	static long (*next)(long, ...);
	long a[6];
	va_list args;

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (!next)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long result;

	if (number == SYS_bpf && a[0] == 18 && getenv("TSBPF_OLD_BTF") && newer_than_5_6((const unsigned char *)a[1])) {
		result = -1;
		errno = EINVAL;
	} else
		result = next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (number == SYS_bpf)
		record(a[0], (const unsigned char *)a[1], a[2], result);
	return result;
}
