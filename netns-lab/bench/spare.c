// SPDX-License-Identifier: Apache-2.0
/*
 * Measure the time that the machine has to spare: on each core a thread that runs only when nothing else wants to
 * (SCHED_IDLE) counts turns of a loop. Prints one line: turns of all cores together, seconds.
 *
 *   spare SECONDS
 *
 * The kernel's own account (/proc/stat) samples at ticks, which says nothing true of work that comes in bursts.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
	MOST_CORES = 1024,
};

struct counter {
	pthread_t thread;
	int core;
	int failed;
	unsigned long turns;
} __attribute__((aligned(128)));

static struct counter counters[MOST_CORES];
static int over;

static void *count(void *argument)
{
	struct counter *counter = argument;
	struct sched_param none = {0};
	cpu_set_t cores;
	unsigned long turns = 0;

	CPU_ZERO(&cores);
	CPU_SET(counter->core, &cores);
	counter->failed = sched_setaffinity(0, sizeof(cores), &cores) || sched_setscheduler(0, SCHED_IDLE, &none);
	while (!counter->failed && !__atomic_load_n(&over, __ATOMIC_RELAXED))
		turns++;
	counter->turns = turns;
	return NULL;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int words, char **word)
{
	double seconds = words == 2 ? strtod(word[1], NULL) : 0, start = now();
	struct timespec duration = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	unsigned long turns = 0;
	cpu_set_t cores;
	int number = 0, failed = 0;

	if (seconds <= 0 || sched_getaffinity(0, sizeof(cores), &cores)) {
		fputs("spare: expected SECONDS\n", stderr);
		return 2;
	}
	for (int core = 0; core < CPU_SETSIZE && number < MOST_CORES; core++) {
		if (!CPU_ISSET(core, &cores))
			continue;
		counters[number].core = core;
		failed |= pthread_create(&counters[number].thread, NULL, count, &counters[number]);
		number++;
	}
	nanosleep(&duration, NULL);
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < number && !failed; i++) {
		pthread_join(counters[i].thread, NULL);
		failed |= counters[i].failed;
		turns += counters[i].turns;
	}
	if (failed) {
		fputs("spare: a core could not be counted on\n", stderr);
		return 1;
	}
	printf("%lu %.6f\n", turns, now() - start);
	return 0;
}
