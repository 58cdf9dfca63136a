// SPDX-License-Identifier: Apache-2.0
/* The data path's memory: made, borrowed, given back, reset and read. */
#include "datapath.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "host_user.h"
#include "image.h"
#include "sched.h"

#define LB_REASON_ROW(name, verdict, text) {#name, LB_##verdict, text},
static const struct {
	const char *name;
	int verdict;
	const char *text;
} lb_reason_rows[] = {LB_REASONS(LB_REASON_ROW)};
#undef LB_REASON_ROW

/* Zeroed memory that costs nothing until it is touched. */
static void *lb_region(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/*
 * Memory that is there at once, in huge pages where the kernel has them. The first touch of a page can take
 * milliseconds (the kernel looks for a huge one), and a worker that waits for it loses the frames of that time.
 */
static void *lb_populated_region(size_t size)
{
	void *at = lb_region(size);

	if (!at)
		return NULL;
	madvise(at, size, MADV_HUGEPAGE);
	if (madvise(at, size, MADV_POPULATE_WRITE)) /* Linux 5.14 */
		memset(at, 0, size);
	return at;
}

static void lb_unmap(void *at, size_t size)
{
	if (at)
		munmap(at, size);
}

static int lb_worker_state_new(struct lb_worker_state *worker)
{
	worker->services = lb_region(LB_MAX_SERVICES * sizeof(struct lb_counters));
	worker->dests = lb_region(LB_MAX_DESTS * sizeof(struct lb_counters));
	worker->reasons = lb_region(sizeof(struct lb_reason_counts));
	return worker->services && worker->dests && worker->reasons ? 0 : -ENOMEM;
}

struct lb_datapath *lb_datapath_new(u32 sets, u32 workers, u64 seed)
{
	struct lb_datapath *datapath;
	int failed = 0;

	if (sets == 0 || (sets & (sets - 1)) || workers == 0 || workers > LB_MAX_WORKERS) {
		errno = EINVAL;
		return NULL;
	}
	datapath = calloc(1, sizeof(*datapath));
	if (!datapath)
		return NULL;
	datapath->sets = sets;
	datapath->workers = workers;
	datapath->seed = seed;
	datapath->defence = &datapath->own_defence;
	datapath->image = lb_image_empty();
	datapath->conns = lb_populated_region((size_t)sets * LB_WAYS * sizeof(struct lb_conn));
	datapath->dests = lb_region(LB_MAX_DESTS * sizeof(struct lb_dest_state));
	datapath->services = lb_region(LB_MAX_SERVICES * sizeof(struct lb_service_state));
	for (u32 i = 0; i < workers; i++)
		failed |= lb_worker_state_new(&datapath->worker[i]);
	if (failed || !datapath->image || !datapath->conns || !datapath->dests || !datapath->services) {
		lb_datapath_free(datapath);
		errno = ENOMEM;
		return NULL;
	}
	datapath->conns[LB_CONN_NOBODY].control = LB_CONN_BUSY;
	return datapath;
}

struct lb_datapath *lb_datapath_over(const struct lb_maps *maps)
{
	struct lb_datapath *datapath;

	if (maps->cpus == 0 || maps->cpus > LB_MAX_WRITERS || (maps->sets & (maps->sets - 1))) {
		errno = EINVAL;
		return NULL;
	}
	datapath = calloc(1, sizeof(*datapath));
	if (!datapath)
		return NULL;
	datapath->borrowed = 1;
	datapath->limited = 1; /* by one before */
	datapath->sets = maps->sets;
	datapath->seed = maps->seed;
	datapath->workers = maps->cpus;
	datapath->conns = maps->conns;
	datapath->dests = maps->dests;
	datapath->services = maps->services;
	datapath->defence = maps->defence;
	datapath->image = lb_image_empty();
	for (u32 i = 0; i < maps->cpus; i++) {
		datapath->worker[i].dests = maps->dest_counts + (size_t)i * LB_MAX_DESTS;
		datapath->worker[i].services = maps->service_counts + (size_t)i * LB_MAX_SERVICES;
		datapath->worker[i].reasons = maps->reasons[i].of;
	}
	if (!datapath->image) {
		free(datapath);
		errno = ENOMEM;
		return NULL;
	}
	datapath->conns[LB_CONN_NOBODY].control = LB_CONN_BUSY;
	return datapath;
}

void lb_datapath_free(struct lb_datapath *datapath)
{
	if (!datapath)
		return;
	if (datapath->borrowed) {
		lb_image_free(datapath->image);
		free(datapath);
		return;
	}
	for (u32 i = 0; i < datapath->workers; i++) {
		lb_unmap(datapath->worker[i].services, LB_MAX_SERVICES * sizeof(struct lb_counters));
		lb_unmap(datapath->worker[i].dests, LB_MAX_DESTS * sizeof(struct lb_counters));
		lb_unmap(datapath->worker[i].reasons, sizeof(struct lb_reason_counts));
	}
	lb_unmap(datapath->services, LB_MAX_SERVICES * sizeof(struct lb_service_state));
	lb_unmap(datapath->dests, LB_MAX_DESTS * sizeof(struct lb_dest_state));
	lb_unmap(datapath->conns, (size_t)datapath->sets * LB_WAYS * sizeof(struct lb_conn));
	lb_image_free(datapath->image);
	free(datapath);
}

void lb_datapath_reset_service(struct lb_datapath *datapath, u32 id)
{
	if (id >= LB_MAX_SERVICES)
		return;
	__atomic_store_n(&datapath->services[id].cursor, 0, __ATOMIC_RELAXED);
	for (u32 i = 0; i < datapath->workers; i++)
		memset(&datapath->worker[i].services[id], 0, sizeof(struct lb_counters));
}

void lb_datapath_reset_dest(struct lb_datapath *datapath, u32 id)
{
	if (id >= LB_MAX_DESTS)
		return;
	memset(&datapath->dests[id], 0, sizeof(struct lb_dest_state));
	for (u32 i = 0; i < datapath->workers; i++)
		memset(&datapath->worker[i].dests[id], 0, sizeof(struct lb_counters));
}

void lb_datapath_zero(struct lb_datapath *datapath)
{
	for (u32 i = 0; i < datapath->workers; i++) {
		memset(datapath->worker[i].reasons, 0, sizeof(struct lb_reason_counts));
		memset(datapath->worker[i].services, 0, LB_MAX_SERVICES * sizeof(struct lb_counters));
		memset(datapath->worker[i].dests, 0, LB_MAX_DESTS * sizeof(struct lb_counters));
	}
}

void lb_datapath_wrr_changed(struct lb_datapath *datapath, u32 service, s32 gcd, s32 max)
{
	u64 *cursor, old;

	if (service >= LB_MAX_SERVICES)
		return;
	cursor = &datapath->services[service].cursor;
	do {
		old = __atomic_load_n(cursor, __ATOMIC_RELAXED);
	} while (!__sync_bool_compare_and_swap(cursor, old, lb_wrr_changed(old, gcd, max)));
}

static void lb_counters_add(struct lb_counters *sum, const struct lb_counters *counters)
{
	sum->connections += counters->connections;
	sum->packets_in += counters->packets_in;
	sum->bytes_in += counters->bytes_in;
	sum->packets_out += counters->packets_out;
	sum->bytes_out += counters->bytes_out;
}

struct lb_counters lb_datapath_service_counters(const struct lb_datapath *datapath, u32 id)
{
	struct lb_counters sum = {0};

	for (u32 i = 0; id < LB_MAX_SERVICES && i < datapath->workers; i++)
		lb_counters_add(&sum, &datapath->worker[i].services[id]);
	return sum;
}

struct lb_counters lb_datapath_dest_counters(const struct lb_datapath *datapath, u32 id)
{
	struct lb_counters sum = {0};

	for (u32 i = 0; id < LB_MAX_DESTS && i < datapath->workers; i++)
		lb_counters_add(&sum, &datapath->worker[i].dests[id]);
	return sum;
}

struct lb_dest_state lb_datapath_dest_state(const struct lb_datapath *datapath, u32 id)
{
	return id < LB_MAX_DESTS ? datapath->dests[id] : (struct lb_dest_state){0};
}

u64 lb_datapath_reason_count(const struct lb_datapath *datapath, u32 reason)
{
	u64 sum = 0;

	for (u32 i = 0; reason < LB_REASON_COUNT && i < datapath->workers; i++)
		sum += datapath->worker[i].reasons[reason];
	return sum;
}

const char *lb_reason_name(u32 reason)
{
	return reason < LB_REASON_COUNT ? lb_reason_rows[reason].name : NULL;
}

int lb_reason_verdict(u32 reason)
{
	return reason < LB_REASON_COUNT ? lb_reason_rows[reason].verdict : -1;
}

const char *lb_reason_text(u32 reason)
{
	return reason < LB_REASON_COUNT ? lb_reason_rows[reason].text : NULL;
}

u32 lb_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return lb_ms((u64)now.tv_sec * 1000000000 + (u64)now.tv_nsec);
}
