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

/* The service for a packet's destination address, port and protocol, or 0. */
static LB_INLINE const struct lb_service *lb_service_find(struct lb_ctx *ctx, const struct lb_image_header *image,
							  const struct lb_key *key)
{
	u32 home = lb_service_hash(image->seed, &key->destination, key->dport, key->protocol);

	for (u32 i = 0; i < LB_SERVICE_PROBES; i++) {
		const struct lb_service *service =
		    lb_image_line(ctx, image->service_first + ((home + i) & image->service_mask));

		if (!service || service->family == 0)
			return 0;
		if (service->port == key->dport && service->protocol == key->protocol &&
		    service->family == key->family && lb_addr_equal(&service->addr, &key->destination))
			return service;
	}
	return 0;
}

#endif
