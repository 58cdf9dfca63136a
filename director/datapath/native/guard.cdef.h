/* SPDX-License-Identifier: Apache-2.0 */
/* The guard's keys as Python sets them; the layout is guard.h's. */
#define LB_GUARD_TO ...
#define LB_GUARD_FROM ...
#define LB_GUARD_LOCAL ...
struct lb_guard_key {
	uint8_t address[16];
	uint16_t port; /* network byte order */
	uint8_t protocol;
	uint8_t family;
	uint8_t side;
	...;
};
