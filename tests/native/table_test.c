// SPDX-License-Identifier: Apache-2.0
/*
 * The connection table against a shadow of it: `table_test alone|together|persistent TAPE`.
 *
 * The tape holds one image with a UDP service that is reached by NAT, a client's datagram and a real server's answer;
 * flows differ by the client's port. `alone`: in a table that is too small, a live flow is always found and a dead one
 * never, and where there is no place, the flow that was idle for longest gives way. `together`: workers, sweeps, swaps of the image, and another director that
 * tells of the same flows, at once; when all is over, nothing is left and every
 * count is back at zero. `persistent`: the same with a persistent service, and another director tells of templates, too.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conntable.h"
#include "sync.h"
#include "tape.h"

enum {
	FLOWS = 24,
	STEPS = 1000000,
	SMALL_SETS = 2,
	LIFE = 7000,   /* ms: the image's UDP timeout */
	AGAIN = 60000, /* ms, that a template has which flows held */
	WORKERS = 3,
	SHARED_SETS = 8,
	STEPS_TOGETHER = 400000,
	CLIENT_PORT_ASKING = LB_ETH_HLEN + 20,
	CLIENT_PORT_ANSWERING = LB_ETH_HLEN + 22,
	FIRST_PORT = 40000,
	DEST = 1, /* the only one */
	FRAME_MAX = 128,
};

struct script {
	int persistent;
	struct tape tape;
	struct tape_record image;
	struct tape_arrival asking, answering;
	u8 question[FRAME_MAX], answer[FRAME_MAX];
	u32 question_length, answer_length;
};

static void script_read(struct script *script, const char *path)
{
	struct tape_record record;

	script->tape = tape_open(path);
	while (tape_next(&script->tape, &record)) {
		int first = script->question_length == 0;
		u32 length = record.length - sizeof(struct tape_arrival);

		if (record.kind == TAPE_SWAP)
			script->image = record;
		if (record.kind != TAPE_FRAME || length > FRAME_MAX)
			continue;
		memcpy(first ? &script->asking : &script->answering, record.body, sizeof(struct tape_arrival));
		memcpy(first ? script->question : script->answer, record.body + sizeof(struct tape_arrival), length);
		*(first ? &script->question_length : &script->answer_length) = length;
	}
}

static u32 next_random(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (u32)(*seed >> 16);
}

/* Send the question or the answer of a flow through a worker; returns the reason. */
static u32 script_send(const struct script *script, struct lb_datapath *datapath, u32 worker, u32 flow, int asks,
		       u32 now)
{
	const struct tape_arrival *arrival = asks ? &script->asking : &script->answering;
	u32 length = asks ? script->question_length : script->answer_length;
	be16 port = lb_htons(FIRST_PORT + flow);
	struct lb_test_answer answer;
	u8 frame[FRAME_MAX], out[2 * FRAME_MAX];
	struct lb_test_frame in = {.data = frame, .length = length, .ifindex = arrival->ifindex};

	memcpy(frame, asks ? script->question : script->answer, length);
	memcpy(frame + (asks ? CLIENT_PORT_ASKING : CLIENT_PORT_ANSWERING), &port, sizeof(port));
	if (lb_datapath_try(datapath, worker, &in, now, out, sizeof(out), &answer))
		tape_fail("a frame was not tried");
	return answer.reason;
}

struct shadow {
	u32 expires[FLOWS]; /* 0: no flow */
	u32 now;
};

static int shadow_lives(const struct shadow *shadow, u32 flow)
{
	return shadow->expires[flow] > shadow->now;
}

static u32 shadow_count(const struct shadow *shadow)
{
	u32 count = 0;

	for (u32 flow = 0; flow < FLOWS; flow++)
		count += shadow_lives(shadow, flow);
	return count;
}

static int opened(u32 reason)
{
	return reason == LB_REASON_NEW || reason == LB_REASON_NEW_STATELESS;
}

static void hold_step(struct shadow *shadow, u32 flow, int asks, u32 reason)
{
	int lives = shadow_lives(shadow, flow);

	if (lives && reason != (asks ? LB_REASON_HIT : LB_REASON_REPLY))
		tape_fail("a live flow was not found");
	if (!lives && !asks && reason != LB_REASON_NO_SERVICE)
		tape_fail("a dead flow's answer was forwarded");
	if (!lives && asks && !opened(reason))
		tape_fail("a dead flow was found, or nobody gave way to a new one");
	if (lives || opened(reason))
		shadow->expires[flow] = shadow->now + LIFE;
}

/* Let the flow that gave way to a new one go from the shadow; returns how many did. */
static u32 hold_way_given(struct lb_datapath *datapath, struct shadow *shadow)
{
	struct lb_conn_query every = {0};
	struct lb_conn listed[FLOWS];
	u32 cursor = 0, count = lb_conns_select(datapath, &every, shadow->now, &cursor, listed, FLOWS);
	u32 oldest = ~0U, gone = FLOWS, gave_way = shadow_count(shadow) - count;
	int seen[FLOWS] = {0};

	for (u32 i = 0; i < count; i++)
		seen[lb_ntohs(listed[i].cport) - FIRST_PORT] = 1;
	for (u32 flow = 0; flow < FLOWS; flow++) {
		if (!shadow_lives(shadow, flow))
			continue;
		oldest = shadow->expires[flow] < oldest ? shadow->expires[flow] : oldest;
		gone = seen[flow] ? gone : flow;
	}
	/* A flow takes two places: with fewer than a set's worth taken, neither set can be full. */
	if (gave_way > 1 || (gave_way && 2 * count <= LB_WAYS))
		tape_fail("more gave way than had to");
	if (gave_way && shadow->expires[gone] != oldest)
		tape_fail("one gave way that was not idle for longest");
	if (gave_way)
		shadow->expires[gone] = 0;
	return gave_way;
}

static void hold_counts(struct lb_datapath *datapath, const struct shadow *shadow)
{
	struct lb_conn_query every = {0};
	struct lb_dest_state state = lb_datapath_dest_state(datapath, DEST);

	if (lb_conns_count(datapath, &every, shadow->now) != shadow_count(shadow))
		tape_fail("the listing is not what lives");
	if (state.active != 0 || state.inactive < shadow_count(shadow) || state.inactive > FLOWS)
		tape_fail("the destination's counts are not its connections");
}

static void hold_nothing_left(struct lb_datapath *datapath, u32 now)
{
	struct lb_conn_query every = {0};
	struct lb_dest_state state;

	lb_datapath_sweep(datapath, now);
	now += 2 * AGAIN; /* a template has this time once its flows are gone */
	lb_datapath_sweep(datapath, now);
	state = lb_datapath_dest_state(datapath, DEST);
	if (lb_conns_count(datapath, &every, now) || state.active || state.inactive || state.persistent)
		tape_fail("something is left when all has ended");
}

static void run_alone(const struct script *script)
{
	struct lb_datapath *datapath = lb_datapath_new(SMALL_SETS, 1, 1);
	struct lb_sweeper *sweeper = datapath ? lb_sweeper_new(datapath) : NULL;
	struct shadow shadow = {.now = 1000};
	u32 reasons[LB_REASON_COUNT] = {0}, gave_way = 0;
	u64 seed = 0x2545f4914f6cdd1d;

	if (!sweeper)
		tape_fail("no memory");
	tape_steer(datapath, &script->image);
	for (u32 step = 0; step < STEPS; step++) {
		u32 dice = next_random(&seed) % 100, flow = next_random(&seed) % FLOWS, reason;
		int asks = next_random(&seed) % 3 != 0;

		if (dice < 15)
			shadow.now += next_random(&seed) % 2000;
		else if (dice < 30)
			lb_sweep(sweeper, 1 + next_random(&seed) % SMALL_SETS, shadow.now);
		reason = script_send(script, datapath, 0, flow, asks, shadow.now);
		reasons[reason]++;
		hold_step(&shadow, flow, asks, reason);
		if (opened(reason))
			gave_way += hold_way_given(datapath, &shadow);
		if (dice > 95)
			hold_counts(datapath, &shadow);
	}
	if (!reasons[LB_REASON_HIT] || !gave_way || !reasons[LB_REASON_REPLY])
		tape_fail("the steps did not reach what they are there for");
	hold_nothing_left(datapath, shadow.now + 10 * LIFE);
	lb_sweeper_free(sweeper);
	lb_datapath_free(datapath);
}

struct thread {
	const struct script *script;
	struct lb_datapath *datapath;
	u32 *now;
	u32 worker;
	u32 running;
};

static void *run_worker(void *argument)
{
	struct thread *thread = argument;
	u64 seed = 0x2545f4914f6cdd1d + thread->worker;

	for (u32 step = 0; step < STEPS_TOGETHER; step++) {
		u32 flow = next_random(&seed) % (2 * FLOWS), now = __atomic_load_n(thread->now, __ATOMIC_RELAXED);
		int asks = next_random(&seed) % 3 != 0;

		script_send(thread->script, thread->datapath, thread->worker, flow, asks, now);
	}
	__atomic_store_n(&thread->running, 0, __ATOMIC_RELEASE);
	return NULL;
}

static int any_running(struct thread *threads)
{
	int running = 0;

	for (u32 i = 0; i < WORKERS; i++)
		running |= __atomic_load_n(&threads[i].running, __ATOMIC_ACQUIRE);
	return running;
}

/* Make a client's template of a flow, its own or that of one who never comes. */
static void make_template(struct lb_sync_flow *flow, u64 *seed)
{
	flow->template = 1;
	flow->cport = 0;
	flow->state = next_random(seed) % 2;
	flow->caddr.word[0] += next_random(seed) % 2;
}

/* A flow as another director would tell of it, whose client may be known. */
static void tell_of(const struct script *script, struct lb_datapath *datapath, struct lb_teller *teller, u64 *seed,
		    u32 now)
{
	struct lb_client client = {.ifindex = next_random(seed) % 2 ? script->asking.ifindex : 0, .mac = {2}};
	struct lb_sync_flow flow = {
	    .cport = FIRST_PORT + next_random(seed) % (2 * FLOWS),
	    .protocol = LB_IPPROTO_UDP,
	    .family = LB_FAMILY_IPV4,
	    .state = LB_S_UDP,
	    .dest = DEST,
	    .timeout = 1 + next_random(seed) % LIFE,
	    .packets = 3,
	};
	be16 vport;

	memcpy(&flow.caddr, script->question + LB_ETH_HLEN + 12, sizeof(be32));
	memcpy(&flow.vaddr, script->question + LB_ETH_HLEN + 16, sizeof(be32));
	memcpy(&vport, script->question + CLIENT_PORT_ASKING + sizeof(be16), sizeof(vport));
	flow.vport = lb_ntohs(vport);
	if (script->persistent && next_random(seed) % 2)
		make_template(&flow, seed);
	if (next_random(seed) % 4 == 0)
		lb_sync_lead(datapath, &flow, &client, now);
	else if (lb_sync_enter(datapath, teller, &flow, &client, now) == LB_SYNC_UNKNOWN)
		tape_fail("the destination is not known");
}

/* What is found to be told of must be one of these flows. */
static void collect_some(struct lb_datapath *datapath, struct lb_teller *teller, u32 now)
{
	static const struct lb_sync_rule rule = {.threshold = 1, .period = 1};
	struct lb_sync_flow found[FLOWS];
	u32 count = lb_teller_collect(teller, datapath, &rule, now, LB_WAYS, found, FLOWS);

	for (u32 i = 0; i < count; i++)
		if (found[i].dest != DEST ||
		    (!found[i].template && (found[i].cport < FIRST_PORT || found[i].cport >= FIRST_PORT + 2 * FLOWS)))
			tape_fail("a flow was told of that there is not");
}

static void run_together(const struct script *script)
{
	struct lb_datapath *datapath = lb_datapath_new(SHARED_SETS, WORKERS, 1);
	struct lb_sweeper *sweeper = datapath ? lb_sweeper_new(datapath) : NULL;
	struct lb_teller *teller = datapath ? lb_teller_new(datapath) : NULL;
	u64 seed = 99;
	struct thread threads[WORKERS];
	pthread_t ids[WORKERS];
	u32 now = 1000;

	if (!sweeper || !teller)
		tape_fail("no memory");
	tape_steer(datapath, &script->image);
	for (u32 i = 0; i < WORKERS; i++) {
		threads[i] =
		    (struct thread){.script = script, .datapath = datapath, .now = &now, .worker = i, .running = 1};
		if (pthread_create(&ids[i], NULL, run_worker, &threads[i]))
			tape_fail("no thread");
	}
	for (u64 turn = 0; any_running(threads); turn++) {
		lb_sweep(sweeper, 1 + turn % SHARED_SETS, now);
		__atomic_add_fetch(&now, 50, __ATOMIC_RELAXED);
		tell_of(script, datapath, teller, &seed, now);
		collect_some(datapath, teller, now);
		if (turn % 16 == 0)
			tape_steer(datapath, &script->image);
	}
	for (u32 i = 0; i < WORKERS; i++)
		pthread_join(ids[i], NULL);
	hold_nothing_left(datapath, now + 10 * LIFE);
	lb_teller_free(teller);
	lb_sweeper_free(sweeper);
	lb_datapath_free(datapath);
}

int main(int argc, char **argv)
{
	struct script script = {0};

	if (argc != 3)
		tape_fail("usage: table_test alone|together|persistent TAPE");
	script_read(&script, argv[2]);
	script.persistent = !strcmp(argv[1], "persistent");
	if (!strcmp(argv[1], "alone"))
		run_alone(&script);
	else
		run_together(&script);
	free(script.tape.bytes);
	return 0;
}
