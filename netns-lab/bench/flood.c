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
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include "frame.h"

enum {
	BATCH = 32,
};

struct flood {
	int fd;
	struct frame blank, frames[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH];
	struct sockaddr_ll to;
};

static void prepare(struct flood *flood)
{
	for (int i = 0; i < BATCH; i++) {
		flood->parts[i] = (struct iovec){&flood->frames[i], sizeof(flood->frames[i])};
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

static long run(struct flood *flood, __u32 flows, double pace, double seconds)
{
	double start = now();
	__u32 flow = 0;
	long sent = 0;

	while (now() < start + seconds) {
		int taken;

		for (int i = 0; i < BATCH; i++) {
			frame_write(&flood->frames[i], &flood->blank, flow);
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
	flood.blank = frame_blank(mac->ether_addr_octet, to.s_addr, (__u16)strtoul(word[4], NULL, 10));
	prepare(&flood);
	start = now();
	sent = flood.fd < 0
		   ? -1
		   : run(&flood, (__u32)strtoul(word[5], NULL, 10), strtod(word[6], NULL), strtod(word[7], NULL));
	if (sent < 0) {
		perror("flood");
		return 1;
	}
	printf("%ld %.6f\n", sent, now() - start);
	return 0;
}
