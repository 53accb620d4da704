// SPDX-License-Identifier: GPL-2.0
/* Zero-copy receive of io_uring, into user memory and into a udmabuf. */
#include <errno.h>
#include <net/if.h>

#include "method.h"
#include "queue.h"
#include "zc.h"

#define PATIENCE_MS	20000

static struct zc zc;

static int setup(struct bench *b, enum area_kind kind)
{
	const struct zc_config cfg = {
		.ifname = bench_if,
		.rxq = bench_rxq,
		.kind = kind,
		.area_len = b->area_len,
	};
	int ret;

	b->failed = "wait for the queue";
	ret = queue_wait_free(if_nametoindex(bench_if), bench_rxq, PATIENCE_MS);
	if (!ret) {
		ret = zc_open(&zc, &cfg);
		b->failed = zc.failed;
	}
	return ret;
}

static int setup_user(struct bench *b)
{
	return setup(b, AREA_USER);
}

static int setup_udmabuf(struct bench *b)
{
	return setup(b, AREA_UDMABUF);
}

static int open_zcrx(struct bench *b)
{
	b->failed = "request";
	return zc_recv(&zc, b->sock, 0, 0);
}

static int take(struct bench *b, const struct io_uring_cqe *cqe)
{
	const void *data;

	b->n.cqes++;
	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		if (cqe->res == -ENOSPC)
			return zc_recv(&zc, b->sock, 0, 0);
		return cqe->res ? cqe->res : -EPIPE;
	}
	data = zc_data(&zc, cqe);
	if (!data)
		return -ERANGE;
	if (bench_take(b, data, cqe->res))
		return -EILSEQ;
	zc_recycle(&zc, cqe);
	b->n.returned++;
	return 0;
}

static int receive(struct bench *b, uint64_t until)
{
	int ret = 0;

	while (!ret && b->n.bytes < until) {
		unsigned int head, seen = 0;
		struct io_uring_cqe *cqe;

		ret = zc_wait(&zc, PATIENCE_MS);
		if (ret)
			break;
		io_uring_for_each_cqe(&zc.ring, head, cqe) {
			seen++;
			ret = take(b, cqe);
			if (ret)
				break;
		}
		io_uring_cq_advance(&zc.ring, seen);
		zc_publish(&zc);
		b->n.publishes++;
	}
	return ret;
}

static void count(struct bench *b)
{
	b->n.syscalls = zc.enters;
	b->n.copied = zc_fdinfo(&zc, "copied");
}

static void teardown(struct bench *b)
{
	(void)b;
	zc_close(&zc);
}

const struct bench_method method_zcrx_user = {
	.name = "zcrx, user memory",
	.setup = setup_user,
	.open = open_zcrx,
	.receive = receive,
	.count = count,
	.teardown = teardown,
};

const struct bench_method method_zcrx_udmabuf = {
	.name = "zcrx, udmabuf",
	.setup = setup_udmabuf,
	.open = open_zcrx,
	.receive = receive,
	.count = count,
	.teardown = teardown,
};
