// SPDX-License-Identifier: Apache-2.0
/*
 * A worker's loop: take a batch of frames from each ring, forward each, send what leaves, give the slots back.
 *
 * A worker owns its rings. Others ask it to open or close one through `rings_lock`, which the worker holds while it
 * works and not while it waits. It waits in poll() with a timeout, so that it notices requests and the end.
 */
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "conntable.h"
#include "ring.h"
#include "sender.h"

enum {
	LB_MAX_RINGS = 64,
	LB_POLL_MS = 50,
	LB_SWEEP_MS = 50, /* a slice; 20 of them make a round */
	LB_SWEEP_SLICES = 20,
	LB_LARGE_BUFFERS = 16,
};

struct lb_worker {
	struct lb_pool *pool;
	u32 number;
	pthread_t thread;
	pthread_mutex_t rings_lock;
	struct lb_ring ring[LB_MAX_RINGS];
	u32 rings;
	u32 large_used;
	u8 *large;
	struct lb_sender sender;
};

struct lb_pool {
	struct lb_datapath *datapath;
	u32 threads; /* that forward */
	struct lb_sweeper *sweeper;
	pthread_t sweeper_thread;
	int running;
	int stop;
	struct lb_worker worker[LB_MAX_WORKERS];
};

/* Hand a frame to the host's own stack, as one that it sent to itself. */
static int lb_worker_hand_in(struct lb_worker *worker, struct lb_ctx *ctx)
{
	struct lb_eth *eth = lb_at(ctx, 0, sizeof(*eth));
	struct lb_result result = lb_transmit(LB_REASON_LOCAL, LB_LOOPBACK, 0);

	if (!eth)
		return -1;
	memset(eth->dst, 0, LB_ETH_ALEN);
	memset(eth->src, 0, LB_ETH_ALEN);
	return lb_emit(ctx, &result, &worker->sender.sink);
}

static void lb_worker_forward(struct lb_worker *worker, struct lb_ctx *ctx, struct lb_ring_frame *frame)
{
	struct lb_result result;

	ctx->data = frame->data;
	ctx->end = ctx->high = frame->data + frame->length;
	ctx->low = frame->low;
	ctx->offload = frame->offload;
	ctx->outer.length = 0;
	result = lb_forward(ctx, lb_image(ctx));
	if (result.verdict == LB_TRANSMIT && lb_emit(ctx, &result, &worker->sender.sink))
		result.reason = LB_REASON_TX_FAILED;
	if (result.reason == LB_REASON_LOCAL && result.ifindex && lb_worker_hand_in(worker, ctx))
		result.reason = LB_REASON_TX_FAILED;
	ctx->worker->reasons[result.reason]++;
}

/* Send what is queued and let go of the memory that it lay in. */
static void lb_worker_flush(struct lb_worker *worker, struct lb_ctx *ctx, struct lb_ring *ring)
{
	u64 failed = worker->sender.failed;

	lb_sender_flush(&worker->sender);
	ctx->worker->reasons[LB_REASON_TX_FAILED] += worker->sender.failed - failed;
	worker->sender.arena_used = 0;
	worker->large_used = 0;
	lb_ring_release(ring);
}

/* Fetch a large frame from the socket. 0 when it could not be had, and is counted. */
static int lb_worker_large(struct lb_worker *worker, struct lb_ctx *ctx, struct lb_ring *ring,
			   struct lb_ring_frame *frame)
{
	u8 *buffer = worker->large + (size_t)worker->large_used * LB_LARGE_FRAME;

	if (frame->lost || lb_ring_large(ring, buffer, frame)) {
		ctx->worker->reasons[LB_REASON_RX_OVERSIZE]++;
		return 0;
	}
	worker->large_used++;
	return 1;
}

/* Forward up to a batch of frames from one ring; returns how many there were. */
static u32 lb_worker_drain(struct lb_worker *worker, struct lb_ctx *ctx, struct lb_ring *ring)
{
	struct lb_ring_frame frame;
	u32 count = 0;

	ctx->ifindex = ring->ifindex;
	while (count < LB_BATCH && lb_ring_next(ring, &frame)) {
		count++;
		if ((frame.large || frame.lost) && !lb_worker_large(worker, ctx, ring, &frame))
			continue;
		lb_worker_forward(worker, ctx, &frame);
		if (worker->large_used == LB_LARGE_BUFFERS || worker->sender.arena_used > LB_ARENA / 4)
			lb_worker_flush(worker, ctx, ring);
	}
	if (count)
		lb_worker_flush(worker, ctx, ring);
	return count;
}

/* One round over all rings; returns how many frames there were, and the descriptors to wait for. */
static u32 lb_worker_round(struct lb_worker *worker, struct pollfd *wait, u32 *waits)
{
	struct lb_datapath *datapath = worker->pool->datapath;
	struct lb_ctx ctx = {.datapath = datapath, .worker = &datapath->worker[worker->number], .now = lb_clock()};
	u32 count = 0;

	pthread_mutex_lock(&worker->rings_lock);
	ctx.image = lb_begin(datapath, worker->number);
	for (u32 i = 0; i < worker->rings; i++) {
		count += lb_worker_drain(worker, &ctx, &worker->ring[i]);
		wait[i] = (struct pollfd){.fd = worker->ring[i].fd, .events = POLLIN};
	}
	*waits = worker->rings;
	lb_end(datapath, worker->number);
	pthread_mutex_unlock(&worker->rings_lock);
	return count;
}

/* An interface that went down leaves an error on its socket, which would keep poll() from waiting. Take it off. */
static void lb_clear_errors(const struct pollfd *wait, u32 waits)
{
	int error;

	for (u32 i = 0; i < waits; i++) {
		socklen_t length = sizeof(error);

		if (wait[i].revents & POLLERR)
			getsockopt(wait[i].fd, SOL_SOCKET, SO_ERROR, &error, &length);
	}
}

static void *lb_worker_run(void *argument)
{
	struct lb_worker *worker = argument;
	struct pollfd wait[LB_MAX_RINGS];
	u32 waits;

	while (!__atomic_load_n(&worker->pool->stop, __ATOMIC_ACQUIRE)) {
		if (lb_worker_round(worker, wait, &waits))
			continue;
		if (poll(wait, waits, LB_POLL_MS) > 0)
			lb_clear_errors(wait, waits);
	}
	return NULL;
}

static void *lb_sweeper_run(void *argument)
{
	struct lb_pool *pool = argument;
	u32 slice = (pool->datapath->sets + LB_SWEEP_SLICES - 1) / LB_SWEEP_SLICES;

	while (!__atomic_load_n(&pool->stop, __ATOMIC_ACQUIRE)) {
		lb_sweep(pool->sweeper, slice, lb_clock());
		poll(NULL, 0, LB_SWEEP_MS);
	}
	return NULL;
}

static int lb_worker_open(struct lb_worker *worker, struct lb_pool *pool, u32 number)
{
	worker->pool = pool;
	worker->number = number;
	pthread_mutex_init(&worker->rings_lock, NULL);
	worker->large = malloc((size_t)LB_LARGE_BUFFERS * LB_LARGE_FRAME);
	return worker->large ? lb_sender_open(&worker->sender) : -ENOMEM;
}

struct lb_pool *lb_pool_new(struct lb_datapath *datapath, u32 threads)
{
	struct lb_pool *pool = calloc(1, sizeof(*pool));
	int failed = 0;

	if (!pool)
		return NULL;
	pool->datapath = datapath;
	pool->threads = threads;
	for (u32 i = 0; i < LB_MAX_WORKERS; i++)
		pool->worker[i].sender.fd = -1;
	pool->sweeper = lb_sweeper_new(datapath);
	for (u32 i = 0; i < threads && !failed; i++)
		failed = lb_worker_open(&pool->worker[i], pool, i);
	if (failed || !pool->sweeper) {
		lb_pool_free(pool);
		errno = failed ? -failed : ENOMEM;
		return NULL;
	}
	return pool;
}

/* Wait for the threads that were started; `count` workers, and the sweeper if all were. */
static void lb_pool_join(struct lb_pool *pool, u32 count, int sweeper)
{
	__atomic_store_n(&pool->stop, 1, __ATOMIC_RELEASE);
	for (u32 i = 0; i < count; i++)
		pthread_join(pool->worker[i].thread, NULL);
	if (sweeper)
		pthread_join(pool->sweeper_thread, NULL);
	pool->running = 0;
}

void lb_pool_free(struct lb_pool *pool)
{
	if (!pool)
		return;
	if (pool->running)
		lb_pool_join(pool, pool->threads, 1);
	for (u32 i = 0; i < pool->threads; i++) {
		struct lb_worker *worker = &pool->worker[i];

		for (u32 n = 0; n < worker->rings; n++)
			lb_ring_close(&worker->ring[n]);
		lb_sender_close(&worker->sender);
		free(worker->large);
	}
	lb_sweeper_free(pool->sweeper);
	free(pool);
}

int lb_pool_start(struct lb_pool *pool)
{
	char name[32];
	int failed = 0;

	for (u32 i = 0; i < pool->threads; i++) {
		failed = pthread_create(&pool->worker[i].thread, NULL, lb_worker_run, &pool->worker[i]);
		if (failed) {
			lb_pool_join(pool, i, 0);
			return -failed;
		}
		snprintf(name, sizeof(name), "worker/%u", i);
		pthread_setname_np(pool->worker[i].thread, name);
	}
	failed = pthread_create(&pool->sweeper_thread, NULL, lb_sweeper_run, pool);
	if (failed) {
		lb_pool_join(pool, pool->threads, 0);
		return -failed;
	}
	pthread_setname_np(pool->sweeper_thread, "sweeper");
	pool->running = 1;
	return 0;
}

static int lb_worker_find(const struct lb_worker *worker, u32 ifindex)
{
	for (u32 i = 0; i < worker->rings; i++)
		if (worker->ring[i].ifindex == ifindex)
			return (int)i;
	return -1;
}

static void lb_worker_drop_ring(struct lb_worker *worker, u32 ifindex)
{
	int at;

	pthread_mutex_lock(&worker->rings_lock);
	at = lb_worker_find(worker, ifindex);
	if (at >= 0) {
		lb_ring_close(&worker->ring[at]);
		worker->ring[at] = worker->ring[--worker->rings];
	}
	pthread_mutex_unlock(&worker->rings_lock);
}

int lb_pool_add_interface(struct lb_pool *pool, u32 ifindex, int filter_fd)
{
	int fanout = pool->threads > 1 ? LB_FANOUT_NEW : LB_FANOUT_NONE;

	if (lb_worker_find(&pool->worker[0], ifindex) >= 0)
		return -EEXIST;
	if (pool->worker[0].rings == LB_MAX_RINGS)
		return -ENOSPC;
	for (u32 i = 0; i < pool->threads; i++) {
		struct lb_worker *worker = &pool->worker[i];
		struct lb_ring ring;
		int failed = lb_ring_open(&ring, ifindex, filter_fd, &fanout);

		if (failed) {
			lb_pool_remove_interface(pool, ifindex);
			return failed;
		}
		pthread_mutex_lock(&worker->rings_lock);
		worker->ring[worker->rings++] = ring;
		pthread_mutex_unlock(&worker->rings_lock);
	}
	return 0;
}

int lb_pool_remove_interface(struct lb_pool *pool, u32 ifindex)
{
	if (lb_worker_find(&pool->worker[0], ifindex) < 0)
		return -ENOENT;
	for (u32 i = 0; i < pool->threads; i++)
		lb_worker_drop_ring(&pool->worker[i], ifindex);
	return 0;
}

u64 lb_pool_ring_drops(struct lb_pool *pool)
{
	u64 drops = 0;

	for (u32 i = 0; i < pool->threads; i++) {
		struct lb_worker *worker = &pool->worker[i];

		pthread_mutex_lock(&worker->rings_lock);
		for (u32 n = 0; n < worker->rings; n++)
			drops += lb_ring_drops(&worker->ring[n]);
		pthread_mutex_unlock(&worker->rings_lock);
	}
	return drops;
}
