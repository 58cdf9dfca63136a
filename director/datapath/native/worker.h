/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of the `packet` data path: workers that forward, and a sweeper that expires connections.
 *
 * Each worker has a ring on every interface; a fanout group per interface spreads flows over the workers. No thread
 * holds Python's lock. Interfaces come and go while they run.
 */
#ifndef LB_WORKER_H
#define LB_WORKER_H

#include "datapath.h"

struct lb_pool;

/*
 * Threads for this data path: so many workers, and the sweeper; not running yet. With no workers, eBPF programs forward
 * and only the sweeper is needed. NULL and errno on failure.
 */
struct lb_pool *lb_pool_new(struct lb_datapath *datapath, u32 threads);

/* Stop the threads, close the rings, free it all. */
void lb_pool_free(struct lb_pool *pool);

/* 0 or negative errno. */
int lb_pool_start(struct lb_pool *pool);

/* Begin, or cease, to receive on an interface. `filter_fd`: see lb_ring_open(). 0 or negative errno (-EEXIST, -ENOENT). */
int lb_pool_add_interface(struct lb_pool *pool, u32 ifindex, int filter_fd);
int lb_pool_remove_interface(struct lb_pool *pool, u32 ifindex);

/* Frames lost because a ring was full, over all rings, since they were opened. */
u64 lb_pool_ring_drops(struct lb_pool *pool);

#endif
