// SPDX-License-Identifier: MIT
/*
 * Prints the verifier cases of a Linux source tree as JSON lines. Built against that tree at test time: the tree's own
 * test_verifier.c is included for its table and its generators of large programs; nothing of it runs but those.
 * The included table has a marker, whose description starts with \1, before each file's cases.
 */
#define main kernel_test_main
#include "test_verifier.c"
#undef main

static void print_hex(const void *data, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = data;

	putchar('"');
	for (size_t i = 0; i < len; i++) {
		putchar(digits[bytes[i] >> 4]);
		putchar(digits[bytes[i] & 15]);
	}
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

static int fixup_kinds_printed;

static void print_fixup(const char *kind, const int *places)
{
	if (!places[0])
		return;
	printf("%s\"%s\":[", fixup_kinds_printed++ ? "," : "", kind);
	for (int i = 0; i < MAX_FIXUPS && places[i]; i++)
		printf("%s%d", i ? "," : "", places[i]);
	putchar(']');
}

#define FIXUP(kind) print_fixup(#kind, test->fixup_##kind)

static void print_fixups(const struct bpf_test *test)
{
	fixup_kinds_printed = 0;
	printf(",\"fixups\":{");
	FIXUP(map_hash_8b);
	FIXUP(map_hash_48b);
	FIXUP(map_hash_16b);
	FIXUP(map_array_48b);
	FIXUP(map_sockmap);
	FIXUP(map_sockhash);
	FIXUP(map_xskmap);
	FIXUP(map_stacktrace);
	FIXUP(prog1);
	FIXUP(prog2);
	FIXUP(map_in_map);
	FIXUP(cgroup_storage);
	FIXUP(percpu_cgroup_storage);
	FIXUP(map_spin_lock);
	FIXUP(map_array_ro);
	FIXUP(map_array_wo);
	FIXUP(map_array_small);
	FIXUP(sk_storage_map);
	FIXUP(map_event_output);
	FIXUP(map_reuseport_array);
	FIXUP(map_ringbuf);
	FIXUP(map_timer);
	FIXUP(map_kptr);
	printf("},\"kfuncs\":[");
	for (int i = 0; i < MAX_FIXUPS && test->fixup_kfunc_btf_id[i].kfunc; i++) {
		printf("%s{\"name\":", i ? "," : "");
		print_text(test->fixup_kfunc_btf_id[i].kfunc);
		printf(",\"insnIdx\":%d}", test->fixup_kfunc_btf_id[i].insn_idx);
	}
	putchar(']');
}

static int insn_is_zero(const struct bpf_insn *insn)
{
	static const struct bpf_insn zero;

	return !memcmp(insn, &zero, sizeof(zero));
}

static void print_pattern(const char *name, const struct bpf_insn *insns, int max)
{
	int len = 0;

	while (len < max && !insn_is_zero(&insns[len]))
		len++;
	printf(",\"%s\":", name);
	print_hex(insns, len * sizeof(*insns));
}

static void print_runs(const struct bpf_test *test)
{
	int runs = test->runs ? test->runs : 1;

	printf(",\"runs\":[");
	for (int i = 0; i < runs; i++) {
		printf("%s{\"retval\":", i ? "," : "");
		/* The table's word for "an address, whichever". */
		if (test->retvals[i].retval == POINTER_VALUE)
			printf("null");
		else
			printf("%u", test->retvals[i].retval);
		printf(",\"retvalUnpriv\":%u,\"data\":", test->retvals[i].retval_unpriv);
		print_hex(test->retvals[i].data, sizeof(test->retvals[i].data));
		putchar('}');
	}
	putchar(']');
}

static void print_btf(const struct bpf_test *test)
{
	int words = 0;

	if (!test->btf_types[0])
		return;
	while (words < MAX_BTF_TYPES && test->btf_types[words] != BTF_END_RAW)
		words++;
	printf(",\"btfTypes\":");
	print_hex(test->btf_types, words * sizeof(test->btf_types[0]));
	printf(",\"btfStrings\":");
	print_hex(test->btf_strings, sizeof(test->btf_strings));
}

static void print_case(struct bpf_test *test, const char *file, int index)
{
	static const char *const results[] = { "undef", "accept", "reject", "verbose_accept" };
	const struct bpf_insn *insns = test->insns;
	int insn_cnt;

	if (test->fill_helper) {
		test->fill_insns = calloc(MAX_TEST_INSNS, sizeof(struct bpf_insn));
		test->fill_helper(test);
		insns = test->fill_insns;
		insn_cnt = test->prog_len;
	} else {
		insn_cnt = probe_filter_length(insns);
	}
	printf("{\"file\":");
	print_text(file);
	printf(",\"index\":%d,\"descr\":", index);
	print_text(test->descr);
	printf(",\"generated\":%s", test->fill_helper ? "true" : "false");
	printf(",\"progType\":%d,\"expectedAttachType\":%d,\"flags\":%d", test->prog_type,
	       test->expected_attach_type, test->flags);
	printf(",\"result\":\"%s\",\"resultUnpriv\":\"%s\",\"errstr\":", results[test->result],
	       results[test->result_unpriv]);
	print_text(test->errstr);
	printf(",\"errstrUnpriv\":");
	print_text(test->errstr_unpriv);
	printf(",\"insnProcessed\":%u,\"attachTo\":", test->insn_processed);
	print_text(test->kfunc);
	print_fixups(test);
	print_runs(test);
	if (test->func_info_cnt) {
		printf(",\"funcInfo\":");
		print_hex(test->func_info, test->func_info_cnt * sizeof(test->func_info[0]));
	}
	print_btf(test);
	print_pattern("expectedInsns", test->expected_insns, MAX_EXPECTED_INSNS);
	print_pattern("unexpectedInsns", test->unexpected_insns, MAX_UNEXPECTED_INSNS);
	printf(",\"insns\":");
	print_hex(insns, insn_cnt * sizeof(*insns));
	printf("}\n");
	free(test->fill_insns);
}

int main(void)
{
	const char *file = NULL;
	int index = 0;

	printf("{\"mapBtfTypes\":");
	print_hex(btf_raw_types, sizeof(btf_raw_types));
	printf(",\"mapBtfStrings\":");
	print_hex(btf_str_sec, sizeof(btf_str_sec));
	printf("}\n");
	/* The generators use rand(); without srand() they give the same programs each time. */
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		if (tests[i].descr[0] == 1)
			file = tests[i].descr + 1;
		else
			print_case(&tests[i], file, index++);
	}
	return 0;
}
