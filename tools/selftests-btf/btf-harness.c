// SPDX-License-Identifier: MIT
/*
 * Prints the BTF cases of a Linux source tree as JSON lines. Built against that tree at test time: the tree's own
 * prog_tests/btf.c is included for its tables and for its way of writing names; none of its tests runs.
 */
#include "test_progs.h"
/* The tree's word for a condition that must not hold; it prints, which is for the cases alone here. */
#undef _CHECK
#define _CHECK(condition, tag, duration, format...) (!!(condition))
#include "prog_tests/btf.c"
#include "print.h"

static void *make_btf(const __u32 *types, const char *strings, unsigned int string_bytes, unsigned int *size,
		      const char **rest)
{
	static const __u32 none[] = { BTF_END_RAW };

	return btf_raw_create(&hdr_tmpl, types ? types : none, strings, string_bytes, size, rest);
}

static void print_map(const struct btf_raw_test *test)
{
	print_field_text("mapName", test->map_name);
	print_field_number("mapType", test->map_type);
	print_field_number("keySize", test->key_size);
	print_field_number("valueSize", test->value_size);
	print_field_number("maxEntries", test->max_entries);
	print_field_number("keyTypeId", test->key_type_id);
	print_field_number("valueTypeId", test->value_type_id);
}

static void print_raw(const char *kind, size_t index, const struct btf_raw_test *test)
{
	unsigned int size = 0;
	struct btf_header *header = make_btf(test->raw_types, test->str_sec, test->str_sec_size, &size, NULL);

	if (!header)
		return;
	header->hdr_len += test->hdr_len_delta;
	header->type_off += test->type_off_delta;
	header->str_off += test->str_off_delta;
	header->str_len += test->str_len_delta;
	start_line(kind, index, test->descr);
	print_field_hex("btf", header, size);
	print_field_text("errStr", test->err_str);
	print_field_bool("loadFails", test->btf_load_err);
	print_field_bool("mapFails", test->map_create_err);
	print_map(test);
	print_field_bool("int128", test->mapv_kind == PPRINT_MAPV_KIND_INT128);
	printf("}\n");
	free(header);
}

static void print_info(size_t index, const struct prog_info_raw_test *test)
{
	unsigned int size = 0, line_bytes = 0;
	const char *rest = NULL;
	void *blob = make_btf(test->raw_types, test->str_sec, test->str_sec_size, &size, &rest);
	__u32 *lines;

	if (!blob)
		return;
	lines = patch_name_tbd(test->line_info, test->str_sec, rest - test->str_sec, test->str_sec_size, &line_bytes);
	start_line("info", index, test->descr);
	print_field_hex("btf", blob, size);
	print_field_text("errStr", test->err_str);
	print_field_bool("loadFails", test->expected_prog_load_failure);
	print_field_number("progType", test->prog_type);
	print_field_hex("insns", test->insns, probe_prog_length(test->insns) * sizeof(test->insns[0]));
	print_field_hex("funcInfo", test->func_info, sizeof(test->func_info));
	print_field_number("funcInfoRecSize", test->func_info_rec_size);
	print_field_number("funcInfoCnt", test->func_info_cnt);
	print_field_hex("lineInfo", lines, line_bytes);
	print_field_number("lineInfoRecSize", test->line_info_rec_size);
	print_field_number("ksyms", test->nr_jited_ksyms);
	print_field_number("deadLines", test->dead_code_cnt);
	print_field_number("deadLineMask", test->dead_code_mask);
	print_field_number("deadFuncs", test->dead_func_cnt);
	print_field_number("deadFuncMask", test->dead_func_mask);
	printf("}\n");
	free(blob);
}

static void print_dedup(size_t index, const struct btf_dedup_test *test)
{
	unsigned int size = 0, expected_size = 0;
	void *input = make_btf(test->input.raw_types, test->input.str_sec, test->input.str_sec_size, &size, NULL);
	void *expected = make_btf(test->expect.raw_types, test->expect.str_sec, test->expect.str_sec_size,
				  &expected_size, NULL);

	if (!input || !expected)
		return;
	start_line("dedup", index, test->descr);
	print_field_hex("btf", input, size);
	print_field_hex("expected", expected, expected_size);
	print_field_bool("forceCollisions", test->opts.force_collisions);
	printf("}\n");
	free(input);
	free(expected);
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(raw_tests); i++)
		print_raw("raw", i, &raw_tests[i]);
	for (size_t i = 0; i < ARRAY_SIZE(pprint_test_template); i++)
		print_raw("pprint", i, &pprint_test_template[i]);
	for (size_t i = 0; i < ARRAY_SIZE(info_raw_tests); i++)
		print_info(i, &info_raw_tests[i]);
	for (size_t i = 0; i < ARRAY_SIZE(dedup_tests); i++)
		print_dedup(i, &dedup_tests[i]);
	return 0;
}
