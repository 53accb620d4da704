// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_OP_RECV_ZC: walk what a socket received and post where it lies.
 *
 * Each CQE with IORING_CQE_F_MORE hands one piece of one net_iov to the user.
 * The request is multishot: it ends with one CQE without that flag, and with
 * the data that did not fit still in the socket.
 */

#include <linux/io_uring_types.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <net/page_pool/helpers.h>
#include <net/rps.h>
#include <net/tcp.h>
#include <trace/events/zcrx.h>

#include "../io-wq.h"
#include "../io_uring.h"
#include "../poll.h"
#include "zcrx.h"

/* How many skbs one pass takes before others on the ring have their turn. */
#define ZCRX_SKBS_PER_PASS	32

struct io_recvzc {
	struct file	*file;
	u32		zcrx_id;
	u32		serial;		/* of the ifq that had it */
	u32		len;		/* bytes left, if limited */
	u16		flags;
	bool		limited;
	bool		looked;		/* at the socket before */
};

/**
 * io_recvzc_prep() - check and copy an sqe of IORING_OP_RECV_ZC
 * @req: the request, its ring's uring_lock held
 * @sqe: what user space wrote
 *
 * Return: 0, or -EINVAL: fields that are to be 0, unknown flags, no multishot,
 * or an unknown zcrx id.
 */
int io_recvzc_prep(struct io_kiocb *req, const struct io_uring_sqe *sqe)
{
	struct io_recvzc *zc = io_kiocb_to_cmd(req, struct io_recvzc);
	struct zcrx_ifq *ifq;

	if (READ_ONCE(sqe->addr) || READ_ONCE(sqe->addr2) ||
	    READ_ONCE(sqe->addr3) || READ_ONCE(sqe->msg_flags))
		return -EINVAL;

	zc->flags = READ_ONCE(sqe->ioprio);
	if (zc->flags & ~(IORING_RECVSEND_POLL_FIRST | IORING_RECV_MULTISHOT))
		return -EINVAL;
	if (!(zc->flags & IORING_RECV_MULTISHOT))
		return -EINVAL;

	zc->zcrx_id = READ_ONCE(sqe->zcrx_ifq_idx);
	/* A request may wait for long before it looks for itself. */
	ifq = zcrx_ifq_find(req->ctx, zc->zcrx_id);
	if (!ifq)
		return -EINVAL;
	zc->serial = ifq->serial;

	zc->len = READ_ONCE(sqe->len);
	zc->limited = zc->len;
	zc->looked = false;
	req->flags |= REQ_F_APOLL_MULTISHOT;
	return 0;
}

/* A CQE that is seen by user space with the next flush. */
static struct io_uring_cqe *zcrx_get_cqe(struct io_ring_ctx *ctx)
{
	struct io_uring_cqe *cqe;

	if (unlikely(!io_get_cqe(ctx, &cqe)))
		return NULL;
	/* not the one CQE that each request has by itself */
	ctx->cq_extra++;
	ctx->submit_state.cq_flush = true;
	return cqe;
}

/**
 * zcrx_post() - hand a piece of a net_iov to the user
 * @req: the request
 * @niov: a net_iov on which the caller holds a reference of its own
 * @off: where the piece starts in it, in bytes
 * @len: its length
 *
 * Only the task that owns the ring posts, under uring_lock.
 *
 * Return: 0, or -ENOSPC if the CQ is full and nothing was posted.
 */
int zcrx_post(struct io_kiocb *req, struct net_iov *niov, u32 off, u32 len)
{
	struct zcrx_area *area = zcrx_niov_area(niov);
	struct io_ring_ctx *ctx = req->ctx;
	u32 idx = net_iov_idx(niov);
	struct io_uring_zcrx_cqe *zcqe;
	struct io_uring_cqe *cqe;
	u64 area_off;

	cqe = zcrx_get_cqe(ctx);
	if (unlikely(!cqe))
		return -ENOSPC;

	page_pool_ref_netmem(net_iov_to_netmem(niov));
	/* who gives back the user's reference, even before it was told of it, must
	 * not take the pool's for the last one
	 */
	smp_mb__before_atomic();
	atomic_inc(&area->user_refs[idx]);

	area_off = area->token + ((u64)idx << area->ifq->niov_shift) + off;

	cqe->user_data = req->cqe.user_data;
	cqe->res = len;
	cqe->flags = IORING_CQE_F_MORE;
	zcqe = (struct io_uring_zcrx_cqe *)(cqe + 1);
	zcqe->off = area_off;
	zcqe->__pad = 0;
	return 0;
}

static int zcrx_recv_niov(struct zcrx_recv_args *args, struct net_iov *niov,
			  u32 off, u32 len)
{
	/* Another provider's, or of a queue that feeds another ifq. */
	if (unlikely(niov->type != NET_IOV_IOURING ||
		     zcrx_niov_area(niov)->ifq != args->ifq)) {
		args->err = -EFAULT;
		return 0;
	}

	args->err = zcrx_post(args->req, niov, off, len);
	if (unlikely(args->err))
		return 0;
	args->delivered += len;
	args->nr_cqes++;
	return len;
}

/* How much of @skb the CPU can read in one go from @off on, frag_list aside: what
 * is copied at once fills its buffers.
 */
static int zcrx_recv_readable(const struct sk_buff *skb, int off)
{
	int end = skb_headlen(skb);
	int i;

	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		/* those in front were delivered */
		if (end > off && skb_frag_is_net_iov(frag))
			break;
		end += skb_frag_size(frag);
	}
	return end - off;
}

/* Not part of the loop that delivers what needs no copy. */
static noinline int zcrx_recv_copy(struct zcrx_recv_args *args,
				   struct sk_buff *skb, int off, int len)
{
	return zcrx_copy(args, skb, off,
			 min(len, zcrx_recv_readable(skb, off)));
}

/* Deliver @len bytes of @skb from @off. Returns how many were, with the reason
 * in args->err if that is fewer.
 */
static int zcrx_recv_one(struct zcrx_recv_args *args, struct sk_buff *skb,
			 int off, int len)
{
	int start = skb_headlen(skb);	/* of what is looked at, in @skb */
	struct sk_buff *frag_iter;
	int done = 0;
	int i;

	if (off < start)
		done = zcrx_recv_copy(args, skb, off, len);

	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		int size = skb_frag_size(frag);
		int from = off + done - start;
		int part;

		if (done == len || args->err)
			return done;
		start += size;
		if (from >= size)
			continue;

		part = min(len - done, size - from);
		if (likely(skb_frag_is_net_iov(frag)))
			done += zcrx_recv_niov(args, skb_frag_net_iov(frag),
					       skb_frag_off(frag) + from, part);
		else
			done += zcrx_recv_copy(args, skb, off + done,
					       len - done);
	}

	skb_walk_frags(skb, frag_iter) {
		int size = frag_iter->len;
		int from = off + done - start;
		struct sk_buff *outer = args->head;

		if (done == len || args->err)
			return done;
		start += size;
		if (from >= size)
			continue;

		args->head = outer ?: skb;
		done += zcrx_recv_one(args, frag_iter, from,
				      min(len - done, size - from));
		args->head = outer;
	}

	if (WARN_ON_ONCE(done < len && !args->err))
		args->err = -EFAULT;
	return done;
}

static int zcrx_recv_skb(read_descriptor_t *desc, struct sk_buff *skb,
			 unsigned int off, size_t len)
{
	struct zcrx_recv_args *args = desc->arg.data;
	int done;

	/* The part of an skb that went before does not end the walk. */
	if (unlikely(args->err))
		return 0;
	if (unlikely(args->nr_skbs++ == args->max_skbs)) {
		args->stopped_early = true;
		return 0;
	}

	done = zcrx_recv_one(args, skb, off, min(len, desc->count));
	desc->count -= done;
	return done;
}

/* Nothing was there to read: is this the end, and of which kind? -EAGAIN if
 * it is not.
 */
static int zcrx_recv_end(struct sock *sk)
{
	if (sock_flag(sk, SOCK_DONE))
		return 0;
	if (sk->sk_err)
		return sock_error(sk);
	if (sk->sk_shutdown & RCV_SHUTDOWN)
		return 0;
	if (sk->sk_state == TCP_CLOSE)
		return -ENOTCONN;
	return -EAGAIN;
}

/* One pass over the socket. Returns -EAGAIN to wait for more, IOU_REQUEUE to
 * be called again soon, otherwise the request's result.
 */
static int zcrx_recv_pass(struct zcrx_recv_args *args, struct sock *sk,
			  struct io_recvzc *zc)
{
	read_descriptor_t desc = {
		.count		= zc->limited ? zc->len : INT_MAX,
		.arg.data	= args,
	};
	struct tcp_sock *tp = tcp_sk(sk);
	int ret;

	/* Urgent data is received in line, whatever the socket says: the mark
	 * would stop the walk for good, and device memory has no byte that
	 * could be taken out.
	 */
	if (unlikely(tp->urg_data)) {
		WRITE_ONCE(tp->urg_data, 0);
		tcp_fast_path_check(sk);
	}

	ret = tcp_read_sock(sk, &desc, zcrx_recv_skb);
	if (ret > 0 && zc->limited) {
		zc->len -= ret;
		if (!zc->len)
			return 0;
	}
	if (args->err)
		return args->err;
	if (ret < 0)
		return ret;
	if (args->stopped_early)
		return IOU_REQUEUE;

	/* The wake-up that brought the data may have brought the end as well:
	 * it is reported now, as nothing else will wake the request.
	 */
	return zcrx_recv_end(sk);
}

static int zcrx_recv(struct io_kiocb *req, struct zcrx_ifq *ifq,
		     struct socket *sock, struct io_recvzc *zc)
{
	struct zcrx_recv_args args = {
		.req		= req,
		.ifq		= ifq,
		.max_skbs	= ZCRX_SKBS_PER_PASS,
		.first		= !zc->looked,
	};
	struct sock *sk = sock->sk;
	int ret = -EPROTONOSUPPORT;

	/* The socket is not ready for what is left, if that is less. */
	if (unlikely(READ_ONCE(sk->sk_rcvlowat) > 1))
		args.max_skbs = UINT_MAX;
	/* What was received before is told before: see io_req_post_cqe(). */
	if (unlikely(!wq_list_empty(&req->ctx->submit_state.compl_reqs)))
		__io_submit_flush_completions(req->ctx);

	sock_rps_record_flow(sk);
	lock_sock(sk);
	/* Nobody makes it kTLS's now. */
	if (likely(READ_ONCE(sk->sk_prot)->recvmsg == tcp_recvmsg))
		ret = zcrx_recv_pass(&args, sk, zc);
	release_sock(sk);
	zc->looked |= !args.stopped_early;

	if (args.delivered)
		atomic64_add(args.delivered, &ifq->counters.delivered);
	if (args.nr_cqes + args.nr_copies)
		atomic64_add(args.nr_cqes + args.nr_copies,
			     &ifq->counters.cqes);
	if (unlikely(args.copied))
		zcrx_count_copies(ifq, args.nr_copies, args.copied);
	if (unlikely(ret == -ENOSPC))
		atomic64_inc(&ifq->counters.cq_full);
	trace_zcrx_recv(ifq->serial, req->cqe.user_data, args.delivered,
			args.copied, args.nr_cqes + args.nr_copies, ret);
	if (unlikely(ifq->shared))
		zcrx_stats_share_ifq(ifq);
	return ret;
}

struct zcrx_recv_match {
	struct io_ring_ctx	*ctx;
	u32			id;
};

static bool zcrx_recv_matches(const struct io_kiocb *req,
			      const struct zcrx_recv_match *match)
{
	return req->ctx == match->ctx && req->opcode == IORING_OP_RECV_ZC &&
	       io_kiocb_to_cmd(req, const struct io_recvzc)->zcrx_id == match->id;
}

static bool zcrx_recv_match_work(struct io_wq_work *work, void *data)
{
	return zcrx_recv_matches(container_of(work, struct io_kiocb, work), data);
}

static void zcrx_recv_cancel_in(struct io_hash_table *table,
				const struct zcrx_recv_match *match)
{
	unsigned int i;

	for (i = 0; i < 1U << table->hash_bits; i++) {
		struct io_hash_bucket *bucket = &table->hbs[i];
		struct io_kiocb *req;

		spin_lock(&bucket->lock);
		hlist_for_each_entry(req, &bucket->list, hash_node) {
			if (zcrx_recv_matches(req, match))
				io_poll_cancel_req(req);
		}
		spin_unlock(&bucket->lock);
	}
}

/**
 * zcrx_recv_cancel() - end the requests that wait for data by way of an ifq
 * @ctx: the ring, uring_lock held
 * @id: what it knows the ifq by, soon no more
 *
 * Each is posted with -ECANCELED by the ring's task, and does not look at its
 * socket again. Those that were not started find that there is no such ifq.
 */
void zcrx_recv_cancel(struct io_ring_ctx *ctx, u32 id)
{
	struct zcrx_recv_match match = { .ctx = ctx, .id = id };
	struct io_uring_task *tctx = current->io_uring;

	/* First those that a worker is about to arm: it looks for that after. */
	if (tctx && tctx->io_wq)
		io_wq_cancel_cb(tctx->io_wq, zcrx_recv_match_work, &match, true);
	zcrx_recv_cancel_in(&ctx->cancel_table, &match);
	zcrx_recv_cancel_in(&ctx->cancel_table_locked, &match);
}

/* The ifq that a request was made for, NULL if its ring has let go of that; its id
 * may be another's by now. uring_lock is held.
 */
static struct zcrx_ifq *zcrx_recv_ifq(struct io_kiocb *req)
{
	struct io_recvzc *zc = io_kiocb_to_cmd(req, struct io_recvzc);
	struct zcrx_ifq *ifq = zcrx_ifq_find(req->ctx, zc->zcrx_id);

	return likely(ifq && ifq->serial == zc->serial) ? ifq : NULL;
}

int io_recvzc(struct io_kiocb *req, unsigned int issue_flags)
{
	struct io_recvzc *zc = io_kiocb_to_cmd(req, struct io_recvzc);
	struct zcrx_ifq *ifq;
	struct socket *sock;
	int ret;

	if (!(req->flags & REQ_F_POLLED) &&
	    (zc->flags & IORING_RECVSEND_POLL_FIRST)) {
		/* Nobody cancels it any more if the ifq has gone. */
		if (issue_flags & IO_URING_F_UNLOCKED || zcrx_recv_ifq(req))
			return -EAGAIN;
		ret = -ECANCELED;
		goto done;
	}

	sock = sock_from_file(req->file);
	if (unlikely(!sock)) {
		ret = -ENOTSOCK;
		goto done;
	}
	/* CQEs come from the ring's task alone, so never from a worker. */
	if (unlikely(issue_flags & IO_URING_F_UNLOCKED)) {
		ret = -EBADFD;
		goto done;
	}

	ifq = zcrx_recv_ifq(req);
	if (unlikely(!ifq)) {
		ret = -ECANCELED;
		goto done;
	}

	ret = zcrx_recv(req, ifq, sock, zc);
	if (ret == -EAGAIN || ret == IOU_REQUEUE) {
		/* Armed poll looks again before it sleeps. */
		if (!(issue_flags & IO_URING_F_MULTISHOT))
			return -EAGAIN;
		return ret == IOU_REQUEUE ? IOU_REQUEUE :
					    IOU_ISSUE_SKIP_COMPLETE;
	}
done:
	/* The stream has ended before the limit, or there is none: who waits behind
	 * a link for so many bytes does not get them.
	 */
	if (ret < 0 || !(zc->limited && !zc->len))
		req_set_fail(req);
	io_req_set_res(req, ret, 0);
	if (issue_flags & IO_URING_F_MULTISHOT)
		return IOU_STOP_MULTISHOT;
	return IOU_OK;
}
