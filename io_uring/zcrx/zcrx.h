/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_uring zero-copy receive: the objects and who owns what.
 *
 *   io_ring_ctx -- zcrx_ids --> zcrx_ifq -+- areas     net_iovs and their memory
 *                                         +- queues    an RX queue, its refill
 *                                                      ring, its page_pools
 *
 * A ring's id table is a user of the ifq and holds a reference, and so is each
 * exported fd; once the last user has gone, the queues are closed. Each queue
 * holds a reference, too. A queue is held by its ifq until it was closed and by
 * each page_pool that takes buffers from it: during a restart an old and a new
 * pool live side by side, and an old one lives on until its last buffer came
 * home. So the memory of an area outlives every net_iov that somebody may still
 * hold.
 *
 * The life of a net_iov:
 *
 *   FREE --alloc--> POOL --posted--> NIC --> SKB --CQE--> USER --refill--> POOL
 *     ^                                                    |
 *     |                                                    +- teardown: scrub
 *     +----------------- pool destroyed ------------------------------------+
 *
 * pp_ref_count counts the references of page_pool and skbs, as for a page.
 * What the user holds is counted in the area's user_refs, and each user
 * reference carries one of pp_ref_count with it: that one is taken before, and
 * dropped after. A net_iov that was filled by a copy belongs to no pool (its
 * pp is NULL) until it comes back through a refill ring.
 *
 * Locks, outermost first: uring_lock, RTNL or a socket's lock, zcrx_ifq.lock,
 * zcrx_rq.lock (BH), zcrx_area.free_lock (BH). Under a socket's lock alone:
 * zcrx_dmabuf.cpu_lock. Under uring_lock alone: zcrx_rings_lock, and in it a
 * ring's zcrx_lock. Innermost: zcrx_events.lock (BH), zcrx_notice_lock.
 */
#ifndef IOU_ZCRX_INTERNAL_H
#define IOU_ZCRX_INTERNAL_H

#include <linux/atomic.h>
#include <linux/io_uring_types.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/netmem.h>
#include <net/page_pool/memory_provider.h>

#include <uapi/linux/io_uring.h>
#include <uapi/linux/io_uring/zcrx.h>
#include <uapi/linux/io_uring/zcrx_ext.h>

#include "../zcrx.h"

#define ZCRX_RQ_ENTRIES_MAX	32768
#define ZCRX_RQ_BATCH		256	/* entries, before others have their turn */
#define ZCRX_AREA_LEN_MAX	BIT_ULL(40)	/* 1 TiB */
#define ZCRX_AREAS_MAX		16

/* What lies before the entries of a refill ring, and how it is aligned. */
#define ZCRX_RQ_HDR_SIZE	128
#define ZCRX_RQ_HDR_ALIGN	64
#define ZCRX_STATS_ALIGN	8

struct device;
struct seq_file;
struct sg_table;
struct sk_buff;
struct zcrx_dmabuf;
struct zcrx_events;
struct zcrx_mem;
struct zcrx_notice;

/* Whom pinned memory is charged to; either may be NULL. Owns a reference of
 * each.
 */
struct zcrx_account {
	struct user_struct	*user;
	struct mm_struct	*mm;
};

/* Memory shared with user space, mapped into the kernel. */
struct zcrx_region {
	void			*ptr;
	struct page		**pages;
	unsigned long		nr_pages;
	bool			user;		/* pinned, else allocated */
};

/**
 * struct zcrx_mem_ops - a kind of memory
 * @map: map it for DMA by @dev and leave the table in @sgt
 * @unmap: undo @map; not called if it failed
 * @release: undo the import
 * @cpu_ready: may the CPU write now, or would it have to wait? NULL: it may
 * @copy_in: copy @len bytes at @skb_off of @skb to @off, if the CPU has access.
 *	@off to @off + @len lies within one net_iov.
 * @dma_sync: the memory is subject to the DMA API's ownership rules
 */
struct zcrx_mem_ops {
	int (*map)(struct zcrx_mem *mem, struct device *dev);
	void (*unmap)(struct zcrx_mem *mem, struct device *dev);
	void (*release)(struct zcrx_mem *mem, struct zcrx_account *acct);
	bool (*cpu_ready)(struct zcrx_mem *mem);
	int (*copy_in)(struct zcrx_mem *mem, u64 off, struct sk_buff *skb,
		       int skb_off, int len);
	bool dma_sync;
};

struct zcrx_mem {
	const struct zcrx_mem_ops	*ops;
	u64				len;
	u64				off;	/* where it starts in sgt */
	struct sg_table			*sgt;	/* NULL if not mapped */
	bool				cpu;	/* the CPU has access */

	union {
		struct {
			struct page		**pages;
			unsigned long		nr_pages;
			unsigned long		accounted;
			struct sg_table		page_sgt;
		};
		struct zcrx_dmabuf		*buf;
	};
};

struct zcrx_area {
	struct net_iov_area	nia;
	struct zcrx_ifq		*ifq;		/* owns this area */
	atomic_t		*user_refs;	/* one for each net_iov */
	u64			token;		/* what its offsets begin with */
	bool			fallback;	/* for copies alone */
	refcount_t		refs;		/* the table's, and who looks */
	struct list_head	list;		/* ifq->area_list */
	struct work_struct	gone_work;	/* once condemned */
	struct zcrx_notice	*notice;	/* owned; for the same time */
	struct zcrx_mem		mem;		/* mapping: ifq->lock */
	struct zcrx_account	acct;		/* who pays for mem */

	/* The net_iovs that are in no pool and that nobody holds. */
	spinlock_t		free_lock ____cacheline_aligned_in_smp;
	u32			free_count;	/* free_lock */
	bool			leaving;	/* free_lock; none is taken */
	bool			condemned;	/* free_lock; and not for long */
	u32			*freelist;	/* free_lock */
};

/* A refill ring. User space writes tail and entries, the kernel head. */
struct zcrx_rq {
	spinlock_t			lock;		/* the consumer's */
	u32				cached_head;	/* lock */
	u32				nr_entries;	/* power of two */
	u32				*head;
	u32				*tail;
	struct io_uring_zcrx_rqe	*rqes;
	u64				invalid;	/* lock; ignored entries */
	u64				returned;	/* lock; the others */
	struct zcrx_region		region;
	void				*behind;	/* used for statistics */
	size_t				behind_len;
};

/* Where buffers for the page_pool came from; its consumer's. */
struct zcrx_alloc_stats {
	u64	ring;
	u64	free;
	u64	others;
	u64	failed;
	u64	dry_ns;
	u64	dry_since;	/* the last failure, or 0 */
};

struct zcrx_queue {
	struct zcrx_rq		rq;
	struct zcrx_alloc_stats	stats;
	struct zcrx_queue_stats	*shared;	/* in the region of rq, or NULL */
	struct zcrx_ifq		*ifq;		/* reference held */
	refcount_t		refs;
	unsigned int		rxq;
	int			ifindex;
	struct net_device	*netdev;	/* RTNL; NULL once unbound */
	netdevice_tracker	netdev_tracker;
	struct delayed_work	close_work;
	struct list_head	list;		/* ifq->queues */
	struct zcrx_account	acct;		/* who pays for the refill ring */
	/* Of a further queue: whose fd maps its refill ring, by which id. */
	struct io_ring_ctx	*map_ctx;	/* zcrx_rings_lock; or NULL */
	u32			map_id;		/* likewise */
};

/* Of enum zcrx_stats_reason and enum zcrx_stats_failure. */
#define ZCRX_COPY_REASONS	(ZCRX_STATS_UNSPLIT + 1)
#define ZCRX_COPY_FAILURES	(ZCRX_STATS_NO_BUFFER + 1)

/* What became of the data, in one place for all rings of an ifq. */
struct zcrx_counters {
	atomic64_t		delivered;	/* bytes, where the NIC put them */
	atomic64_t		copied;		/* bytes */
	atomic64_t		cqes;
	atomic64_t		cq_full;	/* requests that ended so */
	atomic64_t		returned;	/* refill entries, by any ring */
	atomic64_t		invalid;	/* and those that were ignored */

	atomic64_t		copies[ZCRX_COPY_REASONS];
	atomic64_t		copy_bytes[ZCRX_COPY_REASONS];
	atomic64_t		copy_failed[ZCRX_COPY_FAILURES];
};

struct zcrx_ifq {
	refcount_t		refs;
	refcount_t		users;		/* rings and exported fds */
	atomic_t		nr_open;	/* queues, and one for the users */
	u32			serial;		/* unlike that of any before */
	bool			keep;		/* what users hold, as it is */
	unsigned int		niov_shift;
	/* By the lowest bits of their ids; read under RCU, in a softirq or not. */
	struct zcrx_area __rcu	*areas[ZCRX_AREAS_MAX];

	struct zcrx_events	*events;	/* as registered, or NULL */
	struct list_head	listeners;	/* lock, RCU; with that one */

	struct zcrx_counters	counters ____cacheline_aligned_in_smp;

	struct mutex		lock;		/* mapping, the lists below */
	bool			mapped;		/* lock; areas mapped for dev */
	struct device		*dev;		/* reference held; NULL: NODEV */
	u32			slot_uses[ZCRX_AREAS_MAX]; /* lock; of areas[] */
	struct list_head	area_list;	/* lock, RCU; as they were added */
	/* RTNL and lock, RCU; the first one is that of the registration */
	struct list_head	queues;
	unsigned int		nr_bound;	/* RTNL; queues that have a NIC */
	bool			several;	/* lock; has had further queues */
	spinlock_t		shared_lock;
	/* In the first queue's region, or NULL; all but a queue's: shared_lock */
	struct zcrx_ext_stats	*shared;
	struct list_head	notices;	/* lock; sent when it is freed */
	struct list_head	dmabufs;	/* lock; those of the areas */
};

/* One pass of a request over what its socket received. */
struct zcrx_recv_args {
	struct io_kiocb		*req;
	struct zcrx_ifq		*ifq;
	unsigned int		nr_skbs;
	unsigned int		max_skbs;
	int			err;		/* why the request ends */
	bool			stopped_early;
	bool			first;		/* of the request */
	u64			delivered;
	u64			copied;
	unsigned int		nr_copies;
	unsigned int		nr_cqes;
	struct sk_buff		*head;		/* whose frag_list it is at */
};

/* ifq.c */
void zcrx_account_init(struct zcrx_account *acct, struct io_ring_ctx *ctx);
void zcrx_account_release(struct zcrx_account *acct);
struct zcrx_ifq *zcrx_ifq_alloc(void);
void zcrx_ifq_get(struct zcrx_ifq *ifq);
void zcrx_ifq_put(struct zcrx_ifq *ifq);
void zcrx_ifq_use(struct zcrx_ifq *ifq);
void zcrx_ifq_set_dev(struct zcrx_ifq *ifq, struct device *dev);
void zcrx_ifq_unregister(struct zcrx_ifq *ifq);
void zcrx_ifq_queue_closed(struct zcrx_ifq *ifq);

/* Look an id up for one issue of a request; uring_lock is held. */
static inline struct zcrx_ifq *zcrx_ifq_find(struct io_ring_ctx *ctx, u32 id)
{
	return xa_load(&ctx->zcrx_ids, id);
}

/* register.c */
int zcrx_id_alloc(struct io_ring_ctx *ctx, u32 *id);
void zcrx_id_free(struct io_ring_ctx *ctx, u32 id);
int zcrx_publish(struct io_ring_ctx *ctx, u32 id, struct zcrx_ifq *ifq);
void zcrx_withdraw(struct io_ring_ctx *ctx, u32 id);
void zcrx_leave(struct io_ring_ctx *ctx, u32 id, struct zcrx_ifq *ifq);

/* export.c */
int zcrx_export(struct zcrx_ifq *ifq, struct zcrx_ctrl *ctrl,
		void __user *arg);
int zcrx_import(struct io_ring_ctx *ctx, struct io_uring_zcrx_ifq_reg *reg,
		void __user *arg);

/* queue.c */
struct zcrx_queue *zcrx_queue_alloc(struct zcrx_ifq *ifq,
				    struct io_ring_ctx *ctx);
void zcrx_queue_get(struct zcrx_queue *queue);
void zcrx_queue_put(struct zcrx_queue *queue);
int zcrx_queue_open(struct zcrx_queue *queue, struct net_device *netdev,
		    unsigned int rxq);
void zcrx_queue_close(struct zcrx_queue *queue);
int zcrx_queue_take_off(struct zcrx_queue *queue);
void zcrx_queue_unbind(struct zcrx_queue *queue);
int zcrx_queue_restart(struct zcrx_queue *queue);

/* queues.c */
void zcrx_queues_add(struct zcrx_queue *queue);
void zcrx_queues_close(struct zcrx_ifq *ifq);
int zcrx_queues_restart(struct zcrx_ifq *ifq);
unsigned int zcrx_queues_drain(struct zcrx_ifq *ifq, unsigned int max);
int zcrx_queues_bind(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx,
		     const struct zcrx_ctrl_bind_queue *bind,
		     struct zcrx_ctrl_bind_queue __user *arg);
int zcrx_queues_unbind(struct zcrx_ifq *ifq,
		       const struct zcrx_ctrl_unbind_queue *unbind);

/* mmap.c */
static inline u64 zcrx_ring_mmap_offset(u32 id)
{
	return IORING_MAP_OFF_ZCRX_REGION + ((u64)id << IORING_OFF_PBUF_SHIFT);
}

int zcrx_ring_show(struct zcrx_queue *queue, struct io_ring_ctx *ctx);
void zcrx_ring_hide(struct zcrx_queue *queue);
void zcrx_rings_hide(struct io_ring_ctx *ctx, const struct zcrx_ifq *ifq);

/* areas.c */
int zcrx_areas_add(struct zcrx_area *area, u64 __user *token);
int zcrx_areas_map(struct zcrx_ifq *ifq);
void zcrx_areas_unmap(struct zcrx_ifq *ifq);
size_t zcrx_areas_niovs(struct zcrx_ifq *ifq);
bool zcrx_areas_need_sync(struct zcrx_ifq *ifq);
bool zcrx_areas_free_below(struct zcrx_ifq *ifq, u32 nr);
void zcrx_areas_each(struct zcrx_ifq *ifq,
		     void (*fn)(struct zcrx_area *area, void *data), void *data);
void zcrx_areas_free(struct zcrx_ifq *ifq);
int zcrx_areas_remove(struct zcrx_ifq *ifq, u64 token,
		      struct zcrx_notice *notice);

/* area.c */
struct zcrx_area *zcrx_area_create(struct zcrx_ifq *ifq,
				   struct io_ring_ctx *ctx,
				   const struct io_uring_zcrx_area_reg *reg);
void zcrx_area_free(struct zcrx_area *area);
void zcrx_area_put(struct zcrx_area *area);
int zcrx_area_map(struct zcrx_area *area);
void zcrx_area_unmap(struct zcrx_area *area);
void zcrx_area_set_leaving(struct zcrx_area *area, bool leaving);
void zcrx_area_condemn(struct zcrx_area *area);
void zcrx_area_scrub(struct zcrx_area *area);
struct net_iov *zcrx_area_take_free(struct zcrx_area *area);
unsigned int zcrx_area_fill_pool(struct zcrx_area *area, struct page_pool *pp,
				 unsigned int max);
void zcrx_area_put_free(struct net_iov *niov);
void zcrx_niov_enter_pool(struct page_pool *pp, struct net_iov *niov);
void zcrx_niov_put_unrefed(struct net_iov *niov);

static inline struct zcrx_area *zcrx_niov_area(const struct net_iov *niov)
{
	return container_of(net_iov_owner(niov), struct zcrx_area, nia);
}

/* Where an offset's area is in the table, if there is such an area. */
static inline unsigned int zcrx_token_slot(u64 token)
{
	return (token >> IORING_ZCRX_AREA_SHIFT) % ZCRX_AREAS_MAX;
}

static inline atomic_t *zcrx_niov_user_refs(const struct net_iov *niov)
{
	return &zcrx_niov_area(niov)->user_refs[net_iov_idx(niov)];
}

/* Does the NIC get buffers of it, now? Asked once it cannot cease while its queue
 * runs: see zcrx_areas_remove().
 */
static inline bool zcrx_area_receives(const struct zcrx_area *area)
{
	return !area->fallback && !READ_ONCE(area->leaving);
}

/* Where a net_iov starts within its area, in bytes. */
static inline u64 zcrx_niov_off(const struct net_iov *niov)
{
	return (u64)net_iov_idx(niov) << zcrx_niov_area(niov)->ifq->niov_shift;
}

/* mem_user.c */
int zcrx_mem_import_user(struct zcrx_mem *mem, struct zcrx_account *acct,
			 const struct io_uring_zcrx_area_reg *reg);
struct page **zcrx_pin_pages(u64 addr, u64 len, int *nr_pages);
int zcrx_account_mem(struct zcrx_account *acct, unsigned long nr_pages);
void zcrx_unaccount_mem(struct zcrx_account *acct, unsigned long nr_pages);

/* mem_dmabuf.c */
#ifdef CONFIG_DMA_SHARED_BUFFER
int zcrx_mem_import_dmabuf(struct zcrx_mem *mem, struct zcrx_ifq *ifq,
			   const struct io_uring_zcrx_area_reg *reg);
#else
static inline int
zcrx_mem_import_dmabuf(struct zcrx_mem *mem, struct zcrx_ifq *ifq,
		       const struct io_uring_zcrx_area_reg *reg)
{
	return -EOPNOTSUPP;
}
#endif

/* region.c */
int zcrx_region_create(struct zcrx_region *region, struct zcrx_account *acct,
		       const struct io_uring_region_desc *desc);
void zcrx_region_free(struct zcrx_region *region, struct zcrx_account *acct);

/* refill.c */
int zcrx_rq_entries(const struct io_ring_ctx *ctx, u32 *nr_entries);
int zcrx_rq_init(struct zcrx_rq *rq, struct zcrx_account *acct,
		 u32 nr_entries, const struct io_uring_region_desc *desc);
void zcrx_rq_tell(struct io_uring_zcrx_offsets *offsets);
void zcrx_rq_free(struct zcrx_rq *rq, struct zcrx_account *acct);
void *zcrx_rq_behind(struct zcrx_rq *rq, u64 off, size_t size);
void zcrx_rq_start(struct zcrx_rq *rq);

/* Bytes of a refill ring with so many entries. */
static inline size_t zcrx_rq_size(u32 nr_entries)
{
	return ZCRX_RQ_HDR_SIZE +
	       (size_t)nr_entries * sizeof(struct io_uring_zcrx_rqe);
}

unsigned int zcrx_rq_fill_pool(struct zcrx_queue *queue, struct page_pool *pp,
			       unsigned int max, u32 *entries);
unsigned int zcrx_rq_drain(struct zcrx_queue *queue, unsigned int max);

/* event.c */
int zcrx_event_desc_check(const struct zcrx_event_desc *desc);
int zcrx_events_init(struct zcrx_ifq *ifq, const struct zcrx_event_desc *desc,
		     struct zcrx_queue *queue);
void zcrx_events_free(struct zcrx_ifq *ifq);
void zcrx_events_attach(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx);
void zcrx_events_detach(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx);
void zcrx_event_raise(struct zcrx_ifq *ifq, enum zcrx_event_type type);
bool zcrx_event_check_low(struct zcrx_ifq *ifq, bool tell);
int zcrx_event_arm(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx,
		   const struct zcrx_ctrl_arm_event *arm);
int zcrx_subscribe(struct zcrx_ifq *ifq, struct io_ring_ctx *ctx,
		   const struct zcrx_ctrl_subscribe *sub);
void zcrx_count_copies(struct zcrx_ifq *ifq, unsigned int nr, u64 bytes);

void zcrx_cqe_send(struct io_kiocb *req, struct io_ring_ctx *ctx, u64 user_data,
		   s32 res, io_req_tw_func_t func);
void zcrx_cqe_post(struct io_kiocb *req);

/* notice.c */
struct zcrx_notice *zcrx_notice_alloc(struct io_ring_ctx *ctx, u64 user_data);
void zcrx_notice_free(struct zcrx_notice *notice);
void zcrx_notice_send(struct zcrx_notice *notice);
void zcrx_notice_add(struct zcrx_notice *notice, struct list_head *list);
void zcrx_notice_send_all(struct list_head *list);
void zcrx_notices_detach(struct io_ring_ctx *ctx);

/* stats.c */
void zcrx_stats_alloc(struct zcrx_queue *queue, unsigned int ring,
		      unsigned int free, unsigned int others);
void zcrx_stats_alloc_fail(struct zcrx_queue *queue);
void zcrx_stats_queue(struct zcrx_queue *queue, struct zcrx_queue_stats *to);
void zcrx_stats_ifq(struct zcrx_ifq *ifq, struct zcrx_ext_stats *to);
void zcrx_stats_share_queue(struct zcrx_queue *queue);
void zcrx_stats_share_ifq(struct zcrx_ifq *ifq);

/* provider.c */
extern const struct memory_provider_ops zcrx_provider_ops;

/* recv.c */
void zcrx_recv_cancel(struct io_ring_ctx *ctx, u32 id);
int zcrx_post(struct io_kiocb *req, struct net_iov *niov, u32 off, u32 len);

/* copy.c */
int zcrx_copy(struct zcrx_recv_args *args, struct sk_buff *skb, int off,
	      int len);

#endif
