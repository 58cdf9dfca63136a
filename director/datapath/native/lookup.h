/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Look-ups in the table image. Every line goes through lb_image_line(), which checks it against the image's length.
 */
#ifndef LB_LOOKUP_H
#define LB_LOOKUP_H

#include "parse.h"
#include "table.h"

static LB_INLINE const struct lb_dest *lb_dest_at(struct lb_ctx *ctx, u32 id)
{
	const struct lb_image_header *header = lb_image_line(ctx, 0);

	return header && id < header->dest_count ? lb_image_line(ctx, header->dest_first + id) : 0;
}

/*
 * The same for who needs no more than the flow itself knows. Whether the image still holds a line for a deleted
 * destination depends on its neighbours' ids; this answers an empty line either way.
 */
static LB_INLINE const struct lb_dest *lb_dest_or_empty(struct lb_ctx *ctx, u32 id)
{
	static const struct lb_dest empty;
	const struct lb_dest *dest = lb_dest_at(ctx, id);

	return dest ? dest : &empty;
}

static LB_INLINE u32 lb_timeout_ms(struct lb_ctx *ctx, u32 line, u32 timeout)
{
	const struct lb_image_header *header = lb_image_line(ctx, 0);
	const u32 *ms = header ? lb_image_line(ctx, header->timeouts_first + line) : 0;

	return ms ? ms[timeout % LB_TIMEOUTS] : 0;
}

/* The link with this interface index, or 0. A linear search: a director has few interfaces. */
static LB_INLINE const struct lb_link *lb_link_find(struct lb_ctx *ctx, u32 ifindex)
{
	const struct lb_image_header *header = lb_image_line(ctx, 0);

	for (u32 i = 0; header && i < LB_MAX_LINKS && i < header->links_count; i++) {
		const struct lb_link *links = lb_image_line(ctx, header->links_first + i / LB_LINKS_PER_LINE);

		if (links && links[i % LB_LINKS_PER_LINE].ifindex == ifindex)
			return &links[i % LB_LINKS_PER_LINE];
	}
	return 0;
}

/* The service for a packet's destination address, port and protocol, or 0. */
static LB_INLINE const struct lb_service *lb_service_find(struct lb_ctx *ctx, const struct lb_key *key)
{
	const struct lb_image_header *header = lb_image_line(ctx, 0);
	u32 home;

	if (!header)
		return 0;
	home = lb_service_hash(header->seed, &key->destination, key->dport, key->protocol);
	for (u32 i = 0; i < LB_SERVICE_PROBES; i++) {
		const struct lb_service *service =
		    lb_image_line(ctx, header->service_first + ((home + i) & header->service_mask));

		if (!service || service->family == 0)
			return 0;
		if (service->port == key->dport && service->protocol == key->protocol &&
		    service->family == key->family && lb_addr_equal(&service->addr, &key->destination))
			return service;
	}
	return 0;
}

#endif
