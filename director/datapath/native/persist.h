/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Persistence: a client keeps its destination for a time after its last new connection.
 *
 * A TEMPLATE in the connection table says which: from a client (as far as the service's mask tells clients apart) to a
 * service. Its key is kernel IPVS's: the service's address, protocol and port; port 0 where one destination is to have
 * several ports of the client, as with services of any port, of a mark and of FTP; and for a mark the mark itself in the
 * address's place. `packets` counts the flows under it, which it does not die before.
 *
 * A flow finds its template by index. That is safe because a template's place is not given to another while it has
 * flows; whoever ends a flow (lb_conn_release) takes it back.
 */
#ifndef LB_PERSIST_H
#define LB_PERSIST_H

#include "claim.h"
#include "crowd.h"

/*
 * A choice: where a new connection goes, as a destination's stable id (0: nobody may take it), and above it the place of the
 * template that it will be under, 0 for none.
 */
static LB_INLINE u32 lb_choice_dest(u64 choice)
{
	return (u32)choice;
}

static LB_INLINE u32 lb_choice_template(u64 choice)
{
	return choice >> 32;
}

/* The key of the template for a packet to this service. */
static LB_INLINE int lb_template_key(struct lb_ctx *ctx, const struct lb_service *service,
				     const struct lb_packet *packet, struct lb_key *key)
{
	const struct lb_service_details *details = lb_image_line(ctx, service->details);

	if (!details)
		return 0;
	*key = packet->key;
	key->kind = LB_KEY_TEMPLATE;
	key->sport = 0;
	for (int i = 0; i < 4; i++)
		key->source.word[i] &= details->mask.word[i];
	if (key->dport == service->port && service->port != lb_htons(LB_FTP_PORT))
		return 1;
	if (key->dport != service->port && (service->flags & LB_SERVICE_MARK)) {
		key->protocol = 0;
		key->destination = lb_addr_ipv4(lb_htonl(details->mark));
	}
	key->dport = 0;
	return 1;
}

/*
 * Come under a template, so that it lives. 0 if it did not: it was just ended, or is about to be. What is added is then
 * taken back from whatever stands there meanwhile: see "what is left" in docs/decisions/0003-connection-table.md.
 */
static LB_INLINE int lb_template_hold(struct lb_conn *conn, u64 control)
{
	u64 now;

	__sync_fetch_and_add(&conn->packets, 1);
	now = lb_conn_control(conn);
	if ((now ^ control) >> 16 == 0 && lb_control_kind(now) == LB_CONN_TEMPLATE && !lb_template_ended(now))
		return 1;
	__sync_fetch_and_add(&conn->packets, -1);
	return 0;
}

/* Add to a template's state. */
static LB_INLINE void lb_template_set(struct lb_conn *conn, enum lb_template_state bit)
{
	u64 control = lb_conn_control(conn);

	if (lb_control_kind(control) == LB_CONN_TEMPLATE && !(lb_control_state(control) & bit))
		lb_conn_swap(conn, control, control | (u64)bit << 8);
}

/* A connection under the template at this place was answered. */
LB_SUBPROGRAM int lb_template_assure(struct lb_ctx *ctx, u32 index)
{
	struct lb_conn *conn = lb_conn_at(ctx, index);

	if (conn)
		lb_template_set(conn, LB_TEMPLATE_ASSURED);
	return 0;
}

/* Whether this step of a flow assures its template: TCP is established, or UDP answered. */
static LB_INLINE int lb_assures(u8 before, u8 state, enum lb_direction direction)
{
	return ((state == LB_S_ESTABLISHED || state == LB_S_SCTP_ESTABLISHED) && before != state) ||
	       (state == LB_S_UDP && direction == LB_OUTPUT);
}

/* Whether a template may go on to give clients this destination. */
static LB_INLINE int lb_template_serves(struct lb_ctx *ctx, const struct lb_image_header *image, u32 id)
{
	const struct lb_dest *dest = lb_dest_at(ctx, image, id);
	const struct lb_options *options = lb_options(ctx, image);

	if (!dest || !(dest->flags & LB_DEST_PRESENT))
		return 0;
	return dest->weight || !options || !options->expire_quiescent_template;
}

/* Use the template at this place for a new connection: its destination, 0 if it serves no more. */
static LB_INLINE u32 lb_template_use(struct lb_ctx *ctx, const struct lb_image_header *image, u32 now, u32 index,
				     u64 control)
{
	struct lb_conn *conn = lb_conn_at(ctx, index);
	u32 id;

	if (!conn || lb_control_kind(control) != LB_CONN_TEMPLATE || !lb_template_hold(conn, control))
		return 0;
	id = conn->dest;
	if (lb_template_serves(ctx, image, id)) {
		lb_template_rewind(conn, now);
		conn->expires = now + conn->peer;
		return id;
	}
	lb_template_set(conn, LB_TEMPLATE_ENDED);
	lb_template_leave(ctx, now, index);
	return 0;
}

/* ms; what a template is opened with, it keeps. */
static LB_INLINE u32 lb_template_timeout(struct lb_ctx *ctx, const struct lb_service *service)
{
	const struct lb_service_details *details = lb_image_line(ctx, service->details);

	return details ? details->persistence : 0;
}

/*
 * Find a client's template and come under it (lb_template_leave if no flow is opened): its destination's id, and above it
 * its place. 0 where it has none, or one that serves no more.
 */
LB_SUBPROGRAM u64 lb_template_seek(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet)
{
	const struct lb_image_header *image = lb_image(ctx);
	struct lb_key key;
	u64 control = 0;
	u32 index, id;

	if (!service || !packet || !image || !lb_template_key(ctx, service, packet, &key))
		return 0;
	index = lb_conn_search(ctx, packet->now, &key, lb_key_hash(ctx, &key), &control);
	id = index == LB_CONN_NOBODY ? 0 : lb_template_use(ctx, image, packet->now, index, control);
	return id ? (u64)index << 32 | id : 0;
}

/*
 * Open a client's template to this destination, with one flow under it; answers as lb_template_seek. Without a place the
 * client goes on without a template. 0: another CPU is quicker, and has made a choice.
 */
LB_SUBPROGRAM u64 lb_template_open(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet,
				   u32 id)
{
	struct lb_conn *conn;
	struct lb_key key;
	u64 control = 0;
	u32 index;

	if (!service || !packet || !lb_template_key(ctx, service, packet, &key))
		return id;
	index = lb_conn_reserve(ctx, packet->now, &key, lb_key_hash(ctx, &key), &control);
	conn = lb_conn_at(ctx, index == LB_CONN_MET ? (u32)control : index);
	if (index == LB_CONN_NOBODY || !conn)
		return id;
	if (index == LB_CONN_MET) {
		lb_conn_await(conn, lb_conn_control(conn));
		return 0;
	}
	lb_template_key(ctx, service, packet, &key); /* anew: less is kept on a stack that is short */
	lb_conn_write_key(conn, &key);
	conn->dest = id;
	conn->packets = 1;
	conn->peer = lb_template_timeout(ctx, service);
	conn->expires = packet->now + conn->peer;
	lb_count_template(ctx, id, 1);
	lb_store(&conn->control, lb_control(lb_control_tag(control), lb_control_version(control), 0, LB_CONN_TEMPLATE));
	return (u64)index << 32 | id;
}

static LB_INLINE u32 lb_choose_anew(struct lb_ctx *ctx, const struct lb_service *service,
				    const struct lb_packet *packet, int crowded)
{
	return crowded ? lb_stateless(ctx, service, packet) : lb_choose(ctx, service, packet);
}

/* Choose for a packet of no known flow. */
static LB_INLINE u64 lb_pick(struct lb_ctx *ctx, const struct lb_service *service, const struct lb_packet *packet,
			     int crowded)
{
	int persistent = service->flags & LB_SERVICE_PERSISTENT;
	u64 choice = LB_UNLIKELY(persistent) ? lb_template_seek(ctx, service, packet) : 0;
	u64 held;

	if (choice)
		return choice;
	choice = lb_choose_anew(ctx, service, packet, crowded);
	if (LB_LIKELY(!persistent) || !choice)
		return choice;
	held = lb_template_open(ctx, service, packet, choice);
	if (!held)
		held = lb_template_seek(ctx, service, packet);
	return held ? held : choice;
}

/* No flow was opened after all. */
static LB_INLINE void lb_unchoose(struct lb_ctx *ctx, const struct lb_packet *packet, u64 choice)
{
	if (LB_UNLIKELY(lb_choice_template(choice)))
		lb_template_leave(ctx, packet->now, lb_choice_template(choice));
}

#endif
