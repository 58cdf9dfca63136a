// SPDX-License-Identifier: Apache-2.0
/* Rates, stepped from one reading of the counters to the next. */
#include "rates.h"

#include <stdlib.h>

#include "datapath.h"

enum {
	LB_TICK_SECONDS = 2,
	LB_WEIGHT_BITS = 2, /* a new reading weighs 1/4 */
};

static const u8 lb_fraction_bits[LB_COUNTED] = {10, 10, 5, 10, 5};

struct lb_rates {
	struct lb_rate services[LB_MAX_SERVICES];
	struct lb_rate dests[LB_MAX_DESTS];
};

struct lb_rates *lb_rates_new(void)
{
	return calloc(1, sizeof(struct lb_rates));
}

void lb_rates_free(struct lb_rates *rates)
{
	free(rates);
}

static void lb_totals(const struct lb_counters *counters, u64 totals[LB_COUNTED])
{
	totals[0] = counters->connections;
	totals[1] = counters->packets_in;
	totals[2] = counters->bytes_in;
	totals[3] = counters->packets_out;
	totals[4] = counters->bytes_out;
}

/* A counter that went back was cleared: all that it shows is new. What stands still is not written, so costs no page. */
static void lb_rate_step(struct lb_rate *rate, const struct lb_counters *counters)
{
	u64 totals[LB_COUNTED];

	lb_totals(counters, totals);
	for (int i = 0; i < LB_COUNTED; i++) {
		u64 before = rate->total[i];
		u64 growth = totals[i] >= before ? totals[i] - before : totals[i];
		s64 seen = (s64)((growth << lb_fraction_bits[i]) / LB_TICK_SECONDS);

		if (totals[i] == before && rate->scaled[i] == 0)
			continue;
		rate->total[i] = totals[i];
		rate->scaled[i] += (seen - rate->scaled[i]) >> LB_WEIGHT_BITS;
	}
}

static void lb_rate_begin(struct lb_rate *rate, const struct lb_counters *counters)
{
	*rate = (struct lb_rate){0};
	lb_totals(counters, rate->total);
}

void lb_rates_tick(struct lb_rates *rates, const struct lb_datapath *datapath, u32 services, u32 dests)
{
	for (u32 id = 0; id < services && id < LB_MAX_SERVICES; id++) {
		struct lb_counters counters = lb_datapath_service_counters(datapath, id);

		lb_rate_step(&rates->services[id], &counters);
	}
	for (u32 id = 0; id < dests && id < LB_MAX_DESTS; id++) {
		struct lb_counters counters = lb_datapath_dest_counters(datapath, id);

		lb_rate_step(&rates->dests[id], &counters);
	}
}

void lb_rates_begin_service(struct lb_rates *rates, const struct lb_datapath *datapath, u32 id)
{
	struct lb_counters counters = lb_datapath_service_counters(datapath, id);

	if (id < LB_MAX_SERVICES)
		lb_rate_begin(&rates->services[id], &counters);
}

void lb_rates_begin_dest(struct lb_rates *rates, const struct lb_datapath *datapath, u32 id)
{
	struct lb_counters counters = lb_datapath_dest_counters(datapath, id);

	if (id < LB_MAX_DESTS)
		lb_rate_begin(&rates->dests[id], &counters);
}

struct lb_rate lb_rates_service(const struct lb_rates *rates, u32 id)
{
	return id < LB_MAX_SERVICES ? rates->services[id] : (struct lb_rate){0};
}

struct lb_rate lb_rates_dest(const struct lb_rates *rates, u32 id)
{
	return id < LB_MAX_DESTS ? rates->dests[id] : (struct lb_rate){0};
}
