// SPDX-License-Identifier: GPL-2.0
/*
 * A fuzzer of io_uring's zero-copy receive.
 *
 *   fuzz [--seed S] [--ops N] [--nic PERMILLE] [--verbose]
 *
 * Each operation is made valid, as the model of what is there has it, and then
 * spoilt in one place or another, or not. What is tried depends on the seed and
 * on what the kernel answered before; the same seed on the same kernel tries
 * the same. Not reproducible are: when the second thread writes, when data
 * arrives, and the numbers of file descriptors and addresses.
 */
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/meminfo.h"
#include "lib/netdev.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "queue.h"
#include "zc.h"

static const struct op {
	const char *name;
	int (*fn)(struct prng *p);
	unsigned int weight;
	enum { CALL, AROUND } kind;	/* of zcrx, or what is around it */
} ops[] = {
	{ "register", op_register, 70, CALL },
	{ "import", op_import, 30, CALL },
	{ "flush", op_flush, 100, CALL },
	{ "export", op_export, 30, CALL },
	{ "arm_event", op_arm, 60, CALL },
	{ "add_area", op_add_area, 40, CALL },
	{ "remove_area", op_remove_area, 40, CALL },
	{ "subscribe", op_subscribe, 30, CALL },
	{ "unregister", op_unregister, 12, CALL },
	{ "bind_queue", op_bind_queue, 12, CALL },
	{ "unbind_queue", op_unbind_queue, 10, CALL },
	{ "ctrl_unknown", op_ctrl_unknown, 15, CALL },
	{ "query", op_query, 80, CALL },
	{ "recv", op_recv, 120, CALL },
	{ "cancel", op_cancel, 40, AROUND },
	{ "send", op_send, 100, AROUND },
	{ "reconnect", op_reconnect, 8, AROUND },
	{ "reap", op_reap, 60, AROUND },
	{ "mmap", op_mmap, 50, CALL },
	{ "munmap", op_munmap, 40, CALL },
	{ "ring_close", op_ring_close, 5, AROUND },
	{ "close_fd", op_close_fd, 20, AROUND },
	{ "fdinfo", op_fdinfo, 8, AROUND },
	{ "netlink", op_netlink, 4, AROUND },
	{ "scribble", op_scribble, 120, AROUND },
	{ "honest", op_honest, 40, AROUND },
};

#define SLOW		5.0	/* seconds */
#define NR_FUZZ_OPS	(sizeof(ops) / sizeof(ops[0]))

static const struct op nic_ops[] = {
	{ "register_nic", op_register_nic, 3, CALL },
	{ "nic_stream", op_nic_stream, 1, CALL },
};

static const struct op *choose(struct prng *p, unsigned int nic)
{
	unsigned int sum = 0, i;
	__u64 at;

	if (prng_below(p, 1000) < nic)
		return &nic_ops[prng_below(p, 4) == 3];
	for (i = 0; i < NR_FUZZ_OPS; i++)
		sum += ops[i].weight;
	at = prng_below(p, sum);
	for (i = 0; at >= ops[i].weight; i++)
		at -= ops[i].weight;
	return &ops[i];
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void run(__u64 seed, __u64 nr, unsigned int nic, bool verbose)
{
	__u64 i;

	for (i = 0; i < nr; i++) {
		const struct op *op;
		double start = now();
		struct prng p;
		int ret;

		prng_init(&p, seed, i);
		op = choose(&p, nic);
		if (verbose) {
			printf("# %llu %s", (unsigned long long)i, op->name);
			fflush(stdout);
		}
		ret = op->fn(&p);
		if (verbose)
			printf(" %d\n", ret);
		/* no operation should wait for long: the rest would be few */
		if (now() - start > SLOW)
			printf("# operation %llu, %s, took %.1f s: %d\n",
			       (unsigned long long)i, op->name, now() - start,
			       ret);
		report_add(op->name, ret);
		report_ops++;
		report_ok += !ret;
		if (op->kind == CALL) {
			report_calls++;
			report_calls_ok += !ret;
		}
	}
}

static unsigned int tests, failures;

static void expect(bool good, const char *what)
{
	printf("%sok %u %s\n", good ? "" : "not ", ++tests, what);
	failures += !good;
}

/*
 * The user's account of locked memory is not told. But with a limit that is
 * just what a registration costs, one goes well only if nothing is left of it.
 */
static bool account_is_empty(void)
{
	const size_t len = 16 * FUZZ_PAGE;
	const struct rlimit limit = {
		len + zc_region_len(8),
		len + zc_region_len(8),
	};
	const struct zc_config cfg = {
		.nodev = true,
		.kind = AREA_USER,
		.area_len = len,
		.rq_entries = 8,
		.cq_entries = 8,
	};
	unsigned int tries;
	struct zc zc;
	int ret = -1;

	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		return false;
	/* it may be that a ring takes its time to go */
	for (tries = 0; tries < 50 && ret; tries++) {
		ret = zc_open(&zc, &cfg);
		if (ret)
			usleep(100000);
	}
	if (!ret)
		zc_close(&zc);
	return !ret && pins_wait(0, WIRE_PATIENCE_MS) == 0;
}

static void die_of_usage(void)
{
	fputs("usage: fuzz [--seed S] [--ops N] [--nic PERMILLE] [--verbose]\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	unsigned long long seed = 1, nr = 20000, nic = 2;
	__u32 ifindex = if_nametoindex(WIRE_IF);
	bool verbose = false;
	double start;
	int i, ret;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--verbose"))
			verbose = true;
		else if (i + 1 == argc)
			die_of_usage();
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--ops"))
			nr = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--nic"))
			nic = strtoull(argv[++i], NULL, 0);
		else
			die_of_usage();
	}

	printf("TAP version 13\n1..7\n");
	fflush(stdout);
	/* ends what hangs, with a signal that is no success */
	alarm(300 + nr / 20);
	signal(SIGPIPE, SIG_IGN);
	ret = pins_wait(0, WIRE_PATIENCE_MS);
	if (!ret)
		ret = model_open();
	if (!ret)
		ret = honest_open();
	if (!ret)
		ret = scribbler_start(seed);
	if (ret) {
		printf("Bail out! cannot set up: %d\n", ret);
		return 1;
	}

	start = now();
	run(seed, nr, nic, verbose);
	scribbler_stop();
	ret = honest_finish();
	start = now() - start;
	report_print();
	printf("# scribbles %llu\n", scribbles);
	printf("# calls of zcrx %llu, of which %llu succeeded\n", report_calls,
	       report_calls_ok);
	printf("# with the NIC %llu\n", report_nic);

	expect(report_ops == nr, "all operations were done");
	expect(report_calls && 5 * report_calls_ok >= report_calls,
	       "a fifth of the calls of zcrx succeeded");
	expect(!ret && honest.bytes, "honest streams arrived, each byte compared");

	model_close();
	honest_close();
	expect(!queue_wait_free(ifindex, WIRE_RXQ, WIRE_PATIENCE_MS) &&
	       !netdev_wait_no_pools(ifindex, WIRE_PATIENCE_MS),
	       "the NIC's queue is free, and its page_pools are gone");
	expect(!pins_wait(0, WIRE_PATIENCE_MS), "no page is pinned");
	expect(!meminfo_pinned_kib(), "nothing is accounted to the process");
	expect(account_is_empty(), "nothing is accounted to the user");

	printf("# fuzz seed=%llu ops=%llu ok=%llu bytes=%llu lost=%llu seconds=%.1f\n",
	       seed, report_ops, report_ok, honest.bytes, honest.lost, start);
	return failures ? 1 : 0;
}
