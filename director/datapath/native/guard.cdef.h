/* SPDX-License-Identifier: Apache-2.0 */
/* The guard's keys as Python sets them; the layout is guard.h's. */
#define LB_GUARD_TO ...
#define LB_GUARD_FROM ...
#define LB_GUARD_LOCAL ...
#define LB_GUARD_PLAIN ...
#define LB_GUARD_FTP_DATA ...
#define LB_GUARD_BANK ...
struct lb_guard_key {
	uint8_t address[16];
	uint16_t port; /* network byte order */
	uint8_t protocol;
	uint8_t family;
	uint8_t side;
	...;
};
struct lb_guard_rule {
	uint8_t network[16];
	uint8_t mask[16];
	uint16_t first_port;
	uint16_t last_port;
	uint8_t protocol;
	uint8_t family;
	uint8_t list;
	uint8_t served;
};
struct lb_guard_wide {
	uint16_t keys;
	uint16_t first;
	uint16_t count;
	...;
};
