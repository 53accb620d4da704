// SPDX-License-Identifier: GPL-2.0
/*
 * What a received byte costs, by each way to receive. One line for each way and
 * round; a round goes through all ways, so that a drift meets all of them.
 *
 *   bench [OPTION]... MTU ROUNDS MIB [METHOD...]
 *
 *   --wall	measure time; without it, QEMU counts instructions
 *		(bench/run), and this prints 0 for them
 *   --if IF, --queue N		what zero-copy receive binds (eth0, 1)
 *   --source ADDRESS		where `sender` runs (10.0.0.2)
 *
 * An MTU of 0 leaves the interface's as it is.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account.h"
#include "copy_cost.h"
#include "mark.h"
#include "method.h"
#include "source.h"
#include "tcp.h"

#define MIB		(1024 * 1024ULL)
#define AREA_LEN	(32 * MIB)
/* TCP finds its window meanwhile */
#define WARM_UP		(8 * MIB)

static const struct bench_method *const methods[] = {
	&method_trunc, &method_recv, &method_epoll, &method_uring,
	&method_tcp_zc, &method_devmem, &method_zcrx_user,
	&method_zcrx_udmabuf,
};

static const char *source = SOURCE_ADDR;
static bool wall;

#define NR_METHODS	(sizeof(methods) / sizeof(methods[0]))

static struct stream stream;

/* The sender may not be there yet, or be with the connection before. */
static int connect_to_source(void)
{
	unsigned int tries;
	int fd = -1;

	for (tries = 0; tries < 600; tries++) {
		fd = tcp_connect(source, SOURCE_PORT);
		if (fd != -ECONNREFUSED)
			break;
		usleep(100 * 1000);
	}
	return fd;
}

static void count(const struct bench_method *m, struct bench *b)
{
	if (m->count)
		m->count(b);
}

static int measure(const struct bench_method *m, struct bench *b,
		   uint64_t bytes, struct account *spent,
		   struct bench_count *before)
{
	struct account start;
	int ret;

	b->failed = "warm-up";
	ret = m->receive(b, WARM_UP);
	if (ret)
		return ret;

	count(m, b);
	*before = b->n;
	b->failed = "receive";
	if (wall)
		account_start(&start);
	if (!b->check)
		mark_start();
	ret = m->receive(b, before->bytes + bytes);
	if (!b->check)
		mark_stop();
	if (wall)
		account_stop(&start, spent);
	count(m, b);
	return ret;
}

static int run_connected(const struct bench_method *m, struct bench *b,
			 uint64_t bytes, struct account *spent,
			 struct bench_count *before)
{
	int ret = 0;

	b->failed = "open";
	if (m->open)
		ret = m->open(b);
	if (ret)
		return ret;
	ret = measure(m, b, bytes, spent, before);
	if (m->close)
		m->close(b);
	return ret;
}

static int run(const struct bench_method *m, struct bench *b, uint64_t bytes,
	       struct account *spent, struct bench_count *before)
{
	int ret = 0;

	b->failed = "setup";
	if (m->setup)
		ret = m->setup(b);
	if (ret)
		return ret;

	b->failed = "connection to the source";
	b->sock = connect_to_source();
	if (b->sock < 0) {
		ret = b->sock;
	} else {
		ret = run_connected(m, b, bytes, spent, before);
		/* first, as its queue holds buffers */
		close(b->sock);
	}
	if (m->teardown)
		m->teardown(b);
	return ret;
}

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

/* bench/table knows the order of the columns. */
static void print_round(int mtu, const char *name, unsigned int round,
			const struct account *spent,
			const struct bench_count *before,
			const struct bench_count *after, double copy_cost)
{
	const uint64_t column[] = {
		after->bytes - before->bytes,
		spent->user, spent->system, spent->rest,
		copy_cost * (after->copied - before->copied),
		after->copied - before->copied,
		after->syscalls - before->syscalls,
		after->cqes - before->cqes,
		after->returned - before->returned,
		after->publishes - before->publishes,
		spent->clock, spent->cycles,
	};
	size_t i;

	printf("%d\t%s\t%u", mtu, name, round);
	for (i = 0; i < sizeof(column) / sizeof(column[0]); i++)
		printf("\t%llu", (unsigned long long)column[i]);
	putchar('\n');
}

/* Takes the options; returns where the rest begins, or -1. */
static int parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "wall", no_argument, NULL, 'w' },
		{ "if", required_argument, NULL, 'i' },
		{ "queue", required_argument, NULL, 'q' },
		{ "source", required_argument, NULL, 's' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'w':
			wall = true;
			break;
		case 'i':
			bench_if = optarg;
			break;
		case 'q':
			bench_rxq = atoi(optarg);
			break;
		case 's':
			source = optarg;
			break;
		default:
			return -1;
		}
	}
	return argc - optind < 3 ? -1 : optind;
}

int main(int argc, char **argv)
{
	unsigned int rounds, round, i;
	uint64_t bytes;
	int mtu, ret;

	ret = parse_options(argc, argv);
	if (ret < 0) {
		fprintf(stderr, "usage: %s [OPTION]... MTU ROUNDS MIB [METHOD...]\n",
			argv[0]);
		return 2;
	}
	argv += ret;
	mtu = atoi(argv[0]);
	rounds = atoi(argv[1]);
	bytes = strtoull(argv[2], NULL, 10) * MIB;
	if (wall && account_open())
		return 1;
	ret = mtu ? net_set_mtu(bench_if, mtu) : 0;
	if (ret) {
		fprintf(stderr, "bench: MTU %d on %s: %s\n", mtu, bench_if,
			strerror(-ret));
		return 1;
	}
	stream_init(&stream, SOURCE_SEED);

	/* in round 0 every byte is compared, and nothing printed */
	for (round = 0; round <= rounds; round++) {
		const double copy_cost = copy_cost_per_byte();

		for (i = 0; i < NR_METHODS; i++) {
			const struct bench_method *m = methods[i];
			struct bench_count before = {};
			struct account spent = {};
			struct bench b = {
				.area_len = AREA_LEN,
				.check = round ? NULL : &stream,
			};

			if (!wanted(m->name, argv + 3))
				continue;
			ret = run(m, &b, bytes, &spent, &before);
			if (ret) {
				fprintf(stderr, "bench: %s: %s failed: %s\n",
					m->name, b.failed, strerror(-ret));
				return 1;
			}
			if (!round)
				continue;
			print_round(mtu, m->name, round, &spent, &before, &b.n,
				    copy_cost);
			fflush(stdout);
		}
	}
	return 0;
}
