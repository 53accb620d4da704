// SPDX-License-Identifier: GPL-2.0
/*
 * What a burst of segments costs, from the NIC's ring to the program and with
 * what it gives back, where the clock counts instructions (tests/vm/run
 * --icount). Both ends are in one VM; lib/burst.h says how the sender's work is
 * kept out.
 *
 *   burst MTU,METHOD,AREA_MIB,CONNECTIONS...
 *
 * METHOD is floor, user, thp or udmabuf; floor, which is recv(MSG_TRUNC), has
 * no area. For each argument it prints a line: the argument, instructions for a
 * burst, bytes of one. Connections take turns; zero-copy receive has them all on
 * one ring. It compares every byte that is not thrown away.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/burst.h"
#include "lib/wire.h"
#include "zc.h"

#define BURSTS		600
/* TCP's window is open after so many, and each NAPI has had its first */
#define WARM_UP		32
/* completions of a burst: one for each buffer, at most */
#define PIECES		128
#define MIB		(1024 * 1024UL)
#define MAX_LEN		(64 * 1024)

static const struct {
	const char *name;
	enum area_kind kind;
} kinds[] = {
	{ "user", AREA_USER },
	{ "thp", AREA_THP },
	{ "udmabuf", AREA_UDMABUF },
};

#define NR_KINDS	(sizeof(kinds) / sizeof(kinds[0]))
#define FLOOR		NR_KINDS

static struct stream stream;
static struct bursts bursts;
static __u64 received[BURST_CONNECTIONS_MAX];
static struct zc zc;

static int receive_floor(unsigned int conn, struct burst_clock *c)
{
	size_t got = 0;

	(void)c;
	while (got < bursts.len) {
		ssize_t n = recv(bursts.sock[conn], NULL, MAX_LEN, MSG_TRUNC);

		if (n <= 0)
			return n ? -errno : -EPIPE;
		got += n;
	}
	return 0;
}

/* Where the completions of a burst said that it lies. */
struct pieces {
	struct {
		const void *data;
		size_t len;
		struct io_uring_zcrx_rqe rqe;
	} piece[PIECES];
	unsigned int nr;
	size_t len;
};

static int take(struct pieces *p, unsigned int conn,
		const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE))
		return cqe->res ? cqe->res : -EPIPE;
	if (cqe->user_data != conn || p->nr == PIECES)
		return -EBADMSG;
	p->piece[p->nr].data = zc_data(&zc, cqe);
	p->piece[p->nr].len = cqe->res;
	p->piece[p->nr].rqe = zc_refill_entry(&zc, cqe);
	p->len += cqe->res;
	return p->piece[p->nr++].data ? 0 : -ERANGE;
}

static int check(const struct pieces *p, unsigned int conn)
{
	unsigned int i;
	size_t bad;

	for (i = 0; i < p->nr; i++) {
		if (!stream_check(&stream, received[conn], p->piece[i].data,
				  p->piece[i].len, &bad)) {
			fprintf(stderr, "burst: wrong byte at %llu of connection %u\n",
				(unsigned long long)received[conn] + bad, conn);
			return -EILSEQ;
		}
		received[conn] += p->piece[i].len;
	}
	return 0;
}

static int receive_zc(unsigned int conn, struct burst_clock *c)
{
	struct pieces p = { .nr = 0 };
	unsigned int i;
	int ret = 0;

	while (!ret && p.len < bursts.len) {
		unsigned int head, seen = 0;
		struct io_uring_cqe *cqe;

		ret = zc_wait(&zc, WIRE_PATIENCE_MS);
		if (ret)
			return ret;
		io_uring_for_each_cqe(&zc.ring, head, cqe) {
			seen++;
			ret = take(&p, conn, cqe);
			if (ret)
				break;
		}
		io_uring_cq_advance(&zc.ring, seen);
	}
	burst_pause(c);
	if (!ret)
		ret = check(&p, conn);
	burst_go_on(c);
	for (i = 0; i < p.nr; i++)
		zc_refill(&zc, &p.piece[i].rqe);
	zc_publish(&zc);
	return ret;
}

static int measure(bool floor, long long *mean)
{
	static long long cost[BURSTS];
	unsigned int conn = 0, i;

	/* each connection has warmed up */
	for (i = 0; i < WARM_UP * bursts.nr + BURSTS; i++) {
		struct burst_clock c;
		int ret = burst_ask(&bursts, conn, &c);

		if (!ret)
			ret = floor ? receive_floor(conn, &c) :
				      receive_zc(conn, &c);
		if (ret)
			return ret;
		if (i >= WARM_UP * bursts.nr)
			cost[i - WARM_UP * bursts.nr] = burst_end(&c);
		conn = (conn + 1) % bursts.nr;
	}
	*mean = burst_mean(cost, BURSTS);
	return 0;
}

static int arm_all(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < bursts.nr && !ret; i++)
		ret = zc_recv(&zc, bursts.sock[i], 0, i);
	return ret;
}

static int run(int mtu, unsigned int kind, size_t area_len,
	       unsigned int connections, long long *mean)
{
	const bool floor = kind == FLOOR;
	int ret = burst_set_mtu(mtu);

	if (!ret && !floor)
		ret = wire_bind(&zc, kinds[kind].kind, area_len);
	if (ret)
		return ret;
	/* connections that begin before the queue is bound hold its pages */
	bursts = (struct bursts) {
		.stream = &stream,
		.len = burst_len(mtu),
		.nr = connections,
	};
	memset(received, 0, sizeof(received));
	ret = bursts_open(&bursts);
	if (!ret) {
		if (!floor)
			ret = arm_all();
		if (!ret)
			ret = measure(floor, mean);
		if (!ret && !floor && zc_fdinfo(&zc, "copied")) {
			fprintf(stderr, "burst: payload was copied\n");
			ret = -EBADMSG;
		}
		if (bursts_close(&bursts) && !ret)
			ret = -EPIPE;
	}
	if (!floor)
		zc_close(&zc);
	return ret;
}

static bool parse(const char *arg, int *mtu, unsigned int *kind,
		  size_t *area_len, unsigned int *connections)
{
	unsigned long mib;
	char name[16];

	if (sscanf(arg, "%d,%15[a-z],%lu,%u", mtu, name, &mib,
		   connections) != 4)
		return false;
	*area_len = mib * MIB;
	for (*kind = 0; *kind < NR_KINDS; (*kind)++)
		if (!strcmp(kinds[*kind].name, name))
			return true;
	return !strcmp(name, "floor");
}

int main(int argc, char **argv)
{
	unsigned int kind, connections;
	long long mean;
	size_t area_len;
	int mtu, ret, i;

	stream_init(&stream, 11);
	ret = burst_clock_open(WIRE_IF);
	for (i = 1; i < argc && !ret; i++) {
		if (!parse(argv[i], &mtu, &kind, &area_len, &connections)) {
			fprintf(stderr, "burst: %s: not MTU,METHOD,AREA_MIB,CONNECTIONS\n",
				argv[i]);
			return 2;
		}
		ret = run(mtu, kind, area_len, connections, &mean);
		if (ret)
			break;
		printf("%s\t%lld\t%zu\n", argv[i], mean, bursts.len);
		fflush(stdout);
	}
	if (ret) {
		fprintf(stderr, "burst: %s: %s\n", i < argc ? argv[i] : "clock",
			strerror(-ret));
		return 1;
	}
	return 0;
}
