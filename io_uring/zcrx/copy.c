// SPDX-License-Identifier: GPL-2.0
/*
 * The copy fallback: payload that did not arrive in a net_iov of the ifq, as
 * that of an unsplit packet, of another queue, or of loopback.
 */

#include <linux/io_uring_types.h>
#include <linux/mutex.h>
#include <linux/skbuff.h>
#include <net/page_pool/helpers.h>

#include "zcrx.h"

/* How many buffers to fetch back at a time. */
#define ZCRX_COPY_BATCH		64

static struct net_iov *zcrx_copy_take_free(struct zcrx_ifq *ifq)
{
	unsigned int nr_areas = zcrx_ifq_nr_areas(ifq);
	unsigned int i;

	for (i = 0; i < nr_areas; i++) {
		struct zcrx_area *area = ifq->areas[i];
		struct net_iov *niov;

		if (!area->mem.ops->copy_in)
			continue;
		niov = zcrx_area_take_free(area);
		if (niov)
			return niov;
	}
	return NULL;
}

/* Data that is copied came in elsewhere, so the queue's own NAPI may not run
 * and nobody look at what the user gave back.
 */
static unsigned int zcrx_copy_reclaim(struct zcrx_ifq *ifq)
{
	struct zcrx_queue *queue;
	unsigned int got = 0;

	mutex_lock(&ifq->lock);
	list_for_each_entry(queue, &ifq->queues, list)
		got += zcrx_rq_drain(queue, ZCRX_COPY_BATCH);
	mutex_unlock(&ifq->lock);
	return got;
}

static struct net_iov *zcrx_copy_niov(struct zcrx_ifq *ifq)
{
	struct net_iov *niov = zcrx_copy_take_free(ifq);

	if (!niov && zcrx_copy_reclaim(ifq))
		niov = zcrx_copy_take_free(ifq);
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
 * @req: the request
 * @ifq: where to
 * @skb: where from
 * @off: offset of the payload in @skb
 * @len: its length; all of it readable by the CPU
 * @copied: how much was handed out, also on failure
 * @nr_copies: grows by the pieces it was handed out in
 *
 * Return: 0, -ENOMEM (no free buffer the CPU can write to), -ENOSPC (CQ full),
 * or -EFAULT.
 */
int zcrx_copy(struct io_kiocb *req, struct zcrx_ifq *ifq, struct sk_buff *skb,
	      int off, int len, int *copied, unsigned int *nr_copies)
{
	int niov_len = 1 << ifq->niov_shift;

	while (len) {
		int part = min(len, niov_len);
		struct net_iov *niov;
		int ret;

		niov = zcrx_copy_niov(ifq);
		if (!niov)
			return -ENOMEM;

		ret = zcrx_copy_post(req, niov, skb, off, part);
		/* From here on the buffer is the user's, or nobody's. */
		if (page_pool_is_last_ref(net_iov_to_netmem(niov)))
			zcrx_niov_put_unrefed(niov);
		if (ret)
			return ret;

		off += part;
		len -= part;
		*copied += part;
		(*nr_copies)++;
	}
	return 0;
}
