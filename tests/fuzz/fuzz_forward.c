// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer's way into lb_forward(): an input is the number of an image and a sequence of frames with what a sender
 * claims of them. The images come from a tape (tests/native/tape.h) that FUZZ_TAPE names. Each input begins with an
 * empty connection table. A frame may ask for its IP checksum to be mended: few mutations would get further without.
 */
#include <stdlib.h>
#include <string.h>

#include "conntable.h"
#include "tape.h"

enum {
	FUZZ_IMAGES = 256,
	FUZZ_MEND = 0x80, /* in the flags, beside virtio_net_hdr's */
	FUZZ_PAUSE_MS = 500,
	FUZZ_LENGTH_MAX = 4096,
	FUZZ_A_LONG_TIME = 1000000,
};

struct fuzz_frame {
	u8 pause;
	u8 ifindex;
	u8 flags;
	u8 gso_type;
	u16 gso_size;
	u16 hdr_len;
	u16 csum_start;
	u16 csum_offset;
	u16 length;
} LB_WIRE;
_Static_assert(sizeof(struct fuzz_frame) == 14, "as test_fuzz.py packs it");

static struct tape fuzz_tape;
static struct lb_datapath *fuzz_datapaths[FUZZ_IMAGES];
static u32 fuzz_images;
static u64 fuzz_now = FUZZ_A_LONG_TIME;

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* One data path for each BEGIN on the tape. */
static void fuzz_begin(void)
{
	const char *path = getenv("FUZZ_TAPE");
	struct tape_record record;

	fuzz_tape = tape_open(path ? path : "");
	while (tape_next(&fuzz_tape, &record)) {
		if (record.kind == TAPE_BEGIN && fuzz_images == FUZZ_IMAGES)
			break;
		if (record.kind == TAPE_BEGIN)
			fuzz_datapaths[fuzz_images++] = tape_datapath();
		else if (fuzz_images > 0)
			tape_steer(fuzz_datapaths[fuzz_images - 1], &record);
	}
	if (fuzz_images == 0)
		tape_fail("no image on the tape");
}

static void fuzz_one(struct lb_datapath *datapath, const struct fuzz_frame *head, const u8 *bytes, u32 length)
{
	struct tape_arrival arrival = {
	    .now = fuzz_now,
	    .ifindex = head->ifindex ? head->ifindex : 1, /* no frame comes in by none */
	    .flags = head->flags & ~FUZZ_MEND,
	    .gso_type = head->gso_type,
	    .gso_size = head->gso_size,
	    .hdr_len = head->hdr_len,
	    .csum_start = head->csum_start,
	    .csum_offset = head->csum_offset,
	};
	struct lb_test_answer answer;
	u8 frame[FUZZ_LENGTH_MAX];

	memcpy(frame, bytes, length);
	if (head->flags & FUZZ_MEND)
		tape_mend(frame, length);
	tape_try(datapath, &arrival, frame, length, &answer);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct lb_conn_query every = {0};
	struct lb_datapath *datapath;
	struct fuzz_frame head;

	if (fuzz_images == 0)
		fuzz_begin();
	if (size == 0)
		return 0;
	datapath = fuzz_datapaths[*data++ % fuzz_images];
	size--;
	while (size >= sizeof(head)) {
		u32 length;

		memcpy(&head, data, sizeof(head));
		data += sizeof(head);
		size -= sizeof(head);
		length = head.length < size ? head.length : (u32)size;
		if (length > FUZZ_LENGTH_MAX)
			length = FUZZ_LENGTH_MAX;
		fuzz_now += (u64)head.pause * FUZZ_PAUSE_MS;
		fuzz_one(datapath, &head, data, length);
		data += length;
		size -= length;
	}
	fuzz_now += FUZZ_A_LONG_TIME;
	lb_conns_end(datapath, &every, (u32)fuzz_now);
	return 0;
}
