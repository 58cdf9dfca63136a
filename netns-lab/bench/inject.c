// SPDX-License-Identifier: Apache-2.0
/*
 * Send 64-byte UDP frames of many flows in turn, as fast as the kernel makes them itself (BPF_PROG_TEST_RUN with live
 * frames, Linux 5.18): several times what a packet socket takes. All that becomes of a frame up to its end is done on
 * this core before the next batch, and nothing else runs here meanwhile: the rate is that of the whole way on one core.
 * Prints one line: frames sent, seconds. Runs `make` of frames.bpf.c; knows nothing of who receives.
 *
 *   inject OBJECT INTERFACE DESTINATION-MAC DESTINATION PORT FLOWS SECONDS
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "frame.h"

enum {
	FRAMES_PER_CALL = 300000, /* a call sets up memory for its frames, which is to weigh nothing */
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Load the generator with its plan and return its descriptor; negative: it can't be. */
static int load(const char *path, const struct frame_plan *plan)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;
	struct bpf_map *map;

	if (!object)
		return -1;
	bpf_object__for_each_program(program, object)
	    bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), "make"));
	map = bpf_object__find_map_by_name(object, ".bss");
	if (!map || bpf_map__set_initial_value(map, plan, sizeof(*plan)) || bpf_object__load(object))
		return -1;
	program = bpf_object__find_program_by_name(object, "make");
	return program ? bpf_program__fd(program) : -1;
}

static long run(int program, const char *interface, const struct frame *blank, double seconds)
{
	struct frame frame = *blank;
	struct xdp_md context = {.data_end = sizeof(frame), .ingress_ifindex = if_nametoindex(interface)};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &frame, .data_size_in = sizeof(frame), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = FRAMES_PER_CALL, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	double end = now() + seconds;
	long sent = 0;

	do {
		if (bpf_prog_test_run_opts(program, &options))
			return -1;
		sent += FRAMES_PER_CALL;
	} while (now() < end);
	return sent;
}

int main(int count, char **word)
{
	const struct sched_param first = {.sched_priority = 1};
	struct frame_plan plan = {0};
	struct ether_addr *mac;
	struct in_addr to;
	double start;
	long sent = -1;
	int program;

	mac = count == 8 ? ether_aton(word[3]) : NULL;
	if (!mac || inet_pton(AF_INET, word[4], &to) != 1) {
		fputs("inject: expected OBJECT INTERFACE MAC ADDRESS PORT FLOWS SECONDS\n", stderr);
		return 2;
	}
	plan.blank = frame_blank(mac->ether_addr_octet, to.s_addr, (__u16)strtoul(word[5], NULL, 10));
	plan.flows = (__u32)strtoul(word[6], NULL, 10);
	program = load(word[1], &plan);
	start = now();
	if (program >= 0 && !sched_setscheduler(0, SCHED_FIFO, &first))
		sent = run(program, word[2], &plan.blank, strtod(word[7], NULL));
	if (sent < 0) {
		perror("inject");
		return 1;
	}
	printf("%ld %.6f\n", sent, now() - start);
	return 0;
}
