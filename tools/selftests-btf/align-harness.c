// SPDX-License-Identifier: MIT
/*
 * Prints the alignment cases of a Linux source tree as JSON lines: programs, and what the verifier's log says of
 * registers at instructions. The tree's own prog_tests/align.c is included for its table; none of its tests runs.
 */
#include "prog_tests/align.c"
#include "print.h"

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		const struct bpf_align_test *test = &tests[i];

		start_line("align", i, test->descr);
		print_field_number("progType", test->prog_type);
		print_field_bool("loadFails", test->result == REJECT);
		print_field_hex("insns", test->insns, probe_filter_length(test->insns) * sizeof(test->insns[0]));
		printf(",\"matches\":[");
		for (int m = 0; m < MAX_MATCHES && test->matches[m].match; m++) {
			printf("%s{\"insn\":%u", m ? "," : "", test->matches[m].line);
			print_field_text("text", test->matches[m].match);
			putchar('}');
		}
		printf("]}\n");
	}
	return 0;
}
