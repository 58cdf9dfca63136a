// SPDX-License-Identifier: Apache-2.0
/*
 * Play a tape once, then its last frame many times: `cost TAPE TIMES same|vary`. Valgrind counts the instructions; the
 * difference between two numbers of times is what the frames cost. `vary` gives each its own client port, so that it
 * opens a connection.
 */
#include <stdlib.h>
#include <string.h>

#include "tape.h"

enum {
	COST_SETS = 1 << 14,
	COST_FRAME = 2048,
	CLIENT_PORT_AT = LB_ETH_HLEN + 20,
};

static void cost_try(struct lb_datapath *datapath, const struct tape_record *record, u8 *frame)
{
	static u8 out[1 << 16];
	static struct lb_test_answer answer;
	struct tape_arrival arrival;
	struct lb_test_frame in;

	memcpy(&arrival, record->body, sizeof(arrival));
	in = (struct lb_test_frame){.data = frame,
				    .length = record->length - sizeof(arrival),
				    .ifindex = arrival.ifindex,
				    .flags = arrival.flags,
				    .gso_type = arrival.gso_type,
				    .gso_size = arrival.gso_size,
				    .hdr_len = arrival.hdr_len,
				    .csum_start = arrival.csum_start,
				    .csum_offset = arrival.csum_offset};
	if (lb_datapath_try(datapath, 0, &in, arrival.now, out, sizeof(out), &answer))
		tape_fail("a frame was not tried");
}

static int is_frame(const struct tape_record *record)
{
	return record->kind == TAPE_FRAME || record->kind == TAPE_FRAME_AGAIN;
}

static void take_frame(u8 *frame, const struct tape_record *record)
{
	u32 length = record->length - sizeof(struct tape_arrival);

	if (length > COST_FRAME)
		tape_fail("a frame too long for this");
	memcpy(frame, record->body + sizeof(struct tape_arrival), length);
}

int main(int argc, char **argv)
{
	struct lb_datapath *datapath = lb_datapath_new(COST_SETS, 1, 1);
	struct tape_record record, last = {0};
	u8 frame[COST_FRAME];
	struct tape tape;
	long times;

	if (argc != 4 || !datapath)
		tape_fail("usage: cost TAPE TIMES same|vary");
	tape = tape_open(argv[1]);
	times = strtol(argv[2], NULL, 10);
	while (tape_next(&tape, &record)) {
		if (is_frame(&record)) {
			take_frame(frame, &record);
			cost_try(datapath, &record, frame);
			last = record;
		} else {
			tape_steer(datapath, &record);
		}
	}
	take_frame(frame, &last);
	for (long i = 0; i < times; i++) {
		be16 port = lb_htons((u16)(1024 + i));

		if (!strcmp(argv[3], "vary"))
			memcpy(frame + CLIENT_PORT_AT, &port, sizeof(port));
		cost_try(datapath, &last, frame);
	}
	lb_datapath_free(datapath);
	free(tape.bytes);
	return 0;
}
