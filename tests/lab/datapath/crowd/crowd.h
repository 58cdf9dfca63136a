/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A crowd's packets for the program under test, one a call: random ones of a few flows, so that CPUs which run it at the
 * same time meet in the same entries of the connection table all the time. And a look at what leaves: a packet that went
 * the way of another's connection is known by the MAC, the address or the port that it was given.
 *
 * Include this after the host's header; crowd.py knows the layout and the addresses.
 */
#ifndef CROWD_H
#define CROWD_H

enum {
	CROWD_FRAME = 64,
	CROWD_CPUS = 64,
	CROWD_NETWORK = 0xc6120000, /* of the clients: 198.18.0.0/15 (RFC 2544) */
	CROWD_SERVERS = 0x0a000000, /* servers are 10.0.service.1 and on, and their MACs end as their addresses do */
	CROWD_VIP = 0xc0000201,	    /* 192.0.2.1 */
	CROWD_CLIENT_PORT = 1024,
	CROWD_SERVER_PORT = 5353, /* with NAT */
	CROWD_UDP_PORT = 53,
	CROWD_TCP_PORT = 80,
	CROWD_MEMBERS = 4,	/* servers of a service */
	CROWD_FRAGMENTING = 16, /* one flow in so many has fragments */
	CROWD_IDS = 4,		/* their IP identifications: few, so that they meet */
	CROWD_CHECKSUM = 0x5555,
	CROWD_PATIENCE = 2000, /* looks at another CPU, which may have ended or not begun */
	CROWD_MORE_PATIENCE = 200,
};

/* Who has a MAC or an address: its last byte but one. */
enum crowd_group {
	CROWD_DIRECTOR = 1,
	CROWD_UDP,
	CROWD_TCP,
	CROWD_CLIENT,
};

struct crowd_packet {
	u32 flow;
	u32 dice; /* 16 bits of chance, for whoever needs some */
	u8 group; /* CROWD_UDP or CROWD_TCP */
	u8 reply;
};

struct crowd_cpu {
	u64 seed;  /* not 0 */
	u64 wrong; /* packets that left as another's */
	u64 sent;
	u32 keeps_step_with;	    /* another CPU, or this one itself: then it goes as fast as it can */
	struct crowd_packet packet; /* that was sent last; the stack is short */
	u32 unused[6];
};
_Static_assert(sizeof(struct crowd_cpu) == 64, "no CPU shares a line");

struct crowd {
	u32 flows;
	u32 nat; /* servers are reached by NAT, else directly */
	u64 unused[7];
	struct crowd_cpu cpu[CROWD_CPUS];
};

struct crowd crowd __attribute__((section(".data.crowd")));

static LB_INLINE struct crowd_cpu *crowd_cpu(void)
{
	return &crowd.cpu[bpf_get_smp_processor_id() % CROWD_CPUS];
}

static LB_INLINE u32 crowd_random(void)
{
	struct crowd_cpu *cpu = crowd_cpu();
	u64 seed = cpu->seed;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	cpu->seed = seed;
	return (u32)(seed >> 16);
}

static LB_INLINE void crowd_write_mac(u8 *mac, enum crowd_group group, u8 member)
{
	mac[0] = 2;
	mac[1] = mac[2] = mac[3] = 0;
	mac[4] = group;
	mac[5] = member;
}

static LB_INLINE void crowd_write_tcp(struct lb_tcp *tcp, u32 dice)
{
	tcp->sequence = tcp->acknowledgement = 0;
	tcp->offset = 5 << 4;
	tcp->flags = dice < 5 ? LB_TCP_SYN : dice < 10 ? LB_TCP_ACK : dice < 13 ? LB_TCP_FIN | LB_TCP_ACK : LB_TCP_RST;
	tcp->window = 0;
	tcp->checksum = CROWD_CHECKSUM; /* a wrong one: what belongs to no connection is dropped, not answered */
	tcp->urgent = 0;
}

/* Some flows' datagrams are a first fragment or a later one. */
static LB_INLINE void crowd_write_udp(struct lb_ipv4 *ip, struct lb_udp *udp, const struct crowd_packet *packet)
{
	u32 dice = packet->dice >> 2 & 7;

	if (packet->flow % CROWD_FRAGMENTING == 0)
		ip->fragment = dice == 0 ? lb_htons(LB_IP_MF) : dice == 1 ? lb_htons(1) : 0;
	udp->length = lb_htons(CROWD_FRAME - LB_ETH_HLEN - sizeof(*ip));
	udp->checksum = CROWD_CHECKSUM;
}

static LB_INLINE void crowd_write_ends(struct lb_ipv4 *ip, struct lb_udp *ports, const struct crowd_packet *packet)
{
	be32 client = lb_htonl(CROWD_NETWORK | packet->flow);
	u32 server = CROWD_SERVERS | (u32)packet->group << 8 | (1 + packet->dice % CROWD_MEMBERS);

	if (packet->reply) {
		ip->source = lb_htonl(server);
		ip->destination = client;
		ports->source = lb_htons(CROWD_SERVER_PORT);
		ports->destination = lb_htons(CROWD_CLIENT_PORT);
	} else {
		ip->source = client;
		ip->destination = lb_htonl(CROWD_VIP);
		ports->source = lb_htons(CROWD_CLIENT_PORT);
		ports->destination = lb_htons(packet->group == CROWD_TCP ? CROWD_TCP_PORT : CROWD_UDP_PORT);
	}
}

/*
 * Send a packet when the other CPU sends one. The one that waited hears of it late; a little patience more, now on this
 * side and now on that, lets either be first in whatever both then do.
 */
static LB_INLINE void crowd_keep_step(void)
{
	struct crowd_cpu *cpu = crowd_cpu();
	const volatile struct crowd_cpu *other = &crowd.cpu[cpu->keeps_step_with % CROWD_CPUS];
	u32 more = bpf_get_prandom_u32() % CROWD_MORE_PATIENCE;

	lb_store(&cpu->sent, cpu->sent + 1);
	for (u32 i = 0; i < CROWD_PATIENCE; i++)
		if (other->sent >= cpu->sent)
			break;
	for (u32 i = 0; other != cpu && i < CROWD_MORE_PATIENCE; i++)
		if (i >= more || other->sent < cpu->sent)
			break;
}

/* Give the frame its length again: what was answered by the director itself is another. */
static LB_INLINE int crowd_stretch(struct lb_ctx *ctx, int by);

/* Write the next packet over the frame. A client comes from two MACs in turn, as behind two routers. */
LB_SUBPROGRAM int crowd_send(struct lb_ctx *ctx)
{
	struct crowd_packet *packet = &crowd_cpu()->packet;
	u32 random = crowd_random(), length = lb_frame_length(ctx);
	struct lb_ipv4 *ip;
	struct lb_eth *eth;

	if (length != CROWD_FRAME && crowd_stretch(ctx, CROWD_FRAME - (int)length))
		return -1;
	eth = lb_at(ctx, 0, CROWD_FRAME);
	ip = (struct lb_ipv4 *)(eth + 1);
	if (!eth)
		return -1;
	crowd_keep_step();
	packet->dice = random >> 16;
	packet->flow = (random & 0xffff) % (crowd.flows ? crowd.flows : 1);
	packet->group = packet->flow & 1 ? CROWD_TCP : CROWD_UDP;
	packet->reply = crowd.nat && packet->dice >> 13 == 0;
	crowd_write_mac(eth->dst, CROWD_DIRECTOR, 1);
	crowd_write_mac(eth->src, packet->reply ? packet->group : CROWD_CLIENT, packet->dice >> 6 & 1);
	eth->type = lb_htons(LB_ETH_P_IP);
	*ip = (struct lb_ipv4){.version_ihl = 0x45,
			       .total_length = lb_htons(CROWD_FRAME - LB_ETH_HLEN),
			       .id = packet->dice % CROWD_IDS,
			       .ttl = 64,
			       .protocol = packet->group == CROWD_TCP ? LB_IPPROTO_TCP : LB_IPPROTO_UDP};
	crowd_write_ends(ip, (struct lb_udp *)(ip + 1), packet);
	if (packet->group == CROWD_TCP)
		crowd_write_tcp((struct lb_tcp *)(ip + 1), packet->dice >> 2 & 15);
	else
		crowd_write_udp(ip, (struct lb_udp *)(ip + 1), packet);
	lb_ipv4_checksum(ip);
	return 0;
}

/* Whether the frame went to a server of its service, or from there to its client. */
static LB_INLINE int crowd_right(struct lb_ctx *ctx, const struct crowd_packet *packet)
{
	const struct lb_eth *eth = lb_at(ctx, 0, CROWD_FRAME);
	const struct lb_ipv4 *ip = (const struct lb_ipv4 *)(eth + 1);
	const struct lb_udp *ports = (const struct lb_udp *)(ip + 1);
	be16 port = lb_htons(packet->group == CROWD_TCP ? CROWD_TCP_PORT : CROWD_UDP_PORT);

	if (!eth)
		return 0;
	if (packet->reply)
		return eth->dst[4] == CROWD_CLIENT && eth->dst[5] <= 1 && ip->source == lb_htonl(CROWD_VIP) &&
		       ip->destination == lb_htonl(CROWD_NETWORK | packet->flow) &&
		       (lb_ntohs(ip->fragment) & LB_IP_OFFSET || ports->source == port);
	if (eth->dst[4] != packet->group)
		return 0;
	if (!crowd.nat)
		return ip->destination == lb_htonl(CROWD_VIP);
	return ip->destination == lb_htonl(CROWD_SERVERS | (u32)packet->group << 8 | eth->dst[5]);
}

LB_SUBPROGRAM int crowd_look(struct lb_ctx *ctx)
{
	struct crowd_cpu *cpu = crowd_cpu();

	if (lb_frame_length(ctx) == CROWD_FRAME &&
	    !crowd_right(ctx, &cpu->packet)) /* else it is an answer of the director's */
		cpu->wrong++;
	return 0;
}

#endif
