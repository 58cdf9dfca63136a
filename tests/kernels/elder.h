/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stand-ins for what eBPF got in Linux 5.11 and 5.12, so that an elder verifier can look at the rest; see elder.py.
 * They are no atomic operations: good for one packet at a time.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define __sync_bool_compare_and_swap(word, from, to)                                                                   \
	({                                                                                                             \
		volatile typeof(*(word)) *word_ = (word);                                                              \
		int same_ = *word_ == (from);                                                                          \
		if (same_)                                                                                             \
			*word_ = (to);                                                                                 \
		same_;                                                                                                 \
	})
#define __sync_lock_test_and_set(word, to) (*(volatile typeof(*(word)) *)(word) = (to))
#define __sync_fetch_and_add(word, by)                                                                                 \
	({                                                                                                             \
		volatile typeof(*(word)) *word_ = (word);                                                              \
		typeof(*(word)) old_ = *word_;                                                                         \
		*word_ = old_ + (by);                                                                                  \
		old_;                                                                                                  \
	})
#define bpf_ktime_get_coarse_ns bpf_ktime_get_ns
