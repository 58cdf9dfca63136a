// SPDX-License-Identifier: Apache-2.0
/* One frame at a time: see try.h. The buffer ends where the frame does, so that a read past it is a read past malloc. */
#include "try.h"

#include <errno.h>
#include <stdlib.h>

#include "emit.h"

struct lb_try_sink {
	struct lb_sink sink;
	struct lb_test_answer *answer;
	u8 *lent[LB_TRY_FRAMES];
	u32 lents;
	u8 *out;
	size_t room;
};

static u8 *lb_try_room(struct lb_sink *sink, u32 size)
{
	struct lb_try_sink *try = (struct lb_try_sink *)sink;

	if (try->lents == LB_TRY_FRAMES)
		return NULL;
	try->lent[try->lents] = malloc(size);
	return try->lent[try->lents] ? try->lent[try->lents++] : NULL;
}

static int lb_try_take(struct lb_sink *sink, u32 ifindex, u8 *frame, u32 length, const struct virtio_net_hdr *offload)
{
	struct lb_try_sink *try = (struct lb_try_sink *)sink;
	struct lb_test_answer *answer = try->answer;

	if (answer->frames == LB_TRY_FRAMES || try->room < length)
		return -ENOSPC;
	answer->ifindex = ifindex;
	answer->out[answer->frames++] = (struct lb_test_out){
	    .length = length,
	    .flags = offload->flags,
	    .gso_type = offload->gso_type,
	    .gso_size = offload->gso_size,
	    .csum_start = offload->csum_start,
	    .csum_offset = offload->csum_offset,
	};
	memcpy(try->out, frame, length);
	try->out += length;
	try->room -= length;
	return 0;
}

static void lb_try_run(struct lb_ctx *ctx, struct lb_try_sink *try)
{
	struct lb_test_answer *answer = try->answer;
	struct lb_result result = lb_forward(ctx, lb_image(ctx));

	if (result.verdict == LB_TRANSMIT && lb_emit(ctx, &result, &try->sink))
		result = lb_drop(LB_REASON_TX_FAILED);
	ctx->worker->reasons[result.reason]++;
	answer->verdict = result.verdict;
	answer->reason = result.reason;
}

int lb_datapath_try(struct lb_datapath *datapath, u32 worker, const struct lb_test_frame *in, u64 now_ms, u8 *out,
		    size_t size, struct lb_test_answer *answer)
{
	struct lb_try_sink try = {.sink = {lb_try_room, lb_try_take}, .answer = answer, .out = out, .room = size};
	u8 *buffer;
	struct lb_ctx ctx = {
	    .ifindex = in->ifindex,
	    .now = (u32)now_ms,
	    .offload = {.flags = in->flags,
			.gso_type = in->gso_type,
			.gso_size = in->gso_size,
			.hdr_len = in->hdr_len,
			.csum_start = in->csum_start,
			.csum_offset = in->csum_offset},
	    .datapath = datapath,
	};

	if (in->length > LB_TRY_LENGTH || worker >= datapath->workers)
		return -EINVAL;
	buffer = malloc(LB_HEADROOM + in->length);
	if (!buffer)
		return -ENOMEM;
	memset(answer, 0, sizeof(*answer));
	memcpy(buffer + LB_HEADROOM, in->data, in->length);
	ctx.low = buffer;
	ctx.data = buffer + LB_HEADROOM;
	ctx.end = ctx.high = ctx.data + in->length;
	ctx.worker = &datapath->worker[worker];
	ctx.image = lb_begin(datapath, worker);
	lb_try_run(&ctx, &try);
	lb_end(datapath, worker);
	for (u32 i = 0; i < try.lents; i++)
		free(try.lent[i]);
	free(buffer);
	return 0;
}
