/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates from counters, by kernel IPVS's estimator: the compiled form of director/stats.py, which says what it is. Here,
 * because a full table has a hundred thousand destinations to be stepped every two seconds. Called by one thread at a
 * time; workers go on counting meanwhile.
 */
#ifndef LB_RATES_H
#define LB_RATES_H

#include "state.h"

struct lb_datapath;
struct lb_rates;

enum {
	LB_COUNTED = 5, /* counters of struct lb_counters, from its first on */
};

/* Of each counter the total at the last tick, and the rate: 1/1024 of a connection or packet, 1/32 of a byte a second. */
struct lb_rate {
	u64 total[LB_COUNTED];
	s64 scaled[LB_COUNTED];
};

/* NULL without memory. */
struct lb_rates *lb_rates_new(void);
void lb_rates_free(struct lb_rates *rates);

/* Take the readings that are due, of the ids below these. */
void lb_rates_tick(struct lb_rates *rates, const struct lb_datapath *datapath, u32 services, u32 dests);

/* Begin at rate 0 with what is counted now. */
void lb_rates_begin_service(struct lb_rates *rates, const struct lb_datapath *datapath, u32 id);
void lb_rates_begin_dest(struct lb_rates *rates, const struct lb_datapath *datapath, u32 id);

/* Zeros for an id out of range. */
struct lb_rate lb_rates_service(const struct lb_rates *rates, u32 id);
struct lb_rate lb_rates_dest(const struct lb_rates *rates, u32 id);

#endif
