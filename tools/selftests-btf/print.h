/* SPDX-License-Identifier: MIT */
/* JSON values on the standard output, for the harnesses beside this file. */
#include <stdio.h>

static void print_hex(const void *data, size_t len)
{
	const unsigned char *bytes = data;

	putchar('"');
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	putchar('"');
}

static void print_text(const char *text)
{
	if (!text) {
		printf("null");
		return;
	}
	putchar('"');
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

static void print_field_hex(const char *name, const void *data, size_t len)
{
	printf(",\"%s\":", name);
	print_hex(data, len);
}

static void print_field_text(const char *name, const char *text)
{
	printf(",\"%s\":", name);
	print_text(text);
}

static void print_field_number(const char *name, unsigned long long number)
{
	printf(",\"%s\":%llu", name, number);
}

static void print_field_bool(const char *name, int value)
{
	printf(",\"%s\":%s", name, value ? "true" : "false");
}

static void start_line(const char *kind, size_t index, const char *descr)
{
	printf("{\"kind\":\"%s\",\"index\":%zu", kind, index);
	print_field_text("descr", descr);
}
