// SPDX-License-Identifier: GPL-2.0
/*
 * Two queues of a NIC, a thread and a ring for each, one set of areas: whether they wait
 * for each other. The kernel counts that while payload comes in and buffers go back, and
 * not while queues come and go. bench/contention runs it, and reads the counts.
 *
 *	queues MIB	by each queue
 *
 * The second thread imports what the first has opened, and binds its queue itself.
 */
#include <liburing-zcrx.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/flow.h"
#include "lib/text.h"

#define MIB		(1024 * 1024ULL)
#define AREA_LEN	(16 * MIB)
#define CONNS		2	/* of each queue */

static struct stream stream;
static struct uring_zcrx_share share;
static void *area;
static pthread_barrier_t step;
static uint64_t len;

/* A queue, and who receives by it */
struct side {
	unsigned int nr;
	unsigned int rxq;
	struct uring_zcrx *zc;
	struct wire wire[CONNS];
	uint64_t bytes[CONNS];
	unsigned int open;
	uint64_t from_ring;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "queues: %s: %s\n", what, strerror(-err));
	exit(1);
}

static void check(const char *what, int ret)
{
	if (ret < 0)
		die(what, ret);
}

static void count(const char *on)
{
	check("lock_stat, which takes make kernel-lockstat",
	      write_text("/proc/sys/kernel/lock_stat", on));
}

static void arm(struct side *side, unsigned int conn)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(uring_zcrx_ring(side->zc));

	if (!sqe)
		die("to submit", -EAGAIN);
	uring_zcrx_prep_recv(side->zc, sqe, side->wire[conn].sock, 0);
	io_uring_sqe_set_data64(sqe, conn);
}

static void completion(struct side *side, const struct io_uring_cqe *cqe)
{
	unsigned int conn = cqe->user_data;
	struct uring_zcrx_buf buf;
	size_t bad;
	int next = uring_zcrx_next(side->zc, cqe, &buf);

	switch (next) {
	case URING_ZCRX_DATA:
		if (!stream_check(&stream, side->bytes[conn], buf.data, buf.len,
				  &bad))
			die("payload", -EILSEQ);
		side->bytes[conn] += buf.len;
		uring_zcrx_put(&buf);
		break;
	case URING_ZCRX_REARM:
		arm(side, conn);
		break;
	case URING_ZCRX_END:
		side->open--;
		break;
	default:
		die("to receive", next < 0 ? next : -ENOBUFS);
	}
}

static void receive_some(struct side *side)
{
	struct io_uring *ring = uring_zcrx_ring(side->zc);
	unsigned int head, seen = 0;
	struct io_uring_cqe *cqe;

	check("to wait", uring_zcrx_wait(side->zc, NULL));
	io_uring_for_each_cqe(ring, head, cqe) {
		seen++;
		completion(side, cqe);
	}
	io_uring_cq_advance(ring, seen);
}

/* Threads and queues: the shell has seen to the interrupts. */
static void stay_on_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("to stay on a CPU", -errno);
}

static void open_side(struct side *side)
{
	struct uring_zcrx_config cfg = {
		.if_idx = if_nametoindex(WIRE_IF),
		.if_rxq = side->rxq,
		.flags = URING_ZCRX_SHARED,
		.mem.len = AREA_LEN,
	}, none = { };

	if (!side->nr) {
		check("to open", uring_zcrx_open(&side->zc, &cfg));
		check("to export", uring_zcrx_export(side->zc, &share));
		area = uring_zcrx_area(side->zc, 0, NULL);
	}
	pthread_barrier_wait(&step);
	if (side->nr) {
		check("to import", uring_zcrx_import(&side->zc, &none, &share,
						     &area));
		check("to bind", uring_zcrx_bind_queue(side->zc, side->rxq, 0,
						       URING_ZCRX_STATS));
	}
	pthread_barrier_wait(&step);
}

static void *run(void *arg)
{
	struct side *side = arg;
	unsigned int i;

	stay_on_cpu(side->nr);
	open_side(side);
	/* one of them connects, and forks for it */
	pthread_barrier_wait(&step);
	for (i = 0; i < CONNS; i++)
		arm(side, i);
	side->open = CONNS;
	while (side->open)
		receive_some(side);
	pthread_barrier_wait(&step);
	if (side->nr)
		side->from_ring =
			uring_zcrx_queue_stats(side->zc, side->rxq)->from_ring;
	pthread_barrier_wait(&step);
	uring_zcrx_close(side->zc);
	return NULL;
}

/* By entries of the table that are even to the first queue, and odd to the other. */
static void connect_all(struct side *sides)
{
	unsigned int i, s;

	for (s = 0; s < 2; s++)
		for (i = 0; i < CONNS; i++)
			check("to connect",
			      flow_open(&sides[s].wire[i], WIRE_V4, 2 * i + s,
					&stream, len / CONNS, false));
}

int main(int argc, char **argv)
{
	struct side sides[2] = {
		{ .nr = 0, .rxq = WIRE_RXQ },
		{ .nr = 1, .rxq = FLOW_FURTHER_RXQ },
	};
	pthread_t thread[2];
	uint64_t bytes = 0;
	unsigned int i, s;

	if (argc != 2 || !strtoull(argv[1], NULL, 0)) {
		fprintf(stderr, "usage: queues MIB\n");
		return 2;
	}
	len = strtoull(argv[1], NULL, 0) * MIB;
	stream_init(&stream, 23);
	check("queues", flow_widen());
	check("to steer", flow_steer(WIRE_RXQ, FLOW_FURTHER_RXQ));
	pthread_barrier_init(&step, NULL, 3);
	for (s = 0; s < 2; s++)
		pthread_create(&thread[s], NULL, run, &sides[s]);
	pthread_barrier_wait(&step);	/* opened */
	pthread_barrier_wait(&step);	/* and bound */
	connect_all(sides);
	check("to begin to count", write_text("/proc/lock_stat", "0"));
	count("1");
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);	/* all has come */
	count("0");
	pthread_barrier_wait(&step);
	for (s = 0; s < 2; s++) {
		pthread_join(thread[s], NULL);
		for (i = 0; i < CONNS; i++) {
			bytes += sides[s].bytes[i];
			check("the peer", wire_close(&sides[s].wire[i]));
		}
	}
	close(share.fd);
	if (bytes != 2 * len || !sides[1].from_ring) {
		fprintf(stderr,
			"queues: %llu bytes of %llu, %llu buffers by the ring\n",
			(unsigned long long)bytes, (unsigned long long)(2 * len),
			(unsigned long long)sides[1].from_ring);
		return 1;
	}
	printf("%llu bytes by two queues\n", (unsigned long long)bytes);
	return 0;
}
