/* SPDX-License-Identifier: GPL-2.0 */
/* Rx queues of igb that a memory provider feeds */

#ifndef _IGB_MP_H_
#define _IGB_MP_H_

#include <linux/hrtimer.h>
#include <linux/sizes.h>
#include <net/netmem.h>

#include "igb.h"

/* SRRCTL counts in KiB, and has seven bits for it. */
#define IGB_MP_BUF_LEN_MAX	SZ_64K

struct kernel_ethtool_ringparam;
struct page_pool;

/**
 * struct igb_mp - what an Rx ring owns while its queue has a memory provider
 * @pool: page_pool on top of the provider; its napi is set only while the ring
 *	is configured, since that is the only time the NAPI is known to be the
 *	pool's one consumer
 * @q_vector: vector of the queue; outlives the ring's resources
 * @hdr: header buffers, IGB_RX_HDR_LEN bytes a descriptor
 * @hdr_dma: bus address of @hdr
 * @refill_timer: polls a queue whose pool ran dry, as an empty ring raises no
 *	interrupt; armed by the refill, cancelled when the ring is cleaned
 * @buf_len: bytes of one payload buffer, that is of one netmem; what the NIC
 *	is told follows from it
 * @count: number of descriptors
 * @discard: the descriptors up to the next EOP belong to a dropped frame
 * @netmems: payload buffer of each descriptor, 0 if it has none. The buffer of
 *	a dropped or payload-less frame stays here and is posted once more.
 *
 * An igb_mp is made and freed with the ring's other resources, under RTNL.
 * In between it belongs to the queue's NAPI, or with that off to RTNL. It
 * holds a runtime PM reference: a runtime resume reopens the device without
 * RTNL, where no page_pool can be made for a provider.
 */
struct igb_mp {
	struct page_pool *pool;
	struct igb_q_vector *q_vector;
	void *hdr;
	dma_addr_t hdr_dma;
	struct hrtimer refill_timer;
	unsigned int buf_len;
	u16 count;
	bool discard;
	netmem_ref netmems[] __counted_by(count);
};

/* igb_mp.c */
int igb_mp_setup(struct igb_ring *ring);
void igb_mp_free(struct igb_ring *ring);
void igb_mp_configure(struct igb_ring *ring);
void igb_mp_setup_srrctl(struct igb_adapter *adapter, struct igb_ring *ring);
u32 igb_mp_mrqc(struct igb_adapter *adapter, u32 mrqc);
bool igb_mp_alloc_rx_buffers(struct igb_ring *ring, u16 count);
void igb_mp_flush_gro(struct igb_q_vector *q_vector);
void igb_mp_clean_rx_ring(struct igb_ring *ring);
int igb_mp_clean_rx_irq(struct igb_q_vector *q_vector, const int budget);

/* igb_main.c */
void igb_mp_process_skb_fields(struct igb_ring *rx_ring,
			       union e1000_adv_rx_desc *rx_desc,
			       struct sk_buff *skb);

/* igb_queue.c */
void igb_queue_init(struct igb_adapter *adapter);
bool igb_queue_bound(struct igb_adapter *adapter);
bool igb_queue_has_rings(struct igb_adapter *adapter);
void igb_queue_set_napi(struct igb_adapter *adapter, bool link);
void igb_queue_get_data_split(struct igb_adapter *adapter,
			      struct kernel_ethtool_ringparam *kernel_ring);
int igb_queue_check_data_split(struct igb_adapter *adapter,
			       struct kernel_ethtool_ringparam *kernel_ring,
			       struct netlink_ext_ack *extack);
void igb_queue_set_data_split(struct igb_adapter *adapter,
			      struct kernel_ethtool_ringparam *kernel_ring);

/* Post buffers on every free descriptor of a ring that was just configured. */
static inline void igb_fill_rx_ring(struct igb_ring *ring)
{
	/* igb_desc_unused always leaves at least 1 descriptor unused to make
	 * sure next_to_use != next_to_clean
	 */
	if (ring->mp)
		igb_mp_alloc_rx_buffers(ring, igb_desc_unused(ring));
	else
		igb_alloc_rx_buffers(ring, igb_desc_unused(ring));
}

#endif /* _IGB_MP_H_ */
