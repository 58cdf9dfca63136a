/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 64-byte UDP frame (60 without its check sequence) that both generators send, flood.c over a packet socket and
 * frames.bpf.c from within the kernel. Knows nothing of either: no socket, no helper.
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <linux/types.h>
#include <bpf/bpf_endian.h>

enum {
	FRAME_PAYLOAD = 18,
	FRAME_IPV4 = 0x0800,
	FRAME_UDP = 17,
	FRAME_FIRST_PORT = 1024,
	FRAME_FIRST_SOURCE = 0x0a400000, /* 10.64.0.0: 256 addresses, the port tells flows of one address apart */
};

struct frame {
	__u8 destination[6], source[6];
	__u16 type;
	__u8 version, tos;
	__u16 length, id, fragment;
	__u8 ttl, protocol;
	__u16 checksum;
	__u32 from, to;
	__u16 from_port, to_port, udp_length, udp_checksum;
	__u8 payload[FRAME_PAYLOAD];
} __attribute__((packed, aligned(2)));

_Static_assert(sizeof(struct frame) == 60, "the smallest frame that Ethernet has");

/* What wanders from inject.c to frames.bpf.c. */
struct frame_plan {
	struct frame blank;
	__u32 flows, next;
};

static inline __u16 frame_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static inline __u16 frame_sum(const void *at, unsigned int length, __u32 sum)
{
	const __u8 *bytes = at;

	for (unsigned int i = 0; i + 1 < length; i += 2)
		sum += bytes[i] | bytes[i + 1] << 8;
	return frame_fold(sum);
}

/* A frame without a flow; its checksum fields hold the sums of what is the same in all flows. */
static inline struct frame frame_blank(const __u8 *mac, __u32 to, __u16 port)
{
	struct frame blank = {.source = {2, 0, 0, 0, 0, 1},
			      .type = bpf_htons(FRAME_IPV4),
			      .version = 0x45,
			      .length = bpf_htons(20 + 8 + FRAME_PAYLOAD),
			      .ttl = 64,
			      .protocol = FRAME_UDP,
			      .from = bpf_htonl(FRAME_FIRST_SOURCE),
			      .to = to,
			      .to_port = bpf_htons(port),
			      .udp_length = bpf_htons(8 + FRAME_PAYLOAD)};

	__builtin_memcpy(blank.destination, mac, sizeof(blank.destination));
	blank.checksum = frame_sum(&blank.version, 20, 0);
	blank.udp_checksum =
	    frame_sum(&blank.from, 8 + 8 + FRAME_PAYLOAD, bpf_htons(FRAME_UDP) + (__u32)blank.udp_length);
	return blank;
}

/* Make the frame of a flow: every byte is written, as the memory may be what another frame has left. */
static inline void frame_write(struct frame *frame, const struct frame *blank, __u32 flow)
{
	__u16 host = bpf_htons(flow & 0xff), port = bpf_htons(FRAME_FIRST_PORT + (flow >> 8));

	*frame = *blank;
	frame->from = bpf_htonl(FRAME_FIRST_SOURCE + (flow & 0xff));
	frame->from_port = port;
	frame->checksum = ~frame_fold(blank->checksum + (__u32)host);
	frame->udp_checksum = ~frame_fold(blank->udp_checksum + (__u32)host + port);
	if (frame->udp_checksum == 0)
		frame->udp_checksum = 0xffff;
}

#endif
