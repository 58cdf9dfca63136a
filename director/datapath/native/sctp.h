/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SCTP associations as kernel IPVS keeps them: which chunk is what event, and the tables that step through the states.
 *
 * The states are the server's (RFC 9260 §4), as far as what crosses the director tells. The association's event is the
 * packet's first chunk; only a COOKIE ECHO or COOKIE ACK that an ABORT follows counts as the ABORT. Chunks that the
 * tables do not know are data. With DR and TUN the server's half is never seen, and the INPUT-ONLY table guesses it.
 * The tables were taken down from a kernel's answers; no packets lead a half-seen association to C-SENT and the states
 * beyond that are made by the server's chunks: there the INPUT table answers.
 */
#ifndef LB_SCTP_H
#define LB_SCTP_H

#include "parse.h"
#include "tcp.h"

#define NO LB_S_SCTP_NONE
#define I1 LB_S_SCTP_INIT1
#define IN LB_S_SCTP_INIT
#define CS LB_S_SCTP_COOKIE_SENT
#define CR LB_S_SCTP_COOKIE_REPLIED
#define CW LB_S_SCTP_COOKIE_WAIT
#define CO LB_S_SCTP_COOKIE
#define CE LB_S_SCTP_COOKIE_ECHOED
#define ES LB_S_SCTP_ESTABLISHED
#define SS LB_S_SCTP_SHUTDOWN_SENT
#define SR LB_S_SCTP_SHUTDOWN_RECEIVED
#define SA LB_S_SCTP_SHUTDOWN_ACK_SENT
#define RJ LB_S_SCTP_REJECTED
#define CL LB_S_SCTP_CLOSED

/* clang-format off */
static const u8 lb_sctp_next[LB_DIRECTIONS][LB_SCTP_EVENTS][16] = {
	/*                              NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL */
	[LB_INPUT] = {
		[LB_SCTP_DATA] =              {ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_INIT] =              {I1, IN, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, IN, IN},
		[LB_SCTP_INIT_ACK] =          {CW, CW, CW, CS, CR, CO, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_COOKIE_ECHO] =       {CR, IN, IN, CR, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_COOKIE_ACK] =        {ES, I1, IN, CS, CR, CW, CO, ES, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_SHUTDOWN] =          {SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL},
		[LB_SCTP_SHUTDOWN_ACK] =      {CL, IN, IN, CS, CR, CW, CO, CE, ES, CL, SR, CL, RJ, CL},
		[LB_SCTP_SHUTDOWN_COMPLETE] = {CL, CL, CL, CS, CR, CW, CO, CE, ES, SS, SR, CL, RJ, CL},
		[LB_SCTP_ERROR] =             {CL, I1, IN, CS, CR, CW, CO, CL, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_ABORT] =             {CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL},
	},
	[LB_OUTPUT] = {
		[LB_SCTP_DATA] =              {ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_INIT] =              {CW, CW, CW, CW, CW, CW, CW, CW, ES, CW, CW, CW, CW, CW},
		[LB_SCTP_INIT_ACK] =          {CS, CS, CS, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_COOKIE_ECHO] =       {CE, CE, CE, CE, CE, CE, CE, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_COOKIE_ACK] =        {ES, ES, ES, ES, ES, ES, ES, ES, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_SHUTDOWN] =          {SS, SS, SS, SS, SS, SS, SS, SS, SS, SS, SR, SA, RJ, CL},
		[LB_SCTP_SHUTDOWN_ACK] =      {SA, SA, SA, SA, SA, CW, CO, CE, ES, SA, SA, SA, RJ, CL},
		[LB_SCTP_SHUTDOWN_COMPLETE] = {CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_ERROR] =             {CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_ABORT] =             {CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
	},
	[LB_INPUT_ONLY] = {
		[LB_SCTP_DATA] =              {ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_INIT] =              {I1, IN, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, IN, IN},
		[LB_SCTP_INIT_ACK] =          {CE, CE, CE, CS, CR, CO, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_COOKIE_ECHO] =       {ES, ES, ES, CR, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_COOKIE_ACK] =        {ES, I1, IN, CS, CR, CW, CO, ES, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_SHUTDOWN] =          {SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL},
		[LB_SCTP_SHUTDOWN_ACK] =      {CL, IN, IN, CS, CR, CW, CO, CE, CL, CL, SR, CL, RJ, CL},
		[LB_SCTP_SHUTDOWN_COMPLETE] = {CL, CL, CL, CS, CR, CW, CO, CE, ES, SS, CL, CL, RJ, CL},
		[LB_SCTP_ERROR] =             {CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
		[LB_SCTP_ABORT] =             {CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL},
	},
};
/* clang-format on */

#undef NO
#undef I1
#undef IN
#undef CS
#undef CR
#undef CW
#undef CO
#undef CE
#undef ES
#undef SS
#undef SR
#undef SA
#undef RJ
#undef CL

/* The state after a packet with this event. One without a chunk changes nothing. */
static LB_INLINE u8 lb_sctp_step(u8 state, enum lb_direction direction, u8 event)
{
	if (event >= LB_SCTP_EVENTS)
		return state;
	return lb_sctp_next[direction][event][state & 15];
}

/* Whether an SCTP packet of no association may open one. */
static LB_INLINE int lb_sctp_opens(const struct lb_packet *packet, int sloppy)
{
	return packet->sctp_event == LB_SCTP_INIT || (sloppy && packet->sctp_event != LB_SCTP_ABORT);
}

#endif
