/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `packet` data path's memory: the table image in force, the connection table, the state region, and per worker
 * the counters. Made and freed here (datapath.c); read by Python through native.cdef.h.
 */
#ifndef LB_DATAPATH_H
#define LB_DATAPATH_H

#include <stddef.h>

#include "reason.h"
#include "shared.h"
#include "state.h"

struct lb_conn;
struct lb_ctx;

enum {
	LB_MAX_WORKERS = 16,	     /* threads of `packet` */
	LB_MAX_WRITERS = 512,	     /* of counters: those threads, or CPUs that run the eBPF programs */
	LB_VISITOR = LB_MAX_WRITERS, /* who holds an image for a while and forwards nothing */
	LB_DROP_PACKETS = 9,
	LB_HEADROOM = 64, /* bytes before a received frame: an ICMP error's headers or a tunnel's */
};

/* An image in force. `bytes` is 64-byte aligned and is freed when no worker can still hold it. */
struct lb_image {
	const u8 *bytes;
	u32 lines;
};

/* Written by one worker (or CPU) alone; `epoch` is odd while it works on a batch of frames. */
struct lb_worker_state {
	u64 *reasons; /* LB_REASON_ROOM of them */
	struct lb_counters *services;
	struct lb_counters *dests;
	u64 epoch;
	u64 drawn; /* random numbers so far */
	u16 ip_id;
};

struct lb_datapath {
	struct lb_image *image;
	struct lb_conn *conns;
	u32 sets; /* a power of two */
	u32 workers;
	u64 seed;
	u64 icmp_bucket;
	u32 crowded_until; /* see crowd.h */
	struct lb_defence *defence;
	struct lb_defence own_defence;
	u32 drop_turn[LB_DROP_PACKETS]; /* by packets in, see defence.c */
	struct lb_dest_state *dests;
	struct lb_service_state *services;
	struct lb_worker_state worker[LB_MAX_WRITERS + 1];
	int limited;  /* a destination may have thresholds */
	int borrowed; /* the tables are maps of eBPF programs, and not ours to give back */
};

/* Make a data path with an empty image. NULL and errno on failure (EINVAL: sets no power of two, or workers). */
struct lb_datapath *lb_datapath_new(u32 sets, u32 workers, u64 seed);

/*
 * Tables that eBPF programs use, mapped into memory: sets of the connection table (its places 0 to sets * LB_WAYS), and
 * the state region with counters of `cpus` CPUs one after the other.
 */
struct lb_maps {
	struct lb_conn *conns;
	u32 sets;
	u32 cpus;
	u64 seed;
	struct lb_dest_state *dests;
	struct lb_service_state *services;
	struct lb_counters *dest_counts;
	struct lb_counters *service_counts;
	struct lb_reason_counts *reasons;
	struct lb_defence *defence;
};

/* A data path over such tables, which stay their owner's. The image that lb_datapath_swap() is given is a copy. */
struct lb_datapath *lb_datapath_over(const struct lb_maps *maps);

/* Free it; no worker may be running. */
void lb_datapath_free(struct lb_datapath *datapath);

/*
 * Put a copy of this image in force, whole and at once; waits until no worker holds the old one, then frees that.
 * 0, -EINVAL for what is no image, -ENOMEM.
 */
int lb_datapath_swap(struct lb_datapath *datapath, const void *bytes, size_t length);

/* Forget what was known of an id that is given out anew. */
void lb_datapath_reset_service(struct lb_datapath *datapath, u32 id);
void lb_datapath_reset_dest(struct lb_datapath *datapath, u32 id);

/* Set all counters of services, destinations and reasons to zero; active and inactive counts stay. */
void lb_datapath_zero(struct lb_datapath *datapath);

/* Carry out one change of a service's destination list on its wrr cursor (see lb_wrr_changed). */
void lb_datapath_wrr_changed(struct lb_datapath *datapath, u32 service, s32 gcd, s32 max);

/* The workers' counters, added up. Zeros for an id out of range. */
struct lb_counters lb_datapath_service_counters(const struct lb_datapath *datapath, u32 id);
struct lb_counters lb_datapath_dest_counters(const struct lb_datapath *datapath, u32 id);
struct lb_dest_state lb_datapath_dest_state(const struct lb_datapath *datapath, u32 id);
u64 lb_datapath_reason_count(const struct lb_datapath *datapath, u32 reason);

/* The table of reasons: name, verdict (enum lb_verdict) and sentence; NULL, -1, NULL past its end. */
const char *lb_reason_name(u32 reason);
int lb_reason_verdict(u32 reason);
const char *lb_reason_text(u32 reason);

/* Milliseconds of the monotonic clock, cut to 32 bits: the data path's time. */
u32 lb_clock(void);

/* A worker's batch begins and ends: between them it may hold the image that lb_begin() gave it. */
const struct lb_image *lb_begin(struct lb_datapath *datapath, u32 worker);
void lb_end(struct lb_datapath *datapath, u32 worker);

#endif
