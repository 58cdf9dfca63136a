// SPDX-License-Identifier: Apache-2.0
/*
 * Send 64-byte UDP frames (60 without their check sequence) over a packet socket, of many flows in turn, paced or as
 * fast as they go. Prints one line: frames sent, seconds. Knows nothing of who receives.
 *
 *   flood INTERFACE DESTINATION-MAC DESTINATION PORT FLOWS FRAMES-PER-SECOND SECONDS      0 a second: no pace
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

enum {
	BATCH = 32,
	PAYLOAD = 18,
	FIRST_PORT = 1024,
	FIRST_SOURCE = 0x0a400000, /* 10.64.0.0: 256 addresses, the port tells flows of one address apart */
};

struct frame {
	uint8_t destination[6], source[6];
	uint16_t type;
	uint8_t version, tos;
	uint16_t length, id, fragment;
	uint8_t ttl, protocol;
	uint16_t checksum;
	uint32_t from, to;
	uint16_t from_port, to_port, udp_length, udp_checksum;
	uint8_t payload[PAYLOAD];
} __attribute__((packed, aligned(2)));

_Static_assert(sizeof(struct frame) == 60, "the smallest frame that Ethernet has");

struct flood {
	int fd;
	struct frame frames[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];
	struct sockaddr_ll to;
};

static uint32_t words(const void *at, size_t length, uint32_t sum)
{
	const uint8_t *bytes = at;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += bytes[i] | bytes[i + 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

/* Give a frame its flow, and both checksums anew. */
static void address(struct frame *frame, uint32_t flow)
{
	frame->from = htonl(FIRST_SOURCE + (flow & 0xff));
	frame->from_port = htons(FIRST_PORT + (flow >> 8));
	frame->checksum = 0;
	frame->checksum = fold(words(&frame->version, 20, 0));
	frame->udp_checksum = 0;
	frame->udp_checksum = fold(words(&frame->from, 8 + 8 + PAYLOAD, htons(IPPROTO_UDP) + frame->udp_length));
	if (frame->udp_checksum == 0)
		frame->udp_checksum = 0xffff;
}

static void prepare(struct flood *flood, const uint8_t *mac, uint32_t to, uint16_t port)
{
	for (int i = 0; i < BATCH; i++) {
		struct frame *frame = &flood->frames[i];

		*frame = (struct frame){.source = {2, 0, 0, 0, 0, 1},
					.type = htons(ETH_P_IP),
					.version = 0x45,
					.length = htons(20 + 8 + PAYLOAD),
					.ttl = 64,
					.protocol = IPPROTO_UDP,
					.to = to,
					.to_port = htons(port),
					.udp_length = htons(8 + PAYLOAD)};
		memcpy(frame->destination, mac, ETH_ALEN);
		flood->parts[i] = (struct iovec){frame, sizeof(*frame)};
		flood->messages[i].msg_hdr = (struct msghdr){.msg_name = &flood->to,
							     .msg_namelen = sizeof(flood->to),
							     .msg_iov = &flood->parts[i],
							     .msg_iovlen = 1};
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Sleep until the pace allows for more. */
static void wait_until(double moment)
{
	struct timespec at = {(time_t)moment, (long)((moment - (double)(time_t)moment) * 1e9)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
}

static long run(struct flood *flood, unsigned long flows, double pace, double seconds)
{
	double start = now();
	unsigned long flow = 0;
	long sent = 0;

	while (now() < start + seconds) {
		int taken;

		for (int i = 0; i < BATCH; i++) {
			address(&flood->frames[i], flow);
			flow = flow + 1 == flows ? 0 : flow + 1;
		}
		taken = sendmmsg(flood->fd, flood->messages, BATCH, 0);
		if (taken < 0 && errno != ENOBUFS)
			return -1;
		sent += taken > 0 ? taken : 0;
		if (pace > 0)
			wait_until(start + (double)sent / pace);
	}
	return sent;
}

int main(int count, char **word)
{
	static struct flood flood;
	struct ether_addr *mac;
	struct in_addr to;
	double start;
	long sent;

	mac = count == 8 ? ether_aton(word[2]) : NULL;
	if (!mac || inet_pton(AF_INET, word[3], &to) != 1) {
		fputs("flood: expected INTERFACE MAC ADDRESS PORT FLOWS FRAMES-PER-SECOND SECONDS\n", stderr);
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1);
	flood.fd = socket(AF_PACKET, SOCK_RAW, 0);
	flood.to = (struct sockaddr_ll){.sll_family = AF_PACKET,
					.sll_protocol = htons(ETH_P_IP),
					.sll_halen = ETH_ALEN,
					.sll_ifindex = (int)if_nametoindex(word[1])};
	prepare(&flood, mac->ether_addr_octet, to.s_addr, (uint16_t)strtoul(word[4], NULL, 10));
	start = now();
	sent =
	    flood.fd < 0 ? -1 : run(&flood, strtoul(word[5], NULL, 10), strtod(word[6], NULL), strtod(word[7], NULL));
	if (sent < 0) {
		perror("flood");
		return 1;
	}
	printf("%ld %.6f\n", sent, now() - start);
	return 0;
}
