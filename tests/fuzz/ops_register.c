// SPDX-License-Identifier: GPL-2.0
/*
 * IORING_REGISTER_ZCRX_IFQ. A registration is made valid and then spoilt.
 *
 * Lengths are spoilt so that they are no longer than the memory, or so long
 * that they cannot be had: what lies behind is the fuzzer's own.
 */
#include <errno.h>
#include <linux/io_uring/zcrx_ext.h>
#include <net/if.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/meminfo.h"
#include "lib/wire.h"
#include "queue.h"
#include "spoil.h"
#include "zc.h"

struct registration {
	struct zc_reg reg;
	struct zcrx_event_desc event;
};

static __u64 spoilt_len(struct prng *p, __u64 len)
{
	static const __u64 too_long[] = {
		1ULL << 40, (1ULL << 40) + 4096, 1ULL << 44, 1ULL << 47,
		1ULL << 63, ~0ULL, ~0ULL << 12,
	};

	switch (prng_below(p, 4)) {
	case 0:
		return 0;
	case 1:
		return len - 1;
	case 2:
		return FUZZ_PAGE;
	default:
		return too_long[prng_below(p, 7)];
	}
}

void vary_area(struct prng *p, struct io_uring_zcrx_area_reg *area, bool added)
{
	__u64 pages = area->len / FUZZ_PAGE;

	if (area->flags & IORING_ZCRX_AREA_DMABUF && prng_chance(p, 50)) {
		__u64 from = prng_below(p, pages);

		area->addr = from * FUZZ_PAGE;
		area->len = (1 + prng_below(p, pages - from)) * FUZZ_PAGE;
	}
	if (added && prng_chance(p, 20))
		area->flags |= IORING_ZCRX_AREA_FALLBACK;
}

void spoil_area(struct prng *p, struct io_uring_zcrx_area_reg *area)
{
	switch (prng_below(p, 8)) {
	case 0:
		area->addr = bad_pointer(p) & ~(FUZZ_PAGE - 1);
		break;
	case 1:
		area->addr++;
		break;
	case 2:
		area->len = spoilt_len(p, area->len);
		break;
	case 3:
		area->rq_area_token = prng_odd(p);
		break;
	case 4:
		area->flags = prng_odd(p);
		break;
	case 5:
		area->dmabuf_fd = prng_odd(p);
		break;
	case 6:
		area->__resv2[prng_below(p, 2)] = prng_odd(p);
		break;
	default:
		/* something that is no dma-buf */
		area->flags = IORING_ZCRX_AREA_DMABUF;
		area->dmabuf_fd = model.odd_fd[prng_below(p, 5)];
	}
}

static void spoil_region(struct prng *p, struct io_uring_region_desc *region)
{
	switch (prng_below(p, 7)) {
	case 0:
		region->user_addr = bad_pointer(p) & ~(FUZZ_PAGE - 1);
		break;
	case 1:
		region->user_addr++;
		break;
	case 2:
		region->size = spoilt_len(p, region->size);
		break;
	case 3:
		region->flags ^= 1U << prng_below(p, 32);
		break;
	case 4:
		region->id = prng_odd(p);
		break;
	case 5:
		region->mmap_offset = prng_odd(p);
		break;
	default:
		region->__resv[prng_below(p, 4)] = prng_odd(p);
	}
}

static void spoil_event(struct prng *p, struct zcrx_event_desc *event)
{
	switch (prng_below(p, 4)) {
	case 0:
		event->type_mask = prng_odd(p);
		break;
	case 1:
		event->flags = prng_odd(p);
		break;
	case 2:
		event->stats_offset = prng_odd(p);
		break;
	default:
		event->__resv2[prng_below(p, 9)] = prng_odd(p);
	}
}

static void spoil_ifq(struct prng *p, struct io_uring_zcrx_ifq_reg *ifq)
{
	switch (prng_below(p, 10)) {
	case 0:
		ifq->if_idx = prng_odd(p);
		break;
	case 1:
		ifq->if_rxq = prng_odd(p);
		break;
	case 2:
		ifq->rq_entries = prng_odd(p);
		break;
	case 3:
		ifq->flags ^= 1U << prng_below(p, prng_chance(p, 50) ? 2 : 32);
		break;
	case 4:
		ifq->area_ptr = bad_pointer(p);
		break;
	case 5:
		ifq->region_ptr = bad_pointer(p);
		break;
	case 6:
		ifq->zcrx_id = prng_odd(p);
		break;
	case 7:
		ifq->rx_buf_len = prng_odd(p);
		break;
	case 8:
		ifq->event_desc = bad_pointer(p);
		break;
	default:
		ifq->__resv[prng_below(p, 2)] = prng_odd(p);
	}
}

static void spoil_registration(struct prng *p, struct registration *r)
{
	switch (prng_below(p, 6)) {
	case 0:
	case 1:
		spoil_area(p, &r->reg.area);
		break;
	case 2:
		spoil_region(p, &r->reg.region);
		break;
	case 3:
		r->reg.ifq.event_desc = (uintptr_t)&r->event;
		spoil_event(p, &r->event);
		break;
	default:
		spoil_ifq(p, &r->reg.ifq);
	}
}

static void add_events(struct prng *p, struct registration *r)
{
	r->event.user_data = ~0ULL;
	r->event.type_mask = prng_below(p, 4);
	if (prng_chance(p, 50)) {
		r->event.flags = ZCRX_EVENT_DESC_FLAG_STATS;
		/* at the end, wherever the entries end */
		r->event.stats_offset = REGION_LEN - 16;
	}
	r->reg.ifq.event_desc = (uintptr_t)&r->event;
}

static void fill_in(struct prng *p, struct registration *r, __u32 ifindex,
		    __u32 rxq, const struct area *area, bool kernel_rq)
{
	void *region = kernel_rq ? NULL :
		       model.region[prng_below(p, NR_REGIONS)];
	__u32 entries = 1 + prng_below(p, 1024);

	memset(&r->event, 0, sizeof(r->event));
	zc_reg_init(&r->reg, ifindex, rxq, entries, area, region, REGION_LEN);
	if (prng_chance(p, 40))
		add_events(p, r);
}

/* Registers, and notes in the model what came of it. */
static int submit(struct fuzz_ring *ring, struct fuzz_ifq *q,
		  struct registration *r, void *arg, unsigned int nr, bool nic)
{
	struct io_uring_zcrx_ifq_reg *ifq = &r->reg.ifq;
	int ret;

	ret = io_uring_register(ring->ring.ring_fd, IORING_REGISTER_ZCRX_IFQ,
				arg, nr);
	if (ret)
		return ret;
	*q = (struct fuzz_ifq) {
		.used = true,
		.nic = nic,
		.id = ifq->zcrx_id,
		.entries = ifq->rq_entries,
		.kernel_rq = !r->reg.region.user_addr,
		.mmap_offset = r->reg.region.mmap_offset,
		.region = (void *)(uintptr_t)r->reg.region.user_addr,
	};
	return 0;
}

/* A ring whose places are all taken starts anew. */
static struct fuzz_ifq *place(struct fuzz_ring *ring, struct prng *p)
{
	struct fuzz_ifq *q = ring->open ? free_ifq(ring) : NULL;

	if (q)
		return q;
	ring_close(ring);
	return ring_open(ring, p) ? NULL : &ring->ifq[0];
}

/*
 * With a limit of locked memory that is reached somewhere on the way, or not.
 */
static void limit_memory(struct prng *p)
{
	const struct rlimit limit = {
		meminfo_pinned_kib() * 1024 + prng_below(p, 32) * FUZZ_PAGE,
		64 << 20,
	};

	setrlimit(RLIMIT_MEMLOCK, &limit);
}

static void unlimit_memory(void)
{
	const struct rlimit limit = { 64 << 20, 64 << 20 };

	setrlimit(RLIMIT_MEMLOCK, &limit);
}

int op_register(struct prng *p)
{
	struct fuzz_ring *ring = pick_ring(p);
	struct fuzz_ifq *q = place(ring, p);
	unsigned int which = prng_below(p, prng_chance(p, 75) ? 2 : NR_AREAS);
	struct registration r;
	unsigned int nr = 1;
	void *arg = &r.reg.ifq;
	int ret;

	if (!q)
		return -ENOMEM;
	fill_in(p, &r, 0, 0, &model.area[which], prng_chance(p, 40));
	r.reg.ifq.flags = ZCRX_REG_NODEV;
	vary_area(p, &r.reg.area, false);
	if (prng_chance(p, 45))
		spoil_registration(p, &r);
	if (prng_chance(p, 3))
		nr = prng_odd(p);
	if (prng_chance(p, 3))
		arg = (void *)(uintptr_t)bad_pointer(p);
	if (prng_chance(p, 3) && !r.reg.ifq.event_desc) {
		/* can be read, and the answer not be written */
		mprotect(model.readonly, FUZZ_PAGE, PROT_READ | PROT_WRITE);
		memcpy(model.readonly, &r.reg.ifq, sizeof(r.reg.ifq));
		mprotect(model.readonly, FUZZ_PAGE, PROT_READ);
		arg = model.readonly;
	}
	if (prng_chance(p, 4))
		limit_memory(p);
	ret = submit(ring, q, &r, arg, nr, false);
	unlimit_memory();
	return ret;
}

int op_import(struct prng *p)
{
	struct fuzz_ring *ring = pick_ring(p);
	struct fuzz_ifq *q = place(ring, p);
	struct registration r;
	void *arg = &r.reg.ifq;
	int fd = -1;
	unsigned int i, first = prng_below(p, NR_EXPORTS);

	if (!q)
		return -ENOMEM;
	for (i = 0; i < NR_EXPORTS && fd < 0; i++)
		fd = model.export[(first + i) % NR_EXPORTS];
	memset(&r, 0, sizeof(r));
	r.reg.ifq.if_idx = fd;
	r.reg.ifq.flags = ZCRX_REG_IMPORT;
	if (prng_chance(p, 15))
		spoil_ifq(p, &r.reg.ifq);
	if (prng_chance(p, 8))
		r.reg.ifq.if_idx = model.odd_fd[prng_below(p, 5)];
	if (prng_chance(p, 8)) {
		mprotect(model.readonly, FUZZ_PAGE, PROT_READ | PROT_WRITE);
		memcpy(model.readonly, &r.reg.ifq, sizeof(r.reg.ifq));
		mprotect(model.readonly, FUZZ_PAGE, PROT_READ);
		arg = model.readonly;
	}
	return submit(ring, q, &r, arg, 1, false);
}

/* A stream over the NIC to who will not treat it well. */
static void traffic(struct prng *p, struct fuzz_ring *ring,
		    const struct fuzz_ifq *q)
{
	static struct stream stream;
	__u64 len = (64 + prng_below(p, 1024)) * 1024;

	stream_init(&stream, 1);
	if (wire_open(&model.wire, WIRE_V4, &stream, len, true)) {
		model.wire.peer = 0;
		return;
	}
	recv_arm(ring, q, model.wire.sock);
}

/*
 * With an interface. What is not spoilt restarts the queue, and so does the end
 * of the ring.
 */
int op_register_nic(struct prng *p)
{
	struct fuzz_ring *ring = pick_ring(p);
	__u32 ifindex = if_nametoindex(WIRE_IF);
	__u32 rxq = prng_chance(p, 85) ? WIRE_RXQ : prng_below(p, 4);
	/* seldom one that is too small to work */
	unsigned int which = 4 + prng_below(p, prng_chance(p, 20) ? 4 : 3);
	struct registration r;
	struct fuzz_ifq *q;
	int ret;

	report_nic++;
	release_nic();
	queue_wait_free(ifindex, WIRE_RXQ, WIRE_PATIENCE_MS);
	queue_wait_free(ifindex, 0, WIRE_PATIENCE_MS);
	model.nic_areas = 0;
	q = place(ring, p);
	if (!q)
		return -ENOMEM;
	if (prng_chance(p, 10))
		ifindex = if_nametoindex("lo");
	fill_in(p, &r, ifindex, rxq, &model.area[nic_area(which)],
		prng_chance(p, 40));
	if (prng_chance(p, 10))
		r.reg.ifq.rx_buf_len = 4096 << prng_below(p, 6);
	if (prng_chance(p, 20))
		spoil_registration(p, &r);
	ret = submit(ring, q, &r, &r.reg.ifq, 1, true);
	/* with few buffers a connection would take minutes to fail */
	if (!ret && r.reg.area.len == 1024 * FUZZ_PAGE &&
	    rxq == WIRE_RXQ && r.reg.ifq.rx_buf_len == FUZZ_PAGE)
		traffic(p, ring, q);
	return ret;
}

/* A stream over the NIC, with a ring of its own. */
int op_nic_stream(struct prng *p)
{
	static struct stream stream;
	enum area_kind kind = prng_chance(p, 50) ? AREA_USER : AREA_UDMABUF;
	__u64 len = (64 + prng_below(p, 512)) * 1024;
	struct receiver rx = { .id = 77, .stream = &stream };
	struct wire wire;
	struct zc zc;
	int ret;

	report_nic++;
	release_nic();
	ret = wire_bind(&zc, kind, 4 << 20);
	if (ret)
		return ret;
	stream_init(&stream, prng_next(p));
	ret = wire_open(&wire, WIRE_V4, &stream, len, false);
	if (!ret) {
		rx.zc = &zc;
		rx.sock = wire.sock;
		ret = receive_all(&rx);
		honest.bytes += rx.bytes;
		honest.lost += len - rx.bytes;
		if (ret != RECEIVE_END)
			honest.broken++;
		if (wire_close(&wire))
			honest.broken++;
		ret = ret == RECEIVE_END ? 0 : ret;
	}
	zc_close(&zc);
	return ret;
}
