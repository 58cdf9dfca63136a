/* SPDX-License-Identifier: Apache-2.0 */
/* The data path as Python sees it; the meaning of each is said in the header that it comes from. */

/* table.h, entry.h, tcp.h: the layout that director/tables/layout.py mirrors */
#define LB_LINE ...
#define LB_IMAGE_MAGIC ...
#define LB_IMAGE_VERSION ...
#define LB_SERVICE_PROBES ...
#define LB_SERVER_PROBES ...
#define LB_MAX_SERVICES ...
#define LB_MAX_DESTS ...
#define LB_MAX_SERVICE_DESTS ...
#define LB_MAX_LINKS ...
#define LB_WAYS ...
#define LB_CONN_EMPTY ...
#define LB_CONN_DEAD ...
#define LB_CONN_BUSY ...
#define LB_CONN_FLOW ...
#define LB_CONN_REPLY ...
#define LB_CONN_FRAGMENT ...
#define LB_CONN_CACHE ...
#define LB_S_UDP ...
#define LB_S_SCTP_NONE ...
#define LB_S_COUNT ...
#define LB_CONN_TEMPLATE ...
#define LB_MAX_WORKERS ...
#define LB_MAX_WRITERS ...
#define LB_REASON_COUNT ...
#define LB_MEMORY_VERSION ...
#define LB_TRY_FRAMES ...

struct lb_addr {
	uint32_t word[4];
};
struct lb_image_header {
	...;
};
struct lb_service {
	...;
};
struct lb_dest {
	...;
};
struct lb_list_item {
	...;
};
struct lb_link {
	...;
};
struct lb_conn {
	uint64_t control;
	uint32_t expires;
	uint32_t dest;
	struct lb_addr caddr;
	struct lb_addr vaddr;
	uint16_t cport;
	uint16_t vport;
	uint8_t protocol;
	uint8_t kin;
	uint32_t peer;
	...;
};
#define LB_SHOWN_ASSURED ...
uint8_t lb_conn_state_of(const struct lb_conn *conn);
int lb_conn_template_of(const struct lb_conn *conn);
int lb_conn_ended_of(const struct lb_conn *conn);
int lb_conn_held_of(const struct lb_conn *conn);
uint8_t lb_conn_family_of(const struct lb_conn *conn);
uint32_t lb_conn_packets_of(const struct lb_conn *conn);

/* datapath.h */
struct lb_counters {
	uint64_t connections;
	uint64_t packets_in;
	uint64_t bytes_in;
	uint64_t packets_out;
	uint64_t bytes_out;
	...;
};
struct lb_dest_state {
	uint32_t active;
	uint32_t inactive;
	uint32_t persistent;
	uint32_t flags;
	uint32_t upper;
	uint32_t lower;
	uint64_t path;
	...;
};
struct lb_datapath;
struct lb_datapath *lb_datapath_new(uint32_t sets, uint32_t workers, uint64_t seed);
void lb_datapath_free(struct lb_datapath *datapath);
struct lb_dest_state;
struct lb_service_state {
	...;
};
struct lb_reason_counts {
	...;
};
struct lb_defence {
	uint32_t rate;
	uint32_t turn;
};
struct lb_maps {
	struct lb_conn *conns;
	uint32_t sets;
	uint32_t cpus;
	uint64_t seed;
	struct lb_dest_state *dests;
	struct lb_service_state *services;
	struct lb_counters *dest_counts;
	struct lb_counters *service_counts;
	struct lb_reason_counts *reasons;
	struct lb_defence *defence;
};
struct lb_datapath *lb_datapath_over(const struct lb_maps *maps);
struct lb_shared {
	uint32_t active_first;
	uint32_t test_now;
	uint64_t icmp_bucket;
	uint32_t result_reason;
	uint32_t result_ifindex;
	struct lb_defence defence;
	...;
};
struct lb_load_settings {
	uint32_t image_lines;
	uint32_t set_mask;
	uint64_t seed;
};
int lb_datapath_swap(struct lb_datapath *datapath, const void *bytes, size_t length);
void lb_image_place(void *array, uint32_t first, const void *bytes, size_t length);
void lb_datapath_reset_service(struct lb_datapath *datapath, uint32_t id);
void lb_datapath_reset_dest(struct lb_datapath *datapath, uint32_t id);
void lb_datapath_zero(struct lb_datapath *datapath);
void lb_datapath_wrr_changed(struct lb_datapath *datapath, uint32_t service, int32_t gcd, int32_t max);
struct lb_counters lb_datapath_service_counters(const struct lb_datapath *datapath, uint32_t id);
struct lb_counters lb_datapath_dest_counters(const struct lb_datapath *datapath, uint32_t id);
struct lb_dest_state lb_datapath_dest_state(const struct lb_datapath *datapath, uint32_t id);
uint64_t lb_datapath_reason_count(const struct lb_datapath *datapath, uint32_t reason);
const char *lb_reason_name(uint32_t reason);
int lb_reason_verdict(uint32_t reason);
const char *lb_reason_text(uint32_t reason);
uint32_t lb_clock(void);

/* conntable.h */
struct lb_conn_query {
	uint8_t protocol;
	uint8_t family;
	uint16_t vport;
	struct lb_addr vaddr;
	struct lb_addr client;
	struct lb_addr client_mask;
	uint8_t client_family;
	uint8_t flows_only;
	uint32_t states;
	uint32_t dests;
	const uint8_t *dest_wanted;
	...;
};
uint32_t lb_conns_select(struct lb_datapath *datapath, const struct lb_conn_query *query, uint32_t now,
			 uint32_t *cursor, struct lb_conn *out, uint32_t max);
uint64_t lb_conns_count(struct lb_datapath *datapath, const struct lb_conn_query *query, uint32_t now);
void lb_conns_census(struct lb_datapath *datapath, uint32_t now, uint8_t *seen, uint32_t length);
uint64_t lb_conns_end(struct lb_datapath *datapath, const struct lb_conn_query *query, uint32_t now);
uint32_t lb_datapath_sweep(struct lb_datapath *datapath, uint64_t now_ms);
struct lb_sweeper;
struct lb_sweeper *lb_sweeper_new(struct lb_datapath *datapath);
void lb_sweeper_free(struct lb_sweeper *sweeper);
uint32_t lb_sweep(struct lb_sweeper *sweeper, uint32_t sets, uint32_t now);
uint64_t lb_conns_places(const struct lb_datapath *datapath, uint32_t kind);

/* defence.h */
uint32_t lb_datapath_defend(struct lb_datapath *datapath, uint32_t rate, int drop_entries, uint32_t now,
			    uint64_t chance);

/* rates.h */
#define LB_COUNTED ...
struct lb_rate {
	uint64_t total[5];
	int64_t scaled[5];
};
struct lb_rates;
struct lb_rates *lb_rates_new(void);
void lb_rates_free(struct lb_rates *rates);
void lb_rates_tick(struct lb_rates *rates, const struct lb_datapath *datapath, uint32_t services, uint32_t dests);
void lb_rates_begin_service(struct lb_rates *rates, const struct lb_datapath *datapath, uint32_t id);
void lb_rates_begin_dest(struct lb_rates *rates, const struct lb_datapath *datapath, uint32_t id);
struct lb_rate lb_rates_service(const struct lb_rates *rates, uint32_t id);
struct lb_rate lb_rates_dest(const struct lb_rates *rates, uint32_t id);

/* sync.h */
#define LB_SYNC_ENTERED ...
#define LB_SYNC_UPDATED ...
#define LB_SYNC_STALE ...
#define LB_SYNC_UNKNOWN ...
#define LB_SYNC_FULL ...
#define LB_TIMEOUTS ...
struct lb_sync_flow {
	...;
};
struct lb_sync_rule {
	uint32_t threshold;
	uint32_t period;
	uint32_t refresh;
	uint32_t retries;
	uint32_t timeouts[...];
};
struct lb_client {
	uint32_t ifindex;
	uint8_t mac[6];
	...;
};
struct lb_teller;
struct lb_teller *lb_teller_new(const struct lb_datapath *datapath);
void lb_teller_free(struct lb_teller *teller);
uint32_t lb_teller_collect(struct lb_teller *teller, struct lb_datapath *datapath, const struct lb_sync_rule *rule,
			   uint32_t now, uint32_t places, struct lb_sync_flow *out, uint32_t max);
uint32_t lb_teller_rounds(const struct lb_teller *teller);
int lb_sync_enter(struct lb_datapath *datapath, struct lb_teller *teller, const struct lb_sync_flow *flow,
		  const struct lb_client *client, uint32_t now);
int lb_sync_lead(struct lb_datapath *datapath, const struct lb_sync_flow *flow, const struct lb_client *client,
		 uint32_t now);

/* worker.h */
struct lb_pool;
struct lb_pool *lb_pool_new(struct lb_datapath *datapath, uint32_t threads);
void lb_pool_free(struct lb_pool *pool);
int lb_pool_start(struct lb_pool *pool);
int lb_pool_add_interface(struct lb_pool *pool, uint32_t ifindex, int filter_fd);
int lb_pool_remove_interface(struct lb_pool *pool, uint32_t ifindex);
uint64_t lb_pool_ring_drops(struct lb_pool *pool);

/* try.h */
struct lb_test_frame {
	const uint8_t *data;
	uint32_t length;
	uint32_t ifindex;
	uint8_t flags;
	uint8_t gso_type;
	uint16_t gso_size;
	uint16_t hdr_len;
	uint16_t csum_start;
	uint16_t csum_offset;
};
struct lb_test_out {
	uint32_t length;
	uint8_t flags;
	uint8_t gso_type;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};
struct lb_test_answer {
	uint32_t verdict;
	uint32_t reason;
	uint32_t ifindex;
	uint32_t frames;
	struct lb_test_out out[128];
};
int lb_datapath_try(struct lb_datapath *datapath, uint32_t worker, const struct lb_test_frame *in, uint64_t now_ms,
		    uint8_t *out, size_t size, struct lb_test_answer *answer);
