// SPDX-License-Identifier: MIT
#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct sample {
	int first;
	long second;
	struct later *next;
};

enum mode { OFF, ON = 5 };
