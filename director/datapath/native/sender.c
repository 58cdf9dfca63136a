// SPDX-License-Identifier: Apache-2.0
/* The batch of frames on their way out: see sender.h. */
#include "sender.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	LB_SEND_BYTES = 16 << 20,
};

static u8 *lb_sender_room(struct lb_sink *sink, u32 size)
{
	struct lb_sender *sender = (struct lb_sender *)sink;
	u8 *at = sender->arena + sender->arena_used;

	size = (size + 15) & ~15U;
	if (size > LB_ARENA - sender->arena_used)
		return NULL;
	sender->arena_used += size;
	return at;
}

static int lb_sender_take(struct lb_sink *sink, u32 ifindex, u8 *frame, u32 length,
			  const struct virtio_net_hdr *offload)
{
	struct lb_sender *sender = (struct lb_sender *)sink;
	u32 i = sender->queued;

	sender->offload[i] = *offload;
	sender->part[i][1] = (struct iovec){frame, length};
	sender->address[i].sll_ifindex = ifindex;
	memcpy(&sender->address[i].sll_protocol, frame + offsetof(struct lb_eth, type), sizeof(be16));
	if (++sender->queued == LB_BATCH)
		lb_sender_flush(sender);
	return 0;
}

int lb_sender_open(struct lb_sender *sender)
{
	int one = 1, bytes = LB_SEND_BYTES;

	memset(sender, 0, sizeof(*sender));
	sender->sink = (struct lb_sink){lb_sender_room, lb_sender_take};
	sender->arena = malloc(LB_ARENA);
	sender->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (!sender->arena || sender->fd < 0 ||
	    setsockopt(sender->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) ||
	    setsockopt(sender->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes))) {
		int failed = sender->arena ? -errno : -ENOMEM;

		lb_sender_close(sender);
		return failed;
	}
	for (u32 i = 0; i < LB_BATCH; i++) {
		sender->address[i] = (struct sockaddr_ll){.sll_family = AF_PACKET, .sll_halen = ETH_ALEN};
		sender->part[i][0] = (struct iovec){&sender->offload[i], sizeof(sender->offload[i])};
		sender->message[i].msg_hdr = (struct msghdr){.msg_name = &sender->address[i],
							     .msg_namelen = sizeof(sender->address[i]),
							     .msg_iov = sender->part[i],
							     .msg_iovlen = 2};
	}
	return 0;
}

void lb_sender_close(struct lb_sender *sender)
{
	free(sender->arena);
	if (sender->fd >= 0)
		close(sender->fd);
	sender->arena = NULL;
	sender->fd = -1;
}

void lb_sender_flush(struct lb_sender *sender)
{
	u32 sent = 0;

	while (sent < sender->queued) {
		int n = sendmmsg(sender->fd, sender->message + sent, sender->queued - sent, MSG_DONTWAIT);

		if (n > 0) {
			sent += n;
		} else if (errno != EINTR) { /* this one frame's fault: too large, interface down, no buffer */
			sender->failed++;
			sent++;
		}
	}
	sender->queued = 0;
}
