// SPDX-License-Identifier: Apache-2.0
/*
 * Play a tape of packet cases, and worse: `replay HOW TAPE`, where HOW is one of
 *   plain       each frame as it is
 *   truncate    before it, the frame cut off at every length
 *   lie         before it, the frame with each header byte and each offload fact changed, the header checksum right
 *   random      after it, random frames, half of them with honest headers
 * Prints how many frames were tried. Ends by a signal when an answer is none or a sanitizer objects.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tape.h"

enum {
	LIE_HEADERS = 14 + 20 + 40, /* bytes that a lie is told in: Ethernet, IPv4, transport or the start of a quote */
	RANDOM_FRAMES = 200,
	RANDOM_LENGTH = 200,
	PROTOCOL_AT = LB_ETH_HLEN + 9,
};

struct player {
	struct lb_datapath *datapath;
	struct tape_arrival arrival;
	const u8 *frame;
	u32 length;
	u64 tried;
	u64 seed;
};

static void play_try(struct player *player, const u8 *data, u32 length)
{
	struct lb_test_answer answer;

	tape_try(player->datapath, &player->arrival, data, length, &answer);
	player->tried++;
}

static u64 play_random(struct player *player)
{
	player->seed ^= player->seed << 13;
	player->seed ^= player->seed >> 7;
	player->seed ^= player->seed << 17;
	return player->seed;
}

static void play_truncated(struct player *player)
{
	for (u32 length = 0; length < player->length; length++)
		play_try(player, player->frame, length);
}

static void play_lies_in_headers(struct player *player)
{
	static const u8 lies[] = {0x00, 0x01, 0x0f, 0x40, 0x45, 0x4f, 0x7f, 0x80, 0xff};
	u32 end = player->length < LIE_HEADERS ? player->length : LIE_HEADERS;
	u8 *copy = malloc(player->length + 1);

	if (!copy)
		tape_fail("no memory");
	for (u32 at = 0; at < end; at++) {
		for (u32 i = 0; i < sizeof(lies) + 8; i++) {
			memcpy(copy, player->frame, player->length);
			copy[at] = i < sizeof(lies) ? lies[i] : copy[at] ^ (u8)(1 << (i - sizeof(lies)));
			tape_mend(copy, player->length);
			play_try(player, copy, player->length);
		}
	}
	free(copy);
}

static void play_lies_in_offload(struct player *player)
{
	static const u16 sizes[] = {0, 1, 7, 13, 14, 33, 34, 53, 54, 255, 1460, 0x7fff, 0xffff};
	static const u8 kinds[] = {0, 1, 3, 4, 5, 0x81, 0xff};
	const u32 many = sizeof(sizes) / sizeof(*sizes);
	struct tape_arrival honest = player->arrival;

	for (u32 i = 0; i < (size_t)many * many * sizeof(kinds); i++) {
		player->arrival.gso_type = kinds[i % sizeof(kinds)];
		player->arrival.gso_size = sizes[i / sizeof(kinds) % many];
		player->arrival.csum_start = sizes[i / sizeof(kinds) / many];
		player->arrival.csum_offset = sizes[(i * 7) % many];
		player->arrival.hdr_len = sizes[(i * 5) % many];
		player->arrival.flags = i & 3;
		play_try(player, player->frame, player->length);
	}
	player->arrival = honest;
}

static void play_random_frames(struct player *player)
{
	u8 frame[RANDOM_LENGTH];

	for (u32 i = 0; i < RANDOM_FRAMES; i++) {
		u32 length = play_random(player) % sizeof(frame), honest = 0;

		for (u32 at = 0; at < sizeof(frame); at++)
			frame[at] = (u8)play_random(player);
		if (i % 2 && player->length > PROTOCOL_AT)
			honest = PROTOCOL_AT + 1 + play_random(player) % 40;
		if (honest > length || honest > player->length)
			honest = 0;
		memcpy(frame, player->frame, honest);
		tape_mend(frame, length);
		play_try(player, frame, length);
	}
}

static void play_frame(struct player *player, const struct tape_record *record, const char *how)
{
	int fresh = record->kind == TAPE_FRAME;

	memcpy(&player->arrival, record->body, sizeof(player->arrival));
	player->frame = record->body + sizeof(player->arrival);
	player->length = record->length - sizeof(player->arrival);
	if (fresh && !strcmp(how, "truncate"))
		play_truncated(player);
	if (fresh && !strcmp(how, "lie")) {
		play_lies_in_headers(player);
		play_lies_in_offload(player);
	}
	play_try(player, player->frame, player->length);
	if (fresh && !strcmp(how, "random"))
		play_random_frames(player);
}

int main(int argc, char **argv)
{
	struct player player = {.seed = 0x9e3779b97f4a7c15};
	struct tape_record record;
	struct tape tape;

	if (argc != 3)
		tape_fail("usage: replay plain|truncate|lie|random TAPE");
	tape = tape_open(argv[2]);
	while (tape_next(&tape, &record)) {
		if (record.kind == TAPE_BEGIN) {
			lb_datapath_free(player.datapath);
			player.datapath = tape_datapath();
		} else if (record.kind == TAPE_FRAME || record.kind == TAPE_FRAME_AGAIN) {
			play_frame(&player, &record, argv[1]);
		} else {
			tape_steer(player.datapath, &record);
		}
	}
	lb_datapath_free(player.datapath);
	free(tape.bytes);
	printf("%llu\n", (unsigned long long)player.tried);
	return 0;
}
