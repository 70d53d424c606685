// SPDX-License-Identifier: MIT
/*
 * In place of the tree's header of this name: its programs ask for a socket's options on the way, which programs of v5.6
 * cannot. Without it they do the rest of their work.
 */
static inline int get_set_sk_priority(void *ctx)
{
	return 1;
}
