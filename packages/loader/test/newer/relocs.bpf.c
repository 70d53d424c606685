// SPDX-License-Identifier: MIT
// Relocations of kinds that came after Linux 5.6: they are the loader's work alone.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct {
	int pid;
	int tgid;
	int no_such_member;
};
struct task_struct___other {
	long pid;
};
struct no_such_type {
	int x;
};
#pragma clang attribute pop

enum tcp_ca_event___mine {
	CA_EVENT_COMPLETE_CWR___mine = 77,
	CA_EVENT_NOT_THERE___mine = 78,
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} results SEC(".maps");

static __always_inline void put(__u32 index, __u64 value)
{
	bpf_map_update_elem(&results, &index, &value, 0);
}

SEC("raw_tp/sys_enter")
int relocs(void *ctx)
{
	struct task_struct *task = 0;

	put(0, bpf_core_type_exists(struct task_struct));
	put(1, bpf_core_type_exists(struct no_such_type));
	put(2, bpf_core_type_size(struct task_struct) > 8);
	put(3, bpf_core_field_exists(task->pid));
	put(4, bpf_core_field_exists(task->no_such_member));
	put(5, bpf_core_field_size(task->pid));
	put(6, bpf_core_enum_value_exists(enum tcp_ca_event___mine, CA_EVENT_COMPLETE_CWR___mine));
	put(7, bpf_core_enum_value_exists(enum tcp_ca_event___mine, CA_EVENT_NOT_THERE___mine));
	if (bpf_core_enum_value_exists(enum tcp_ca_event___mine, CA_EVENT_COMPLETE_CWR___mine))
		put(8, bpf_core_enum_value(enum tcp_ca_event___mine, CA_EVENT_COMPLETE_CWR___mine));
	put(9, bpf_core_type_id_local(struct task_struct) != 0);
	put(10, bpf_core_type_id_kernel(struct task_struct) != 0);
	put(11, bpf_core_type_id_kernel(struct no_such_type));
	return 0;
}

char _license[] SEC("license") = "GPL";
