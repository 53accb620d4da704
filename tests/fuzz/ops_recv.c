// SPDX-License-Identifier: GPL-2.0
/* IORING_OP_RECV_ZC, and the sockets that it reads. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

static __u64 next_id = 1;

static void refill(struct fuzz_ring *r, const struct io_uring_cqe *cqe)
{
	const struct io_uring_zcrx_cqe *zcqe = (const void *)(cqe + 1);
	struct fuzz_ifq *q = &r->ifq[cqe->user_data % NR_IFQS];
	struct io_uring_zcrx_rqe *rqes;
	__u32 *tail;

	if (!q->used || !q->region || !q->entries ||
	    128 + 16ULL * q->entries > REGION_LEN)
		return;
	tail = q->region + 64;
	rqes = q->region + 128;
	rqes[*(volatile __u32 *)tail & (q->entries - 1)] =
		(struct io_uring_zcrx_rqe) { .off = zcqe->off,
					     .len = cqe->res };
	__atomic_fetch_add(tail, 1, __ATOMIC_RELEASE);
}

int ring_reap(struct fuzz_ring *r, __u64 want)
{
	struct io_uring_cqe *cqe;
	unsigned int budget = 512;
	int ret = 0;

	io_uring_get_events(&r->ring);
	while (budget-- && !io_uring_peek_cqe(&r->ring, &cqe)) {
		if (cqe->flags & IORING_CQE_F_MORE) {
			/* most go back, the others are for the scrub */
			if ((r->ring.flags & IORING_SETUP_CQE32) &&
			    cqe->res & 7)
				refill(r, cqe);
		} else if (cqe->user_data != ~0ULL) {
			report_add("recv_end", cqe->res);
			if (cqe->user_data == want)
				ret = cqe->res;
		} else {
			report_add("event", 0);
		}
		io_uring_cqe_seen(&r->ring, cqe);
	}
	return ret < 0 ? ret : 0;
}

static void spoil(struct prng *p, struct io_uring_sqe *sqe)
{
	switch (prng_below(p, 9)) {
	case 0:
		sqe->addr = prng_odd(p);
		break;
	case 1:
		sqe->addr2 = prng_odd(p);
		break;
	case 2:
		sqe->addr3 = prng_odd(p);
		break;
	case 3:
		sqe->msg_flags = prng_odd(p);
		break;
	case 4:
		sqe->ioprio = prng_odd(p);
		break;
	case 5:
		/* zcrx_ifq_idx, which older headers call file_index */
		sqe->file_index = prng_odd(p);
		break;
	case 6:
		sqe->fd = model.odd_fd[prng_below(p, 5)];
		break;
	case 7:
		sqe->fd = prng_odd(p);
		break;
	default:
		sqe->flags = 1 << prng_below(p, 8);
	}
}

static int submit(struct fuzz_ring *r, __u64 id)
{
	int ret = io_uring_submit(&r->ring);

	if (ret < 0) {
		ring_reap(r, 0);
		return ret;
	}
	return ring_reap(r, id);
}

void recv_arm(struct fuzz_ring *r, const struct fuzz_ifq *q, int fd)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->ring);

	if (!sqe)
		return;
	io_uring_prep_recv_zc(sqe, fd, 0, q->id);
	io_uring_sqe_set_data64(sqe, next_id++ * NR_IFQS + (q - r->ifq));
	submit(r, 0);
}

int op_recv(struct prng *p)
{
	struct fuzz_ring *r = pick_ring(p);
	struct fuzz_ifq *q = pick_ifq(r, p);
	int fd = model.pair[prng_below(p, NR_PAIRS)][0];
	struct io_uring_sqe *sqe;
	__u64 id;

	if (!r->open)
		return -EBADF;
	sqe = io_uring_get_sqe(&r->ring);
	if (!sqe)
		return -EAGAIN;
	/* so that a completion leads to the ifq */
	id = next_id++ * NR_IFQS + (q - r->ifq);
	io_uring_prep_recv_zc(sqe, fd, prng_chance(p, 40) ?
			      1 + prng_below(p, 20000) : 0, q->id);
	/* a request of the NIC ends with a full CQ: arm it again */
	if (q->nic && model.wire.peer && prng_chance(p, 60))
		sqe->fd = model.wire.sock;
	if (prng_chance(p, 20))
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	io_uring_sqe_set_data64(sqe, id);
	if (prng_chance(p, 30))
		spoil(p, sqe);
	return submit(r, id);
}

int op_cancel(struct prng *p)
{
	struct fuzz_ring *r = pick_ring(p);
	int fd = model.pair[prng_below(p, NR_PAIRS)][0];
	struct io_uring_sync_cancel_reg reg = {
		.fd = fd,
		.flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL,
		.timeout = { 0, 0 },
	};

	if (!r->open)
		return -EBADF;
	if (prng_chance(p, 30))
		reg.flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
	if (prng_chance(p, 5))
		reg.flags = prng_odd(p);
	return io_uring_register_sync_cancel(&r->ring, &reg);
}

int op_send(struct prng *p)
{
	static char junk[64 * 1024];
	int fd = model.pair[prng_below(p, NR_PAIRS)][1];
	size_t len = 1 + prng_below(p, prng_chance(p, 80) ? 3000 : 60000);
	int flags = MSG_DONTWAIT | MSG_NOSIGNAL;

	if (prng_chance(p, 3))
		flags |= MSG_OOB;
	return send(fd, junk, len, flags) < 0 ? -errno : 0;
}

int op_reconnect(struct prng *p)
{
	const struct linger now = { .l_onoff = 1 };
	int *pair = model.pair[prng_below(p, NR_PAIRS)];

	switch (prng_below(p, 3)) {
	case 0:
		shutdown(pair[1], SHUT_WR);
		break;
	case 1:
		setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		break;
	}
	close(pair[1]);
	/* requests that have not looked yet find the end */
	ring_reap(&model.ring[prng_below(p, NR_RINGS)], 0);
	close(pair[0]);
	return pair_open(pair);
}

int op_reap(struct prng *p)
{
	struct fuzz_ring *r = pick_ring(p);

	if (!r->open)
		return -EBADF;
	ring_reap(r, 0);
	return 0;
}
