/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection states, and TCP's as kernel IPVS keeps them: tables, and one function that steps through them. SCTP's
 * tables are in sctp.h.
 *
 * The director sees both directions only with NAT. With DR and TUN it sees the client's half, and the INPUT-ONLY table
 * guesses the rest. A segment's event is the first of RST, SYN, FIN, ACK that it carries; one with none closes.
 */
#ifndef LB_TCP_H
#define LB_TCP_H

#include "wire.h"

enum lb_conn_state {
	LB_S_NONE,
	LB_S_ESTABLISHED,
	LB_S_SYN_SENT,
	LB_S_SYN_RECV,
	LB_S_FIN_WAIT,
	LB_S_TIME_WAIT,
	LB_S_CLOSE,
	LB_S_CLOSE_WAIT,
	LB_S_LAST_ACK,
	LB_S_LISTEN,
	LB_S_SYNACK,
	LB_S_UDP, /* UDP has this state alone; its number is its timeout's, LB_TIMEOUT_UDP */

	/* SCTP's: the numbers are their timeouts' as well, from LB_TIMEOUT_SCTP on */
	LB_S_SCTP_NONE = 16,
	LB_S_SCTP_INIT1, /* the client's INIT was seen, and no more */
	LB_S_SCTP_INIT,
	LB_S_SCTP_COOKIE_SENT,
	LB_S_SCTP_COOKIE_REPLIED,
	LB_S_SCTP_COOKIE_WAIT,
	LB_S_SCTP_COOKIE,
	LB_S_SCTP_COOKIE_ECHOED,
	LB_S_SCTP_ESTABLISHED,
	LB_S_SCTP_SHUTDOWN_SENT,
	LB_S_SCTP_SHUTDOWN_RECEIVED,
	LB_S_SCTP_SHUTDOWN_ACK_SENT,
	LB_S_SCTP_REJECTED,
	LB_S_SCTP_CLOSED,
	LB_S_COUNT,
};
_Static_assert(LB_S_COUNT <= 32, "a set of states is a word");

enum lb_direction {
	LB_INPUT,
	LB_OUTPUT,
	LB_INPUT_ONLY,
	LB_DIRECTIONS,
};

enum lb_tcp_event {
	LB_E_SYN,
	LB_E_FIN,
	LB_E_ACK,
	LB_E_RST,
	LB_EVENTS,
};

#define NO LB_S_NONE
#define ES LB_S_ESTABLISHED
#define SS LB_S_SYN_SENT
#define SR LB_S_SYN_RECV
#define FW LB_S_FIN_WAIT
#define TW LB_S_TIME_WAIT
#define CL LB_S_CLOSE
#define CW LB_S_CLOSE_WAIT
#define LA LB_S_LAST_ACK
#define LI LB_S_LISTEN
#define SA LB_S_SYNACK

/* clang-format off */
static const u8 lb_tcp_next[LB_DIRECTIONS][LB_EVENTS][16] = {
	/*                NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
	[LB_INPUT] = {
		[LB_E_SYN] = {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR},
		[LB_E_FIN] = {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW},
		[LB_E_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
		[LB_E_RST] = {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR},
	},
	[LB_OUTPUT] = {
		[LB_E_SYN] = {SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR},
		[LB_E_FIN] = {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW},
		[LB_E_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES},
		[LB_E_RST] = {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL},
	},
	[LB_INPUT_ONLY] = {
		[LB_E_SYN] = {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR},
		[LB_E_FIN] = {CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW},
		[LB_E_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
		[LB_E_RST] = {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL},
	},
};

/*
 * The same under secure_tcp: an ACK makes no connection of a SYN that no server has answered, and half-open ones last
 * longer than those that are reset. What no sequence of segments leads to is as above.
 */
static const u8 lb_tcp_next_secure[LB_DIRECTIONS][LB_EVENTS][16] = {
	/*                NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
	[LB_INPUT] = {
		[LB_E_SYN] = {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA},
		[LB_E_FIN] = {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA},
		[LB_E_ACK] = {ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA},
		[LB_E_RST] = {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL},
	},
	[LB_OUTPUT] = {
		[LB_E_SYN] = {SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA},
		[LB_E_FIN] = {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW},
		[LB_E_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES},
		[LB_E_RST] = {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL},
	},
	[LB_INPUT_ONLY] = {
		[LB_E_SYN] = {SA, ES, ES, SR, SA, SA, SA, SA, SR, SR, SA},
		[LB_E_FIN] = {CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW},
		[LB_E_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
		[LB_E_RST] = {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL},
	},
};
/* clang-format on */

#undef NO
#undef ES
#undef SS
#undef SR
#undef FW
#undef TW
#undef CL
#undef CW
#undef LA
#undef LI
#undef SA

/* A segment's event, LB_EVENTS where it has none. */
static LB_INLINE enum lb_tcp_event lb_tcp_event_of(u8 flags)
{
	if (flags & LB_TCP_RST)
		return LB_E_RST;
	if (flags & LB_TCP_SYN)
		return LB_E_SYN;
	if (flags & LB_TCP_FIN)
		return LB_E_FIN;
	return flags & LB_TCP_ACK ? LB_E_ACK : LB_EVENTS;
}

static LB_INLINE u8 lb_tcp_step(u8 state, enum lb_direction direction, u8 flags)
{
	enum lb_tcp_event event = lb_tcp_event_of(flags);

	return event == LB_EVENTS ? LB_S_CLOSE : lb_tcp_next[direction][event][state & 15];
}

static LB_INLINE u8 lb_tcp_step_secure(u8 state, enum lb_direction direction, u8 flags)
{
	enum lb_tcp_event event = lb_tcp_event_of(flags);

	return event == LB_EVENTS ? LB_S_CLOSE : lb_tcp_next_secure[direction][event][state & 15];
}

/* The states, as a set, in which a connection counts as active (kernel IPVS's ActiveConn). */
enum {
	LB_ACTIVE_STATES = 1 << LB_S_ESTABLISHED | 1 << LB_S_SYN_SENT | 1 << LB_S_SYN_RECV | 1 << LB_S_SYNACK |
	    1 << LB_S_SCTP_ESTABLISHED,
	/* Those that anybody can bring about without an answer. */
	LB_HALF_OPEN_STATES = 1 << LB_S_NONE | 1 << LB_S_SYN_RECV | 1 << LB_S_SYNACK | 1 << LB_S_UDP |
	    1 << LB_S_SCTP_NONE | 1 << LB_S_SCTP_INIT1 | 1 << LB_S_SCTP_INIT,
};

static LB_INLINE int lb_state_in(u8 state, u32 states)
{
	return states >> (state & 31) & 1;
}

static LB_INLINE int lb_state_active(u8 state)
{
	return lb_state_in(state, LB_ACTIVE_STATES);
}

#endif
