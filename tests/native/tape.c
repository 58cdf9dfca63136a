// SPDX-License-Identifier: Apache-2.0
/* See tape.h. */
#include "tape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "csum.h"

void tape_fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

struct tape tape_open(const char *path)
{
	struct tape tape = {0};
	FILE *file = fopen(path, "rb");
	long length;

	if (!file || fseek(file, 0, SEEK_END) || (length = ftell(file)) < 0)
		tape_fail("the tape can not be read");
	rewind(file);
	tape.length = (size_t)length;
	tape.bytes = malloc(tape.length + 1);
	if (!tape.bytes || fread(tape.bytes, 1, tape.length, file) != tape.length)
		tape_fail("the tape can not be read");
	fclose(file);
	return tape;
}

int tape_next(struct tape *tape, struct tape_record *record)
{
	if (tape->length - tape->at < 2 * sizeof(u32))
		return 0;
	memcpy(&record->kind, tape->bytes + tape->at, sizeof(u32));
	memcpy(&record->length, tape->bytes + tape->at + sizeof(u32), sizeof(u32));
	tape->at += 2 * sizeof(u32);
	if (record->length > tape->length - tape->at)
		tape_fail("the tape is cut off");
	record->body = tape->bytes + tape->at;
	tape->at += record->length;
	return 1;
}

struct lb_datapath *tape_datapath(void)
{
	struct lb_datapath *datapath = lb_datapath_new(TAPE_SETS, 1, 0x0123456789abcdef);

	if (!datapath)
		tape_fail("no memory for a data path");
	return datapath;
}

void tape_steer(struct lb_datapath *datapath, const struct tape_record *record)
{
	s32 change[3];

	if (record->kind == TAPE_SWAP && lb_datapath_swap(datapath, record->body, record->length))
		tape_fail("an image was refused");
	if (record->kind != TAPE_WRR)
		return;
	memcpy(change, record->body, sizeof(change));
	lb_datapath_wrr_changed(datapath, (u32)change[0], change[1], change[2]);
}

void tape_mend(u8 *frame, u32 length)
{
	u32 header = length > LB_ETH_HLEN ? (frame[LB_ETH_HLEN] & 0xf) * 4U : 0;
	u64 sum = 0;
	u16 word;

	if (header < sizeof(struct lb_ipv4) || LB_ETH_HLEN + header > length)
		return;
	memset(frame + LB_ETH_HLEN + 10, 0, sizeof(word));
	for (u32 at = 0; at < header; at += sizeof(word)) {
		memcpy(&word, frame + LB_ETH_HLEN + at, sizeof(word));
		sum += word;
	}
	word = ~lb_csum_fold(sum);
	memcpy(frame + LB_ETH_HLEN + 10, &word, sizeof(word));
}

static void tape_hold_ipv6(const u8 *frame, u32 length)
{
	struct lb_ipv6 ip;

	if (length < LB_ETH_HLEN + sizeof(ip))
		tape_fail("a frame left that is shorter than its headers");
	memcpy(&ip, frame + LB_ETH_HLEN, sizeof(ip));
	if (lb_ntohs(ip.payload_length) != length - LB_ETH_HLEN - sizeof(ip))
		tape_fail("a frame left whose length is not the packet's");
}

/* What leaves must be an IP frame that says its own length, IPv4's with a right header checksum. */
static void tape_hold_frame(const u8 *frame, u32 length)
{
	struct lb_ipv4 ip;
	u64 sum = 0;
	u16 word;

	if (length < LB_ETH_HLEN + sizeof(ip))
		tape_fail("a frame left that is shorter than its headers");
	memcpy(&ip, frame + LB_ETH_HLEN, sizeof(ip));
	if (ip.version_ihl >> 4 == 6) {
		tape_hold_ipv6(frame, length);
		return;
	}
	if (lb_ntohs(ip.total_length) != length - LB_ETH_HLEN)
		tape_fail("a frame left whose length is not the packet's");
	for (u32 at = 0; at < (u32)(ip.version_ihl & 0xf) * 4; at += sizeof(word)) {
		memcpy(&word, frame + LB_ETH_HLEN + at, sizeof(word));
		sum += word;
	}
	if (lb_csum_fold(sum) != 0xffff)
		tape_fail("a frame left with a wrong header checksum");
}

static void tape_hold(const struct lb_datapath *datapath, const struct lb_test_answer *answer, const u8 *out,
		      u64 before)
{
	if (answer->reason >= LB_REASON_COUNT || lb_reason_verdict(answer->reason) != (int)answer->verdict)
		tape_fail("a verdict that is not its reason's");
	if (lb_datapath_reason_count(datapath, answer->reason) == 0)
		tape_fail("a reason that was not counted");
	for (u32 reason = 0; reason < LB_REASON_COUNT; reason++)
		before -= lb_datapath_reason_count(datapath, reason);
	if (before != (u64)-1)
		tape_fail("a frame that was not counted once");
	if (answer->verdict == LB_TRANSMIT && (answer->frames == 0 || answer->ifindex == 0))
		tape_fail("a frame that leaves by no interface");
	for (u32 i = 0; i < answer->frames; i++) {
		tape_hold_frame(out, answer->out[i].length);
		out += answer->out[i].length;
	}
}

void tape_try(struct lb_datapath *datapath, const struct tape_arrival *arrival, const u8 *data, u32 length,
	      struct lb_test_answer *answer)
{
	static u8 out[TAPE_OUT];
	struct lb_test_frame frame = {
	    .data = data,
	    .length = length,
	    .ifindex = arrival->ifindex,
	    .flags = arrival->flags,
	    .gso_type = arrival->gso_type,
	    .gso_size = arrival->gso_size,
	    .hdr_len = arrival->hdr_len,
	    .csum_start = arrival->csum_start,
	    .csum_offset = arrival->csum_offset,
	};
	u64 before = 0;

	for (u32 reason = 0; reason < LB_REASON_COUNT; reason++)
		before += lb_datapath_reason_count(datapath, reason);
	if (lb_datapath_try(datapath, 0, &frame, arrival->now, out, sizeof(out), answer))
		tape_fail("a frame was not tried");
	tape_hold(datapath, answer, out, before);
}
