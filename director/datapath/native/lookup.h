/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups in the table image. Every line goes through lb_image_line(), which checks it against the image's length.
 * A packet asks for the header once and hands it on: what it finds is of one image then, also while images are swapped.
 */
#ifndef LB_LOOKUP_H
#define LB_LOOKUP_H

#include "parse.h"
#include "table.h"

/* The header of the image in force. A subprogram asks anew: it can't be handed one in eBPF. */
static LB_INLINE const struct lb_image_header *lb_image(struct lb_ctx *ctx)
{
	return lb_image_line(ctx, 0);
}

static LB_INLINE const struct lb_dest *lb_dest_at(struct lb_ctx *ctx, const struct lb_image_header *image, u32 id)
{
	return image && id < image->dest_count ? lb_image_line(ctx, image->dest_first + id) : 0;
}

/*
 * The same for who needs no more than the flow itself knows. Whether the image still holds a line for a deleted
 * destination depends on its neighbours' ids; this answers an empty line either way.
 */
static LB_INLINE const struct lb_dest *lb_dest_or_empty(struct lb_ctx *ctx, const struct lb_image_header *image, u32 id)
{
	static const struct lb_dest empty;
	const struct lb_dest *dest = lb_dest_at(ctx, image, id);

	return dest ? dest : &empty;
}

/* NAT: the port that a destination is reached at by who asked for `port`. */
static LB_INLINE be16 lb_nat_port(const struct lb_dest *dest, be16 port)
{
	return dest->port ? dest->port : port;
}

/* The line of rarely asked options, or 0. */
static LB_INLINE const struct lb_options *lb_options(struct lb_ctx *ctx, const struct lb_image_header *image)
{
	return image ? lb_image_line(ctx, image->options) : 0;
}

static LB_INLINE u32 lb_timeout_ms(struct lb_ctx *ctx, const struct lb_image_header *image, u32 set, u32 timeout)
{
	u32 line = set * (LB_TIMEOUTS / LB_TIMEOUTS_PER_LINE) + timeout / LB_TIMEOUTS_PER_LINE;
	const u32 *ms = image ? lb_image_line(ctx, image->timeouts_first + line) : 0;

	return ms ? ms[timeout % LB_TIMEOUTS_PER_LINE] : 0;
}

/* Which of `count` links, from this line on, has this interface index; LB_MAX_LINKS if none. A host has few of them. */
LB_SUBPROGRAM u32 lb_link_place(struct lb_ctx *ctx, u32 first, u32 count, u32 ifindex)
{
	for (u32 place = 0; place < LB_MAX_LINKS && place < count; place++) {
		const struct lb_link *links = lb_image_line(ctx, first + place / LB_LINKS_PER_LINE);

		if (!links) /* go on by one way only: of two, older verifiers would follow each combination */
			break;
		if (links[place % LB_LINKS_PER_LINE].ifindex == ifindex)
			return place;
	}
	return LB_MAX_LINKS;
}

/* The link with this interface index, or 0. The first is most hosts' only one: it costs no call. */
static LB_INLINE const struct lb_link *lb_link_find(struct lb_ctx *ctx, const struct lb_image_header *image,
						    u32 ifindex)
{
	const struct lb_link *links = lb_image_line(ctx, image->links_first);
	u32 place;

	if (links && image->links_count && links->ifindex == ifindex)
		return links;
	place = lb_link_place(ctx, image->links_first, image->links_count, ifindex);
	links = lb_image_line(ctx, image->links_first + place / LB_LINKS_PER_LINE);
	return links && place < image->links_count ? &links[place % LB_LINKS_PER_LINE] : 0;
}

enum {
	LB_FTP_PORT = 21,
	LB_FTP_DATA_PORT = 20,
	LB_FIRST_FREE_PORT = 1024, /* from here on a server may choose any port for data connections */
	LB_MARK_STRIDE = 32,
};

/* The line of the service with a key's address and protocol, and this port; 0 for none. */
static LB_INLINE u32 lb_service_place(struct lb_ctx *ctx, const struct lb_image_header *image, const struct lb_key *key,
				      be16 port)
{
	u32 home = lb_service_hash(image->seed, &key->destination, port, key->protocol);

	for (u32 i = 0; i < LB_SERVICE_PROBES; i++) {
		u32 line = image->service_first + ((home + i) & image->service_mask);
		const struct lb_service *service = lb_image_line(ctx, line);

		if (!service || service->family == 0)
			return 0;
		if (service->port == port && service->protocol == key->protocol && service->family == key->family &&
		    lb_addr_equal(&service->addr, &key->destination))
			return line;
	}
	return 0;
}

/* Whether an address is of this network. */
static LB_INLINE int lb_of_network(const struct lb_addr *addr, const struct lb_addr *network, u32 prefix)
{
	u32 differ = 0;

	for (u32 i = 0; i < 4; i++) {
		u32 bits = prefix > 32 * i ? prefix - 32 * i : 0;
		u32 mask = bits >= 32 ? 0xffffffff : ~(0xffffffffU >> bits);

		differ |= (addr->word[i] ^ network->word[i]) & lb_htonl(mask);
	}
	return differ == 0;
}

static LB_INLINE int lb_mark_fits(const struct lb_mark *rule, const struct lb_key *key)
{
	u16 port = lb_ntohs(key->dport);

	return rule->family == key->family && (rule->protocol == 0 || rule->protocol == key->protocol) &&
	       port >= rule->first_port && port <= rule->last_port &&
	       lb_of_network(&key->destination, &rule->network, rule->prefix);
}

/* A walk over the mark rules. */
struct lb_mark_walk {
	u32 first; /* line */
	u32 count;
	u32 at;
	u32 service; /* line, 0: none yet */
};

/* A stride of it. 1 at the end: at a rule that fits, or past the last. */
LB_SUBPROGRAM int lb_mark_stride(struct lb_ctx *ctx, const struct lb_key *key, struct lb_mark_walk *walk)
{
	if (!key || !walk)
		return 1;
	for (u32 n = 0; n < LB_MARK_STRIDE; n++, walk->at++) {
		const struct lb_mark *rules = lb_image_line(ctx, walk->first + walk->at / LB_MARKS_PER_LINE);
		const struct lb_mark *rule = rules ? &rules[walk->at % LB_MARKS_PER_LINE] : 0;

		if (!rule || walk->at >= walk->count)
			return 1;
		if (lb_mark_fits(rule, key)) {
			walk->service = rule->service;
			return 1;
		}
	}
	return 0;
}

/* The line of the service that a packet's mark stands for, 0 for none. */
static LB_INLINE u32 lb_marked_place(struct lb_ctx *ctx, const struct lb_image_header *image, const struct lb_key *key)
{
	const struct lb_options *options = lb_options(ctx, image);
	struct lb_mark_walk walk = {0};

	if (!options)
		return 0;
	walk.first = options->marks_first;
	walk.count = options->marks_count;
	for (u32 n = 0; n < LB_MAX_MARKS / LB_MARK_STRIDE; n++)
		if (lb_mark_stride(ctx, key, &walk))
			break;
	return walk.service;
}

static LB_INLINE int lb_may_be_ftp_data(const struct lb_key *key)
{
	u16 port = lb_ntohs(key->dport);

	return key->protocol == LB_IPPROTO_TCP && (port == LB_FTP_DATA_PORT || port >= LB_FIRST_FREE_PORT);
}

/* A line, 0 if its service is gone. That one is noted: it has what nobody else has. */
static LB_INLINE u32 lb_unless_gone(struct lb_ctx *ctx, u32 line, u32 *gone)
{
	const struct lb_service *service = line ? lb_image_line(ctx, line) : 0;

	if (!service || !(service->flags & LB_SERVICE_GONE))
		return line;
	*gone = line;
	return 0;
}

/*
 * The line of a packet's service, 0 for none, in kernel IPVS's order: by its mark; by its address, protocol and port; of
 * a service of FTP, as that's data connection; by its address and protocol alone. FTP's data connections belong to its
 * service if that is persistent, and to none if it is not. One that is gone comes last.
 */
LB_SUBPROGRAM u32 lb_wide_place(struct lb_ctx *ctx, const struct lb_key *key)
{
	const struct lb_image_header *image = lb_image(ctx);
	const struct lb_service *ftp;
	u32 line = 0, gone = 0;

	if (!image || !key)
		return 0;
	if (image->wide & LB_WIDE_MARK)
		line = lb_unless_gone(ctx, lb_marked_place(ctx, image, key), &gone);
	if (!line)
		line = lb_unless_gone(ctx, lb_service_place(ctx, image, key, key->dport), &gone);
	if (line)
		return line;
	if ((image->wide & LB_WIDE_FTP) && lb_may_be_ftp_data(key)) {
		line = lb_unless_gone(ctx, lb_service_place(ctx, image, key, lb_htons(LB_FTP_PORT)), &gone);
		ftp = line ? lb_image_line(ctx, line) : 0;
		if (ftp)
			return ftp->flags & LB_SERVICE_PERSISTENT ? line : gone;
	}
	line = image->wide & LB_WIDE_ANY_PORT ? lb_service_place(ctx, image, key, 0) : 0;
	return line ? line : gone;
}

/* The service that a packet is for, or 0. */
static LB_INLINE const struct lb_service *lb_service_find(struct lb_ctx *ctx, const struct lb_image_header *image,
							  const struct lb_key *key)
{
	u32 line = LB_LIKELY(!image->wide) ? lb_service_place(ctx, image, key, key->dport) : lb_wide_place(ctx, key);

	return line ? lb_image_line(ctx, line) : 0;
}

/* Whether a packet with this key comes from that destination, whose slot this is. */
static LB_INLINE int lb_server_is(const struct lb_server *server, const struct lb_dest *dest, const struct lb_key *key)
{
	return server->port == key->sport && (server->protocol == 0 || server->protocol == key->protocol) &&
	       (dest->flags & LB_DEST_IPV6 ? LB_FAMILY_IPV6 : LB_FAMILY_IPV4) == key->family &&
	       lb_addr_equal(&dest->addr, &key->source);
}

/* Which of NAT's destinations a packet comes from: its id, 0 for none. Only with nat_icmp_send can that be told. */
LB_SUBPROGRAM u32 lb_server_of(struct lb_ctx *ctx, const struct lb_key *key)
{
	const struct lb_image_header *image = lb_image(ctx);
	const struct lb_options *options = lb_options(ctx, image);
	u32 home;

	if (!key || !image || !options)
		return 0;
	home = lb_server_hash(image->seed, &key->source, key->sport);
	for (u32 i = 0; i < LB_SERVER_PROBES; i++) {
		u32 slot = (home + i) & options->servers_mask;
		const struct lb_server *servers =
		    lb_image_line(ctx, options->servers_first + slot / LB_SERVERS_PER_LINE);
		const struct lb_server *server = servers ? &servers[slot % LB_SERVERS_PER_LINE] : 0;
		const struct lb_dest *dest = server && server->id ? lb_dest_at(ctx, image, server->id) : 0;

		if (!server || !dest)
			return 0;
		if (lb_server_is(server, dest, key))
			return server->id;
	}
	return 0;
}

#endif
