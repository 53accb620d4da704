// SPDX-License-Identifier: GPL-2.0
/*
 * The copy fallback: payload that did not arrive in a net_iov of the ifq, as
 * that of an unsplit packet, of another queue, or of loopback.
 */

#include <linux/io_uring_types.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/page_pool/helpers.h>
#include <net/tcp.h>
#include <trace/events/zcrx.h>

#include "zcrx.h"

/* How many buffers to fetch back at a time. */
#define ZCRX_COPY_BATCH		64

/*
 * Why
 */

/* Is it what a SYN of the peer carried? That is how the stream begins. */
static bool zcrx_copy_of_syn(const struct tcp_sock *tp, struct sk_buff *skb)
{
	u32 behind = tp->rcv_nxt - TCP_SKB_CB(skb)->seq;

	/* bytes_received has each FIN but that of a SYN */
	if (TCP_SKB_CB(skb)->tcp_flags & TCPHDR_FIN &&
	    behind == tp->bytes_received + 1)
		behind--;
	/* syn_data: it was our SYN that carried some */
	return tp->syn_data_acked && !tp->syn_data &&
	       behind == tp->bytes_received;
}

/* Did it come in by a queue of the ifq, another one of that NIC, or elsewhere?
 * The NIC may be gone since: it is compared, not used.
 */
static enum zcrx_stats_reason zcrx_copy_path(struct zcrx_ifq *ifq,
					     struct sk_buff *skb)
{
	enum zcrx_stats_reason reason = ZCRX_STATS_DEVICE;
	struct net_device *netdev;
	struct zcrx_queue *queue;

	rcu_read_lock();
	netdev = dev_get_by_napi_id(skb_napi_id(skb));
	list_for_each_entry_rcu(queue, &ifq->queues, list) {
		if (!netdev || netdev != READ_ONCE(queue->netdev))
			continue;
		reason = ZCRX_STATS_QUEUE;
		if (skb_rx_queue_recorded(skb) &&
		    skb_get_rx_queue(skb) == queue->rxq) {
			reason = ZCRX_STATS_UNSPLIT;
			break;
		}
	}
	rcu_read_unlock();
	return reason;
}

static enum zcrx_stats_reason zcrx_copy_reason(struct zcrx_recv_args *args,
					       struct sk_buff *skb)
{
	struct socket *sock = sock_from_file(args->req->file);
	enum zcrx_stats_reason reason;

	if (!args->ifq->dev)
		return ZCRX_STATS_NODEV;
	/* what is in a frag_list has no control block of TCP's */
	skb = args->head ?: skb;
	if (zcrx_copy_of_syn(tcp_sk(sock->sk), skb))
		return ZCRX_STATS_FASTOPEN;
	if (TCP_SKB_CB(skb)->tcp_flags & TCPHDR_URG)
		return ZCRX_STATS_URGENT;
	reason = zcrx_copy_path(args->ifq, skb);
	if (args->first && reason != ZCRX_STATS_DEVICE)
		return ZCRX_STATS_EARLY;
	return reason;
}

/*
 * Whereto
 */

/* A free net_iov of an area that takes copies, NULL if there is none; then
 * *@why tells the most that was missing.
 */
static struct net_iov *zcrx_copy_take_from(struct zcrx_ifq *ifq, bool fallback,
					   enum zcrx_stats_failure *why)
{
	struct net_iov *niov = NULL;
	struct zcrx_area *area;

	rcu_read_lock();
	list_for_each_entry_rcu(area, &ifq->area_list, list) {
		struct zcrx_mem *mem = &area->mem;

		if (area->fallback != fallback || !mem->cpu)
			continue;
		/* A socket is locked, which is no time to wait. */
		if (mem->ops->cpu_ready && !mem->ops->cpu_ready(mem)) {
			*why = max(*why, ZCRX_STATS_FENCE);
			continue;
		}
		*why = ZCRX_STATS_NO_BUFFER;
		niov = zcrx_area_take_free(area);
		if (niov)
			break;
	}
	rcu_read_unlock();
	return niov;
}

static struct net_iov *zcrx_copy_take_free(struct zcrx_ifq *ifq,
					   enum zcrx_stats_failure *why)
{
	return zcrx_copy_take_from(ifq, false, why) ?:
	       zcrx_copy_take_from(ifq, true, why);
}

static struct net_iov *zcrx_copy_niov(struct zcrx_ifq *ifq)
{
	enum zcrx_stats_failure why = ZCRX_STATS_NO_ACCESS;
	struct net_iov *niov = zcrx_copy_take_free(ifq, &why);

	/* Data that is copied came in elsewhere, so the queue's own NAPI may not
	 * run and nobody look at what the user gave back.
	 */
	if (!niov && why == ZCRX_STATS_NO_BUFFER &&
	    zcrx_queues_drain(ifq, ZCRX_COPY_BATCH))
		niov = zcrx_copy_take_free(ifq, &why);
	/* They may have been of areas that do not take copies. */
	if (!niov && why == ZCRX_STATS_NO_BUFFER &&
	    zcrx_queues_drain(ifq, UINT_MAX))
		niov = zcrx_copy_take_free(ifq, &why);
	if (!niov)
		atomic64_inc(&ifq->counters.copy_failed[why]);
	/* A copy looks at the free lists first, where a NIC looks at the rings. */
	if (zcrx_event_check_low(ifq, false)) {
		zcrx_queues_drain(ifq, UINT_MAX);
		zcrx_event_check_low(ifq, true);
	}
	return niov;
}

static int zcrx_copy_post(struct io_kiocb *req, struct net_iov *niov,
			  struct sk_buff *skb, int off, int len)
{
	struct zcrx_mem *mem = &zcrx_niov_area(niov)->mem;
	int ret;

	ret = mem->ops->copy_in(mem, zcrx_niov_off(niov), skb, off, len);
	if (ret)
		return ret;
	return zcrx_post(req, niov, 0, len);
}

/**
 * zcrx_copy() - copy payload into the area and hand it to the user
 * @args: the pass; why it went no further is left in err: -ENOMEM (no free
 *	buffer that the CPU can write to), -ENOSPC (CQ full), -EFAULT, or
 *	-EINTR (a signal, while others use a dma-buf)
 * @skb: where from
 * @off: offset of the payload in @skb
 * @len: its length; all of it readable by the CPU
 *
 * Return: how many bytes were handed out.
 */
int zcrx_copy(struct zcrx_recv_args *args, struct sk_buff *skb, int off,
	      int len)
{
	struct zcrx_ifq *ifq = args->ifq;
	enum zcrx_stats_reason reason = zcrx_copy_reason(args, skb);
	int niov_len = 1 << ifq->niov_shift;
	int done = 0;

	while (done < len) {
		int part = min(len - done, niov_len);
		struct net_iov *niov;

		niov = zcrx_copy_niov(ifq);
		if (!niov) {
			args->err = -ENOMEM;
			break;
		}

		args->err = zcrx_copy_post(args->req, niov, skb, off + done,
					   part);
		/* From here on the buffer is the user's, or nobody's. */
		if (page_pool_is_last_ref(net_iov_to_netmem(niov)))
			zcrx_niov_put_unrefed(niov);
		if (args->err)
			break;

		done += part;
		args->nr_copies++;
		atomic64_inc(&ifq->counters.copies[reason]);
	}
	trace_zcrx_copy(ifq->serial, reason, len, done, args->err);
	args->copied += done;
	atomic64_add(done, &ifq->counters.copy_bytes[reason]);
	return done;
}
