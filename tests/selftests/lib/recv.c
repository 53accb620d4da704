// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "recv.h"
#include "senders.h"
#include "tcp.h"

#define AREA_LEN	(4 * 1024 * 1024)
#define PAGE		4096

int recv_connect(int fd[2])
{
	/* the kernel takes it twice */
	const int room = 2 * RECV_SENDS_MAX;
	int listener, ret;

	listener = tcp_listen(LOOPBACK_V4, 0);
	if (listener < 0)
		return listener;
	fd[1] = tcp_connect(LOOPBACK_V4, tcp_port(listener));
	fd[0] = fd[1] < 0 ? fd[1] : tcp_accept(listener, WIRE_PATIENCE_MS);
	close(listener);
	if (fd[0] >= 0 && !setsockopt(fd[1], SOL_SOCKET, SO_SNDBUFFORCE, &room,
				      sizeof(room)))
		return 0;

	ret = fd[0] < 0 ? fd[0] : -errno;
	if (fd[0] >= 0)
		close(fd[0]);
	if (fd[1] >= 0)
		close(fd[1]);
	return ret;
}

/* The connection to a ring that is open. */
static int open_pair(struct recv_pair *p, const struct stream *stream)
{
	int fd[2];
	int ret = recv_connect(fd);

	if (ret) {
		fprintf(stderr, "# no connection: %d\n", ret);
		zc_close(&p->zc);
		return ret;
	}
	p->sent = 0;
	p->peer = fd[1];
	p->rx = (struct receiver) {
		.zc = &p->zc,
		.sock = fd[0],
		.id = 0x5eed,
		.stream = stream,
	};
	return 0;
}

int recv_pair_open(struct recv_pair *p, const struct zc_config *cfg,
		   const struct stream *stream)
{
	struct zc_config nodev = {
		.kind = AREA_USER,
		.area_len = AREA_LEN,
	};
	int ret;

	if (cfg)
		nodev = *cfg;
	nodev.nodev = true;
	ret = zc_open(&p->zc, &nodev);
	if (ret) {
		fprintf(stderr, "# %s failed: %d\n", p->zc.failed, ret);
		return ret;
	}
	return open_pair(p, stream);
}

void recv_pair_close(struct recv_pair *p)
{
	zc_close(&p->zc);
	close(p->rx.sock);
	if (p->peer >= 0)
		close(p->peer);
}

static int open_small_ring(struct io_uring *ring, __u32 cq_entries)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE,
		.cq_entries = cq_entries,
	};

	return io_uring_queue_init_params(1, ring, &params);
}

/* The ifq of a small ring, as zc_open() makes that of a larger. */
static int register_small(struct zc *zc)
{
	const __u32 entries = 2 * (zc->areas[0].len / PAGE);
	const struct io_uring_zcrx_offsets *at = &zc->reg.ifq.offsets;
	void *region;
	int ret;

	zc->region_len = zc_region_len(entries);
	region = mmap(NULL, zc->region_len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (region == MAP_FAILED)
		return -errno;
	zc_reg_init(&zc->reg, 0, 0, entries, &zc->areas[0], region,
		    zc->region_len);
	zc->reg.ifq.flags = ZCRX_REG_NODEV;
	ret = io_uring_register_ifq(&zc->ring, &zc->reg.ifq);
	if (ret) {
		munmap(region, zc->region_len);
		return ret;
	}
	zc->tokens[0] = zc->reg.area.rq_area_token;
	zc->rq = (struct io_uring_zcrx_rq) {
		.ring_ptr = region,
		.khead = region + at->head,
		.ktail = region + at->tail,
		.rqes = region + at->rqes,
		.ring_entries = zc->reg.ifq.rq_entries,
	};
	return 0;
}

int recv_pair_open_small(struct recv_pair *p, __u32 cq_entries,
			 size_t area_len, const struct stream *stream)
{
	struct zc *zc = &p->zc;
	const char *failed;
	int ret;

	memset(zc, 0, sizeof(*zc));
	ret = area_open(&zc->areas[0], AREA_USER, area_len, &failed);
	if (ret)
		return ret;
	ret = open_small_ring(&zc->ring, cq_entries);
	if (ret)
		goto err_area;
	ret = register_small(zc);
	if (ret)
		goto err_ring;
	return open_pair(p, stream);

err_ring:
	io_uring_queue_exit(&zc->ring);
err_area:
	area_close(&zc->areas[0]);
	return ret;
}

int recv_pair_send(struct recv_pair *p, size_t len)
{
	static char buf[64 * 1024];
	int ret = 0;

	while (len && !ret) {
		size_t n = len < sizeof(buf) ? len : sizeof(buf);

		stream_fill(p->rx.stream, p->sent, buf, n);
		ret = tcp_send_all(p->peer, buf, n);
		p->sent += n;
		len -= n;
	}
	return ret;
}

int recv_pair_send_there(struct recv_pair *p, size_t len)
{
	int ret = recv_pair_send(p, len);

	return ret ? ret : wire_wait_backlog(p->rx.sock, p->sent - p->rx.bytes);
}

void recv_pair_fin(struct recv_pair *p)
{
	shutdown(p->peer, SHUT_WR);
}

int recv_pair_rst(struct recv_pair *p)
{
	const struct linger now = { .l_onoff = 1 };

	if (setsockopt(p->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		return -errno;
	close(p->peer);
	p->peer = -1;
	return 0;
}

int recv_pair_drain(struct recv_pair *p)
{
	int ret;

	recv_pair_fin(p);
	ret = receive(&p->rx, UINT64_MAX - p->rx.bytes);
	if (ret != RECEIVE_END) {
		fprintf(stderr, "# the last request ended with %d\n", ret);
		return ret ? ret : -EPROTO;
	}
	if (p->rx.bytes == p->sent)
		return 0;
	fprintf(stderr, "# %llu bytes of %llu came\n",
		(unsigned long long)p->rx.bytes, (unsigned long long)p->sent);
	return -ENODATA;
}

int recv_pair_finish(struct recv_pair *p)
{
	int ret = zc_recv(&p->zc, p->rx.sock, 0, p->rx.id);

	return ret ? ret : recv_pair_drain(p);
}

struct io_uring_sqe recv_sqe(const struct recv_pair *p)
{
	struct io_uring_sqe sqe = {};

	io_uring_prep_recv_zc(&sqe, p->rx.sock, 0, p->zc.reg.ifq.zcrx_id);
	io_uring_sqe_set_data64(&sqe, p->rx.id);
	return sqe;
}

int recv_next(struct zc *zc, union recv_cqe *c, unsigned int timeout_ms)
{
	struct io_uring_cqe *cqe;
	int ret = zc_wait(zc, timeout_ms);

	if (!ret)
		ret = io_uring_peek_cqe(&zc->ring, &cqe);
	if (ret)
		return ret;
	memcpy(c, cqe, sizeof(*c));
	io_uring_cqe_seen(&zc->ring, cqe);
	return 0;
}

int recv_take(struct receiver *rx, const union recv_cqe *c)
{
	const void *data = zc_data(rx->zc, &c->cqe);
	size_t bad;

	if (c->cqe.user_data != rx->id || c->cqe.flags != IORING_CQE_F_MORE)
		return -EPROTO;
	if (!data)
		return -ERANGE;
	if (!stream_check(rx->stream, rx->bytes, data, c->cqe.res, &bad))
		return -EILSEQ;
	rx->bytes += c->cqe.res;
	rx->cqes++;
	zc_recycle(rx->zc, &c->cqe);
	zc_publish(rx->zc);
	return 0;
}

int recv_bytes(struct receiver *rx, __u64 bytes)
{
	const __u64 until = rx->bytes + bytes;
	union recv_cqe c;
	int ret = 0;

	while (!ret && rx->bytes < until) {
		ret = recv_next(rx->zc, &c, RECV_SOON_MS);
		if (!ret)
			ret = recv_take(rx, &c);
	}
	return ret;
}

int recv_until(struct receiver *rx, union recv_cqe *c)
{
	int ret;

	do {
		ret = recv_next(rx->zc, c, RECV_SOON_MS);
		if (ret)
			return ret;
		ret = recv_take(rx, c);
	} while (!ret);
	return ret == -EPROTO ? 0 : ret;
}
