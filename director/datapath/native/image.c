// SPDX-License-Identifier: Apache-2.0
/*
 * Table images in user space: copies, and the swap.
 *
 * An image is published by one pointer store. Workers take the pointer once per batch, and count an epoch up before
 * and after: odd means "in a batch". The swap waits until each worker has been seen outside a batch or in a later one.
 */
#include "image.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "host_user.h"

void lb_image_free(struct lb_image *image)
{
	if (image)
		free((void *)image->bytes);
	free(image);
}

/* Copy an image into aligned memory of its own. NULL without memory. */
static struct lb_image *lb_image_new(const void *bytes, size_t length)
{
	struct lb_image *image = calloc(1, sizeof(*image));
	u8 *copy = aligned_alloc(LB_LINE, length);

	if (!image || !copy) {
		free(image);
		free(copy);
		return NULL;
	}
	memcpy(copy, bytes, length);
	image->bytes = copy;
	image->lines = length / LB_LINE;
	return image;
}

struct lb_image *lb_image_empty(void)
{
	struct lb_image_header header = {.magic = LB_IMAGE_MAGIC, .version = LB_IMAGE_VERSION, .lines = 3};
	u8 lines[3 * LB_LINE] = {0}; /* the header, options, and one empty slot of the services' hash */

	header.options = 1;
	header.service_first = 2;
	memcpy(lines, &header, sizeof(header));
	return lb_image_new(lines, sizeof(lines));
}

static int lb_image_check(const void *bytes, size_t length)
{
	struct lb_image_header header;

	if (length < LB_LINE || length % LB_LINE)
		return -EINVAL;
	memcpy(&header, bytes, sizeof(header));
	if (header.magic != LB_IMAGE_MAGIC || header.version != LB_IMAGE_VERSION ||
	    (size_t)header.lines * LB_LINE != length || (header.service_mask & (header.service_mask + 1)))
		return -EINVAL;
	return 0;
}

/* Count the lines that the options and the mark rules name from the array's first on. */
static void lb_options_place(struct lb_image_header *header, u32 first)
{
	struct lb_options *options = (void *)(header + header->options);
	struct lb_mark *marks = (void *)(header + options->marks_first);

	for (u32 i = 0; i < options->marks_count; i++)
		marks[i].service += marks[i].service ? first : 0;
	options->marks_first += first;
	options->limits_first += first;
	options->servers_first += first;
	header->options += first;
}

void lb_image_place(void *array, u32 first, const void *bytes, size_t length)
{
	struct lb_image_header *header = (void *)((u8 *)array + (size_t)first * LB_LINE);
	struct lb_service *service;

	memcpy(header, bytes, length);
	lb_options_place(header, first);
	for (u32 slot = 0; slot <= header->service_mask && header->service_first + slot < header->lines; slot++) {
		service = (struct lb_service *)(header + header->service_first + slot);
		service->list_first += first;
		service->lookup_first += first;
		service->stateless_first += first;
		service->details += service->details ? first : 0;
	}
	header->service_first += first;
	header->dest_first += first;
	header->timeouts_first += first;
	header->links_first += first;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Wait until no worker can still hold what was taken back before this call. A batch lasts far below a millisecond. */
static void lb_quiesce_one(const struct lb_worker_state *worker)
{
	u64 seen = __atomic_load_n(&worker->epoch, __ATOMIC_SEQ_CST);

	while ((seen & 1) && __atomic_load_n(&worker->epoch, __ATOMIC_SEQ_CST) == seen)
		sched_yield();
}

static void lb_quiesce(struct lb_datapath *datapath)
{
	for (u32 i = 0; i < datapath->workers; i++)
		lb_quiesce_one(&datapath->worker[i]);
	lb_quiesce_one(&datapath->worker[LB_VISITOR]);
}

/* The index of a destination in a service's list, or the list's length. */
static u32 lb_list_find(struct lb_ctx *ctx, const struct lb_service *service, u32 id)
{
	for (u32 i = 0; i < service->dest_count; i++) {
		const struct lb_list_item *item = lb_list_item(ctx, service, i);

		if (item && item->id == id)
			return i;
	}
	return service->dest_count;
}

static const struct lb_service *lb_service_of(struct lb_ctx *ctx, u32 id)
{
	const struct lb_image_header *header = lb_image_line(ctx, 0);

	for (u32 slot = 0; header && slot <= header->service_mask; slot++) {
		const struct lb_service *service = lb_image_line(ctx, header->service_first + slot);

		if (service && service->family && service->id == id)
			return service;
	}
	return NULL;
}

/*
 * rr goes on with the one that followed its last choice, also when that one is gone. So its cursor steps back to the
 * nearest one before it in the old list that stayed, as kernel IPVS's does at each deletion.
 */
static void lb_rr_carry(struct lb_ctx *old, struct lb_ctx *fresh, const struct lb_service *service)
{
	u64 *cursor = &fresh->datapath->services[service->id].cursor;
	u64 seen = __atomic_load_n(cursor, __ATOMIC_RELAXED), moved = 0;
	u32 last = lb_cursor_low(seen), i;
	const struct lb_service *before;

	if (last == 0 || lb_list_find(fresh, service, last) < service->dest_count)
		return;
	before = lb_service_of(old, service->id);
	i = before ? lb_list_find(old, before, last) : 0;
	if (!before || i == before->dest_count)
		return;
	while (i-- > 0 && moved == 0) {
		u32 id = lb_list_item(old, before, i)->id;
		u32 at = lb_list_find(fresh, service, id);

		if (at < service->dest_count)
			moved = lb_cursor(id, at);
	}
	__sync_bool_compare_and_swap(cursor, seen, moved);
}

/* Note that's O(destinations), of the services by rr only. */
static void lb_carry_cursors(struct lb_datapath *datapath, const struct lb_image *from, const struct lb_image *to)
{
	struct lb_ctx old = {.image = from, .datapath = datapath}, fresh = {.image = to, .datapath = datapath};
	const struct lb_image_header *header = lb_image_line(&fresh, 0);

	for (u32 slot = 0; header && slot <= header->service_mask; slot++) {
		const struct lb_service *service = lb_image_line(&fresh, header->service_first + slot);

		if (service && service->family && service->id < LB_MAX_SERVICES && service->scheduler == LB_RR)
			lb_rr_carry(&old, &fresh, service);
	}
}

/* Give a destination its thresholds. When they are raised or taken away, it may have connections again. */
static void lb_set_limit(struct lb_dest_state *state, u32 upper, u32 lower)
{
	if (upper == 0 || upper > state->upper)
		__sync_fetch_and_and(&state->flags, ~(u32)LB_DEST_OVERLOAD);
	__atomic_store_n(&state->upper, upper, __ATOMIC_RELAXED);
	__atomic_store_n(&state->lower, lower, __ATOMIC_RELAXED);
}

static const struct lb_limit *lb_limit_at(struct lb_ctx *ctx, const struct lb_options *options, u32 place)
{
	const struct lb_limit *limits = lb_image_line(ctx, options->limits_first + place / LB_LIMITS_PER_LINE);

	return limits && place < options->limits_count ? &limits[place % LB_LIMITS_PER_LINE] : NULL;
}

/*
 * Put the image's thresholds where connections are counted. A deleted destination keeps its own: it may be added again.
 * Note that's O(destinations), once any of them had thresholds.
 */
static void lb_carry_limits(struct lb_datapath *datapath, const struct lb_image *image)
{
	struct lb_ctx ctx = {.image = image, .datapath = datapath};
	const struct lb_image_header *header = lb_image_line(&ctx, 0);
	const struct lb_options *options = lb_options(&ctx, header);
	const struct lb_limit *limit;
	u32 place = 0;

	if (!options || !(datapath->limited |= options->limits_count != 0))
		return;
	for (u32 id = 1; id < header->dest_count && id < LB_MAX_DESTS; id++) {
		const struct lb_dest *dest = lb_dest_at(&ctx, header, id);

		if (!dest || !(dest->flags & LB_DEST_PRESENT))
			continue;
		limit = lb_limit_at(&ctx, options, place);
		if (limit && limit->id == id) {
			lb_set_limit(&datapath->dests[id], limit->upper, limit->lower);
			place++;
		} else if (datapath->dests[id].upper) {
			lb_set_limit(&datapath->dests[id], 0, 0);
		}
	}
}

int lb_datapath_swap(struct lb_datapath *datapath, const void *bytes, size_t length)
{
	struct lb_image *fresh, *old;

	if (lb_image_check(bytes, length))
		return -EINVAL;
	fresh = lb_image_new(bytes, length);
	if (!fresh)
		return -ENOMEM;
	old = __atomic_exchange_n(&datapath->image, fresh, __ATOMIC_SEQ_CST);
	lb_carry_cursors(datapath, old, fresh);
	lb_carry_limits(datapath, fresh);
	lb_quiesce(datapath);
	lb_image_free(old);
	return 0;
}

const struct lb_image *lb_begin(struct lb_datapath *datapath, u32 worker)
{
	__atomic_add_fetch(&datapath->worker[worker].epoch, 1, __ATOMIC_SEQ_CST);
	return __atomic_load_n(&datapath->image, __ATOMIC_SEQ_CST);
}

void lb_end(struct lb_datapath *datapath, u32 worker)
{
	__atomic_add_fetch(&datapath->worker[worker].epoch, 1, __ATOMIC_SEQ_CST);
}
