// SPDX-License-Identifier: GPL-2.0
/* Rx ring of a queue with a memory provider: header split on the 82576
 *
 * The NIC writes the headers of a TCP frame into a header buffer of ours and
 * the payload into memory of the provider (netmem), which the kernel may be
 * unable to read. So a frame is passed up only if everything that the stack
 * will look at was split off, and if the NIC has checked the TCP checksum;
 * all others are dropped and counted.
 *
 * The queue carries TCP only: igb_mp_mrqc() keeps all other frames on queue 0,
 * for which a provider is refused.
 */

#include <linux/ip.h>
#include <linux/pm_runtime.h>
#include <linux/tcp.h>
#include <net/busy_poll.h>
#include <net/netdev_rx_queue.h>
#include <net/page_pool/helpers.h>
#include <net/page_pool/memory_provider.h>

#include "igb.h"
#include "igb_mp.h"

/* How soon to look again for buffers once the pool is empty. */
#define IGB_MP_REFILL_DELAY	ms_to_ktime(2)

/* Less than this is not a TCP header, whatever the descriptor says. */
#define IGB_MP_MIN_HDR \
	(ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr))

/* Results of one poll, added to the ring's counters at its end. */
struct igb_mp_counts {
	unsigned int packets;
	unsigned int bytes;
	unsigned int unsplit;
	unsigned int bad_csum;
	unsigned int alloc_failed;
	unsigned int pool_empty;
};

/* On this CPU, where the interrupt is, and what the page_pool has cached. */
static void igb_mp_start_refill(struct igb_mp *mp)
{
	hrtimer_start(&mp->refill_timer, IGB_MP_REFILL_DELAY,
		      HRTIMER_MODE_REL_PINNED);
}

static enum hrtimer_restart igb_mp_refill(struct hrtimer *timer)
{
	struct igb_mp *mp = container_of(timer, struct igb_mp, refill_timer);

	/* Refused while a poll is running, whose refill may already be over,
	 * and while the NAPI is off, as it is when a ring is first filled.
	 */
	if (!napi_schedule(&mp->q_vector->napi))
		igb_mp_start_refill(mp);

	return HRTIMER_NORESTART;
}

static struct page_pool *igb_mp_create_pool(struct igb_ring *ring,
					    unsigned int buf_len)
{
	struct page_pool_params params = {
		.order		= get_order(buf_len),
		.pool_size	= ring->count,
		.nid		= dev_to_node(ring->dev),
		.dev		= ring->dev,
		.dma_dir	= DMA_FROM_DEVICE,
		.max_len	= buf_len,
		.netdev		= ring->netdev,
		.queue_idx	= ring->queue_index,
		.flags		= PP_FLAG_DMA_MAP | PP_FLAG_DMA_SYNC_DEV |
				  PP_FLAG_ALLOW_UNREADABLE_NETMEM,
	};

	return page_pool_create(&params);
}

/**
 * igb_mp_setup - allocate what a ring needs for its queue's memory provider
 * @ring: ring that is being set up; ring->count is its new size
 *
 * Called under RTNL. Leaves ring->mp NULL if the queue has no provider.
 *
 * Return: 0, or a negative error with nothing allocated.
 */
int igb_mp_setup(struct igb_ring *ring)
{
	struct netdev_rx_queue *rxq;
	struct igb_mp *mp;
	int err;

	/* A copy of a live ring has that ring's pointer. */
	ring->mp = NULL;

	/* The self test's ring has no vector, and a queue index of 0 for
	 * whatever queue it tests.
	 */
	if (!ring->q_vector)
		return 0;

	rxq = __netif_get_rx_queue(ring->netdev, ring->queue_index);
	if (!rxq->mp_params.mp_ops)
		return 0;

	mp = kvzalloc(struct_size(mp, netmems, ring->count), GFP_KERNEL);
	if (!mp)
		return -ENOMEM;

	mp->count = ring->count;
	mp->q_vector = ring->q_vector;
	mp->buf_len = rxq->mp_params.rx_page_size ?: PAGE_SIZE;
	hrtimer_init(&mp->refill_timer, CLOCK_MONOTONIC,
		     HRTIMER_MODE_REL_PINNED);
	mp->refill_timer.function = igb_mp_refill;

	mp->hdr = dma_alloc_coherent(ring->dev, mp->count * IGB_RX_HDR_LEN,
				     &mp->hdr_dma, GFP_KERNEL);
	if (!mp->hdr) {
		err = -ENOMEM;
		goto err_free_mp;
	}

	mp->pool = igb_mp_create_pool(ring, mp->buf_len);
	if (IS_ERR(mp->pool)) {
		err = PTR_ERR(mp->pool);
		goto err_free_hdr;
	}

	pm_runtime_get_noresume(ring->dev);
	ring->mp = mp;

	return 0;

err_free_hdr:
	dma_free_coherent(ring->dev, mp->count * IGB_RX_HDR_LEN, mp->hdr,
			  mp->hdr_dma);
err_free_mp:
	kvfree(mp);

	return err;
}

/**
 * igb_mp_free - undo igb_mp_setup()
 * @ring: ring that is being freed, already cleaned
 */
void igb_mp_free(struct igb_ring *ring)
{
	struct igb_mp *mp = ring->mp;

	if (!mp)
		return;

	page_pool_destroy(mp->pool);
	dma_free_coherent(ring->dev, mp->count * IGB_RX_HDR_LEN, mp->hdr,
			  mp->hdr_dma);
	kvfree(mp);
	ring->mp = NULL;

	pm_runtime_put(ring->dev);
}

/**
 * igb_mp_configure - make a ring's memory ready for the NIC
 * @ring: ring that is being configured, its queue disabled and its NAPI off
 */
void igb_mp_configure(struct igb_ring *ring)
{
	struct igb_mp *mp = ring->mp;

	/* A stale DD bit would be taken for a frame. */
	memset(ring->desc, 0, ring->size);

	/* From here on buffers freed by our NAPI may go straight to the pool's
	 * cache. Not so from its creation: in a queue restart that fails, a
	 * pool may be destroyed with the NAPI running.
	 */
	WRITE_ONCE(mp->pool->p.napi, &mp->q_vector->napi);
}

/**
 * igb_mp_setup_srrctl - put a queue in header split mode
 * @adapter: board private structure
 * @ring: ring of the queue
 */
void igb_mp_setup_srrctl(struct igb_adapter *adapter, struct igb_ring *ring)
{
	struct e1000_hw *hw = &adapter->hw;
	u32 srrctl;

	/* Each register is for two queues, n and n + 8. */
	wr32(E1000_PSRTYPE(ring->reg_idx & 0x7), E1000_PSRTYPE_IPV4_TCP |
	     E1000_PSRTYPE_IPV4_IPV6_TCP | E1000_PSRTYPE_IPV6_TCP);

	srrctl = IGB_RX_HDR_LEN << E1000_SRRCTL_BSIZEHDRSIZE_SHIFT;
	srrctl |= ring->mp->buf_len >> E1000_SRRCTL_BSIZEPKT_SHIFT;
	srrctl |= E1000_SRRCTL_DESCTYPE_HDR_SPLIT;
	/* Even with flow control on: the user decides when buffers come back,
	 * and must not be able to stop the other queues with it.
	 */
	srrctl |= E1000_SRRCTL_DROP_EN;

	wr32(E1000_SRRCTL(ring->reg_idx), srrctl);
}

/**
 * igb_mp_mrqc - leave only TCP to RSS while a queue has a memory provider
 * @adapter: board private structure
 * @mrqc: value meant for the MRQC register
 *
 * A frame that is not hashed goes to queue 0. There is one register for the
 * whole device, so this moves the non-TCP frames of all queues.
 *
 * Return: the value to write.
 */
u32 igb_mp_mrqc(struct igb_adapter *adapter, u32 mrqc)
{
	int i;

	for (i = 0; i < adapter->num_rx_queues; i++)
		if (adapter->rx_ring[i]->mp)
			return mrqc & ~(E1000_MRQC_RSS_FIELD_IPV4 |
					E1000_MRQC_RSS_FIELD_IPV6 |
					E1000_MRQC_RSS_FIELD_IPV4_UDP |
					E1000_MRQC_RSS_FIELD_IPV6_UDP |
					E1000_MRQC_RSS_FIELD_IPV6_UDP_EX);

	return mrqc;
}

/**
 * igb_mp_alloc_rx_buffers - post buffers to the NIC
 * @ring: ring with a memory provider
 * @count: number of descriptors to fill
 *
 * If the pool runs dry, what was posted stays and the queue is polled again
 * a little later.
 *
 * Return: true if all descriptors were filled.
 */
bool igb_mp_alloc_rx_buffers(struct igb_ring *ring, u16 count)
{
	struct igb_mp *mp = ring->mp;
	u16 i = ring->next_to_use;
	bool filled = true;

	while (count--) {
		union e1000_adv_rx_desc *rx_desc = IGB_RX_DESC(ring, i);
		netmem_ref netmem = mp->netmems[i];

		if (!netmem) {
			netmem = page_pool_alloc_netmems(mp->pool, GFP_ATOMIC |
							 __GFP_NOWARN);
			if (unlikely(!netmem)) {
				filled = false;
				break;
			}
			mp->netmems[i] = netmem;
		}

		/* Both addresses, each time: the write-back has erased them. */
		rx_desc->read.pkt_addr =
			cpu_to_le64(page_pool_get_dma_addr_netmem(netmem));
		rx_desc->read.hdr_addr =
			cpu_to_le64(mp->hdr_dma + i * IGB_RX_HDR_LEN);

		if (++i == ring->count)
			i = 0;

		/* The clean-up stops at the first descriptor without DD. */
		IGB_RX_DESC(ring, i)->wb.upper.status_error = 0;
	}

	if (ring->next_to_use != i) {
		ring->next_to_use = i;

		/* Descriptors must be in memory before the NIC is told. */
		dma_wmb();
		writel(i, ring->tail);
	}

	if (unlikely(!filled))
		igb_mp_start_refill(mp);

	return filled;
}

/**
 * igb_mp_flush_gro - pass on what GRO has of a queue with a memory provider
 * @q_vector: vector of the queue, its NAPI just disabled
 *
 * Else it waits for the next poll: the timer that GRO may have instead is off.
 */
void igb_mp_flush_gro(struct igb_q_vector *q_vector)
{
	if (q_vector->rx.ring && q_vector->rx.ring->mp)
		netif_mp_flush_napi(&q_vector->napi);
}

/**
 * igb_mp_clean_rx_ring - give all buffers of a ring back to its pool
 * @ring: ring with a memory provider
 *
 * The queue is disabled. So is its NAPI, unless the ring was cleaned before,
 * or never configured.
 */
void igb_mp_clean_rx_ring(struct igb_ring *ring)
{
	struct igb_mp *mp = ring->mp;
	int i;

	hrtimer_cancel(&mp->refill_timer);
	page_pool_disable_direct_recycling(mp->pool);

	for (i = 0; i < mp->count; i++) {
		if (!mp->netmems[i])
			continue;
		page_pool_put_full_netmem(mp->pool, mp->netmems[i], false);
		mp->netmems[i] = 0;
	}

	mp->discard = false;
	ring->next_to_clean = 0;
	ring->next_to_use = 0;
}

/* Length of the header of a frame that was split, by its first descriptor; 0
 * if it was not.
 */
static unsigned int igb_mp_hdr_len(union e1000_adv_rx_desc *rx_desc)
{
	u16 info = le16_to_cpu(rx_desc->wb.lower.lo_dword.hdr_info);
	unsigned int len;

	/* Test HBO first: with it, SPH may be set though nothing was split,
	 * and the length is that of the header that did not fit.
	 */
	if (igb_test_staterr(rx_desc, E1000_RXDADV_ERR_HBO) ||
	    !(info & E1000_RXDADV_SPH))
		return 0;

	len = (info & E1000_RXDADV_HDRBUFLEN_MASK) >>
	      E1000_RXDADV_HDRBUFLEN_SHIFT;
	if (len < IGB_MP_MIN_HDR)
		return 0;

	return min_t(unsigned int, len, IGB_RX_HDR_LEN);
}

/* May the stack have the frame that ends with this descriptor? */
static bool igb_mp_frame_ok(union e1000_adv_rx_desc *rx_desc, bool has_payload,
			    struct igb_mp_counts *counts)
{
	u16 info = le16_to_cpu(rx_desc->wb.lower.lo_dword.pkt_info);

	if (igb_test_staterr(rx_desc, E1000_RXDEXT_ERR_FRAME_ERR_MASK))
		return false;

	/* Other protocols and IP fragments are split as well, but after the
	 * last header that the NIC knows: a TCP header may be in the payload.
	 */
	if ((info & (E1000_RXDADV_PKTTYPE_ETQF | E1000_RXDADV_PKTTYPE_TCP)) !=
	    E1000_RXDADV_PKTTYPE_TCP ||
	    igb_test_staterr(rx_desc, E1000_RXDADV_ERR_HBO)) {
		counts->unsplit++;
		return false;
	}

	/* Without payload the stack can verify the checksum by itself. */
	if (has_payload &&
	    (!igb_test_staterr(rx_desc, E1000_RXD_STAT_TCPCS) ||
	     igb_test_staterr(rx_desc, E1000_RXD_STAT_IXSM) ||
	     igb_test_staterr(rx_desc, E1000_RXDEXT_STATERR_TCPE |
				       E1000_RXDEXT_STATERR_IPE))) {
		counts->bad_csum++;
		return false;
	}

	return true;
}

/* Add the buffer of the descriptor at next_to_clean to the frame. */
static bool igb_mp_add_frag(struct igb_ring *ring, struct sk_buff *skb,
			    unsigned int len)
{
	unsigned int nr_frags = skb_shinfo(skb)->nr_frags;
	u16 ntc = ring->next_to_clean;
	struct igb_mp *mp = ring->mp;
	netmem_ref netmem;

	/* Longer than any frame that the NIC is set up to take. */
	if (unlikely(nr_frags == MAX_SKB_FRAGS))
		return false;

	netmem = mp->netmems[ntc];
	mp->netmems[ntc] = 0;

	page_pool_dma_sync_netmem_for_cpu(mp->pool, netmem, 0, len);
	skb_add_rx_frag_netmem(skb, nr_frags, netmem, 0, len, mp->buf_len);
	skb_mark_for_recycle(skb);

	return true;
}

/* An skb without data, with room for what a header buffer holds. GRO gives those
 * back in napi->skb that it has merged, which spares most frames the allocation
 * of an skb and its head. napi_get_frags() would make one whose room depends on
 * the kernel's configuration.
 */
static struct sk_buff *igb_mp_get_skb(struct napi_struct *napi)
{
	struct sk_buff *skb = napi->skb;

	if (!skb) {
		skb = napi_alloc_skb(napi, IGB_RX_HDR_LEN);
		if (likely(skb))
			skb_mark_napi_id(skb, napi);
		return skb;
	}

	/* what napi_reuse_skb() leaves of the frame before */
	napi->skb = NULL;
	skb->unreadable = false;
	skb->pp_recycle = false;
	skb_clear_hash(skb);
	skb_hwtstamps(skb)->hwtstamp = 0;
	return skb;
}

/* Take in the descriptor at next_to_clean. Returns the frame up to here, or
 * NULL if it has to be dropped.
 */
static struct sk_buff *igb_mp_rx_desc(struct igb_ring *ring,
				      union e1000_adv_rx_desc *rx_desc,
				      struct igb_mp_counts *counts)
{
	unsigned int len = le16_to_cpu(rx_desc->wb.upper.length);
	struct igb_mp *mp = ring->mp;
	struct sk_buff *skb = ring->skb;
	unsigned int hdr_len = 0;

	/* Only the header buffer of a frame's first descriptor is used. */
	if (!skb) {
		hdr_len = igb_mp_hdr_len(rx_desc);
		if (!hdr_len) {
			counts->unsplit++;
			return NULL;
		}
	}

	/* Type, checksum and errors are valid in the last descriptor. */
	if (igb_test_staterr(rx_desc, E1000_RXD_STAT_EOP) &&
	    !igb_mp_frame_ok(rx_desc, len || (skb && skb->data_len), counts))
		goto drop;

	if (!skb) {
		void *hdr = mp->hdr + ring->next_to_clean * IGB_RX_HDR_LEN;

		skb = igb_mp_get_skb(&mp->q_vector->napi);
		if (unlikely(!skb)) {
			counts->alloc_failed++;
			return NULL;
		}
		skb_put_data(skb, hdr, hdr_len);
	}

	if (len && !igb_mp_add_frag(ring, skb, len)) {
		counts->alloc_failed++;
		goto drop;
	}

	return skb;

drop:
	/* NULL if this is the frame's only descriptor */
	dev_kfree_skb_any(skb);
	return NULL;
}

/**
 * igb_mp_clean_rx_irq - receive on a queue with a memory provider
 * @q_vector: vector of the queue
 * @budget: how many frames to handle at most; dropped ones count
 *
 * Return: number of frames handled.
 */
int igb_mp_clean_rx_irq(struct igb_q_vector *q_vector, const int budget)
{
	struct igb_ring *ring = q_vector->rx.ring;
	u16 cleaned_count = igb_desc_unused(ring);
	struct igb_mp_counts counts = {};
	struct igb_mp *mp = ring->mp;
	int work_done = 0;

	/* netpoll is after Tx only, and may run where a page_pool must not */
	if (unlikely(!budget))
		return 0;

	while (likely(work_done < budget)) {
		union e1000_adv_rx_desc *rx_desc;
		struct sk_buff *skb;

		/* one at a time is too slow */
		if (cleaned_count >= IGB_RX_BUFFER_WRITE) {
			if (!igb_mp_alloc_rx_buffers(ring, cleaned_count))
				counts.pool_empty++;
			cleaned_count = 0;
		}

		/* Never test the length: it is 0 for a frame of headers only */
		rx_desc = IGB_RX_DESC(ring, ring->next_to_clean);
		if (!igb_test_staterr(rx_desc, E1000_RXD_STAT_DD))
			break;

		/* Read no other field before DD is seen. */
		dma_rmb();

		if (!mp->discard) {
			ring->skb = igb_mp_rx_desc(ring, rx_desc, &counts);
			mp->discard = !ring->skb;
		}

		if (++ring->next_to_clean == ring->count)
			ring->next_to_clean = 0;
		cleaned_count++;

		if (!igb_test_staterr(rx_desc, E1000_RXD_STAT_EOP))
			continue;

		work_done++;
		mp->discard = false;
		skb = ring->skb;
		ring->skb = NULL;
		if (!skb)
			continue;

		counts.packets++;
		counts.bytes += skb->len;

		igb_mp_process_skb_fields(ring, rx_desc, skb);
		q_vector->napi.skb = skb;
		napi_gro_frags(&q_vector->napi);
	}

	if (cleaned_count && !igb_mp_alloc_rx_buffers(ring, cleaned_count))
		counts.pool_empty++;

	u64_stats_update_begin(&ring->rx_syncp);
	ring->rx_stats.packets += counts.packets;
	ring->rx_stats.bytes += counts.bytes;
	ring->rx_stats.alloc_failed += counts.alloc_failed;
	ring->rx_stats.mp_unsplit += counts.unsplit;
	ring->rx_stats.mp_bad_csum += counts.bad_csum;
	ring->rx_stats.mp_pool_empty += counts.pool_empty;
	u64_stats_update_end(&ring->rx_syncp);
	q_vector->rx.total_packets += counts.packets;
	q_vector->rx.total_bytes += counts.bytes;

	return work_done;
}
