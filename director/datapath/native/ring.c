// SPDX-License-Identifier: Apache-2.0
/* Packet sockets with a mapped receive ring: see ring.h. */
#include "ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING /* Linux 6.2; older kernels ignore it, and the filter does the work */
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

enum {
	LB_QUEUE_BYTES = 64 << 20, /* large frames that may wait on the socket, as the kernel accounts them */
};

static int lb_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

/* Take nothing: a socket that is bound and not yet in its fanout group would get every frame beside the group. */
static int lb_ring_shut(int fd)
{
	struct sock_filter reject = {.code = BPF_RET | BPF_K, .k = 0};
	struct sock_fprog program = {.len = 1, .filter = &reject};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

static int lb_ring_unshut(int fd, int filter_fd)
{
	if (filter_fd < 0)
		return lb_set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
	return lb_set(fd, SOL_SOCKET, SO_ATTACH_BPF, filter_fd);
}

/* All options that must be in place before the ring is made. */
static int lb_ring_options(int fd)
{
	int failed = lb_set(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);

	if (!failed)
		failed = lb_set(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
	if (!failed)
		failed = lb_set(fd, SOL_PACKET, PACKET_RESERVE, LB_HEADROOM);
	if (!failed)
		failed = lb_set(fd, SOL_PACKET, PACKET_COPY_THRESH, 1);
	if (!failed)
		failed = lb_set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	if (!failed)
		failed = lb_ring_shut(fd);
	if (!failed)
		failed = lb_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, LB_QUEUE_BYTES);
	return failed;
}

static int lb_ring_map(struct lb_ring *ring)
{
	struct tpacket_req request = {
	    .tp_block_size = LB_RING_BLOCK,
	    .tp_block_nr = LB_RING_BLOCKS,
	    .tp_frame_size = LB_RING_FRAME,
	    .tp_frame_nr = LB_RING_FRAMES,
	};

	if (setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)))
		return -errno;
	ring->map = mmap(NULL, (size_t)LB_RING_BLOCK * LB_RING_BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (ring->map != MAP_FAILED)
		return 0;
	ring->map = NULL;
	return -errno;
}

static int lb_ring_bind(struct lb_ring *ring)
{
	struct sockaddr_ll address = {
	    .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL), /* a tap sees the frame before the guard takes it from the stack */
	    .sll_ifindex = ring->ifindex,
	};

	return bind(ring->fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
}

/* Begin or join a fanout group: frames are spread by a hash of their flow. The group has options of its own. */
static int lb_ring_fanout(struct lb_ring *ring, int *fanout)
{
	int value = (PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16;
	socklen_t length = sizeof(value);
	int failed;

	if (*fanout == LB_FANOUT_NONE)
		return 0;
	if (*fanout != LB_FANOUT_NEW)
		return lb_set(ring->fd, SOL_PACKET, PACKET_FANOUT, value | *fanout);
	failed = lb_set(ring->fd, SOL_PACKET, PACKET_FANOUT, value | PACKET_FANOUT_FLAG_UNIQUEID << 16);
	if (failed)
		return failed;
	if (getsockopt(ring->fd, SOL_PACKET, PACKET_FANOUT, &value, &length))
		return -errno;
	*fanout = value & 0xffff; /* 0 is an id like any other */
	return 0;
}

int lb_ring_open(struct lb_ring *ring, u32 ifindex, int filter_fd, int *fanout)
{
	int failed;

	memset(ring, 0, sizeof(*ring));
	ring->ifindex = ifindex;
	ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ring->fd < 0)
		return -errno;
	failed = lb_ring_options(ring->fd);
	if (!failed)
		failed = lb_ring_map(ring);
	if (!failed)
		failed = lb_ring_bind(ring);
	if (!failed)
		failed = lb_ring_fanout(ring, fanout);
	if (!failed)
		failed = lb_ring_unshut(ring->fd, filter_fd);
	if (failed)
		lb_ring_close(ring);
	return failed;
}

void lb_ring_close(struct lb_ring *ring)
{
	if (ring->map)
		munmap(ring->map, (size_t)LB_RING_BLOCK * LB_RING_BLOCKS);
	if (ring->fd >= 0)
		close(ring->fd);
	ring->map = NULL;
	ring->fd = -1;
}

static struct tpacket2_hdr *lb_ring_slot(const struct lb_ring *ring, u32 slot)
{
	return (struct tpacket2_hdr *)(ring->map + (size_t)(slot % LB_RING_FRAMES) * LB_RING_FRAME);
}

int lb_ring_next(struct lb_ring *ring, struct lb_ring_frame *frame)
{
	struct tpacket2_hdr *slot;
	u32 status;

	if (ring->held == LB_RING_FRAMES)
		return 0;
	slot = lb_ring_slot(ring, ring->next);
	status = __atomic_load_n(&slot->tp_status, __ATOMIC_ACQUIRE);
	if (!(status & TP_STATUS_USER))
		return 0;
	ring->next++;
	ring->held++;
	frame->large = !!(status & TP_STATUS_COPY);
	frame->lost = !frame->large && slot->tp_snaplen < slot->tp_len;
	frame->data = (u8 *)slot + slot->tp_mac;
	frame->length = slot->tp_snaplen;
	memcpy(&frame->offload, frame->data - sizeof(frame->offload), sizeof(frame->offload));
	frame->low = frame->data - sizeof(frame->offload) - LB_HEADROOM;
	return 1;
}

int lb_ring_large(struct lb_ring *ring, u8 *buffer, struct lb_ring_frame *frame)
{
	struct iovec parts[2] = {
	    {&frame->offload, sizeof(frame->offload)},
	    {buffer + LB_HEADROOM, LB_LARGE_FRAME - LB_HEADROOM},
	};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t length = recvmsg(ring->fd, &message, MSG_DONTWAIT);

	if (length < 0)
		return -errno;
	if ((size_t)length < sizeof(frame->offload) || (message.msg_flags & MSG_TRUNC))
		return -EMSGSIZE;
	frame->low = buffer;
	frame->data = buffer + LB_HEADROOM;
	frame->length = length - sizeof(frame->offload);
	return 0;
}

void lb_ring_release(struct lb_ring *ring)
{
	for (; ring->held > 0; ring->held--)
		__atomic_store_n(&lb_ring_slot(ring, ring->next - ring->held)->tp_status, TP_STATUS_KERNEL,
				 __ATOMIC_RELEASE);
}

u64 lb_ring_drops(struct lb_ring *ring)
{
	struct tpacket_stats stats;
	socklen_t length = sizeof(stats);

	if (getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length) == 0)
		ring->drops += stats.tp_drops; /* the kernel starts again at 0 after each reading */
	return ring->drops;
}
