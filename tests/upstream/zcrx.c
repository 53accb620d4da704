// SPDX-License-Identifier: GPL-2.0
/*
 * Zero-copy receive as a program does it that knows nothing but upstream's
 * headers. HAVE_* says what these have: tests/upstream/run found out.
 */
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "zcrx.h"

#define CQ_ENTRIES	2048
/* Upstream's is no larger, and QUERY tells it; stats follow the entries. */
#define RQ_HEADER_MAX	PAGE

static void *memory(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	/* not for the child that sends */
	if (p != MAP_FAILED)
		madvise(p, len, MADV_DONTFORK);
	return p;
}

/* Twice what the area has, as one buffer may be in several completions. */
static unsigned int entries_of(size_t area_len)
{
	return 2 * area_len / PAGE;
}

size_t zcrx_stats_offset(size_t area_len)
{
	return RQ_HEADER_MAX +
	       entries_of(area_len) * sizeof(struct io_uring_zcrx_rqe);
}

static int register_ifq(struct zcrx *z, struct io_uring_zcrx_ifq_reg *reg)
{
	const struct timespec ms100 = { .tv_nsec = 100000000 };
	unsigned int waited;
	int ret;

	for (waited = 0; waited < PATIENCE_MS; waited += 100) {
		ret = ring_register(z->ring.fd, IORING_REGISTER_ZCRX_IFQ, reg,
				    1);
		/* a ring that was closed leaves its queue somewhat later */
		if (ret != -EEXIST)
			break;
		nanosleep(&ms100, NULL);
	}
	return ret;
}

static void use_offsets(struct ifq *ifq,
			const struct io_uring_zcrx_ifq_reg *reg)
{
	ifq->head = ifq->region + reg->offsets.head;
	ifq->tail = ifq->region + reg->offsets.tail;
	ifq->rqes = ifq->region + reg->offsets.rqes;
	ifq->entries = reg->rq_entries;
}

int zcrx_open(struct zcrx *z, const char *ifname, unsigned int rxq,
	      size_t area_len, __u64 event_desc)
{
	struct ifq *ifq = calloc(1, sizeof(*ifq));
	struct io_uring_zcrx_area_reg area = { .len = area_len };
	struct io_uring_region_desc region = {
		.flags = IORING_MEM_REGION_TYPE_USER,
	};
	struct io_uring_zcrx_ifq_reg reg = {
		.if_idx = ifname ? if_nametoindex(ifname) : 0,
		.if_rxq = rxq,
		.rq_entries = entries_of(area_len),
		.area_ptr = (uintptr_t)&area,
		.region_ptr = (uintptr_t)&region,
	};
	int ret;

	memset(z, 0, sizeof(*z));
	z->ifq = ifq;
	ret = ring_open(&z->ring, CQ_ENTRIES);
	if (ret)
		return ret;

	/* a page for the statistics, too */
	ifq->region_len = (zcrx_stats_offset(area_len) + 2 * PAGE - 1) /
			  PAGE * PAGE;
	ifq->region = memory(ifq->region_len);
	ifq->area[0] = (struct memory) { memory(area_len), area_len, 0 };
	if (ifq->region == MAP_FAILED || ifq->area[0].base == MAP_FAILED)
		return -errno;
	region.user_addr = (uintptr_t)ifq->region;
	region.size = ifq->region_len;
	area.addr = (uintptr_t)ifq->area[0].base;
#ifdef HAVE_NODEV
	reg.flags = ifname ? 0 : ZCRX_REG_NODEV;
#endif
#ifdef HAVE_EVENT
	reg.event_desc = event_desc;
#endif
	(void)event_desc;
	ret = register_ifq(z, &reg);
	if (ret)
		return ret;
	z->id = reg.zcrx_id;
	ifq->area[0].token = area.rq_area_token;
	use_offsets(ifq, &reg);
	return 0;
}

void zcrx_close(struct zcrx *z)
{
	ring_close(&z->ring);
}

void ifq_free(struct ifq *ifq)
{
	unsigned int i;

	for (i = 0; i < AREAS; i++)
		if (ifq->area[i].len)
			munmap(ifq->area[i].base, ifq->area[i].len);
	munmap(ifq->region, ifq->region_len);
	free(ifq);
}

#ifdef HAVE_CTRL
static int control(struct zcrx *z, struct zcrx_ctrl *ctrl)
{
	ctrl->zcrx_id = z->id;
	return ring_register(z->ring.fd, IORING_REGISTER_ZCRX_CTRL, ctrl, 0);
}
#endif

#ifdef HAVE_SHARING
int zcrx_export(struct zcrx *z)
{
	struct zcrx_ctrl ctrl = { .op = ZCRX_CTRL_EXPORT };
	int ret = control(z, &ctrl);

	return ret ? ret : (int)ctrl.zc_export.zcrx_fd;
}

int zcrx_import(struct zcrx *z, struct ifq *ifq, int zcrx_fd)
{
	struct io_uring_zcrx_ifq_reg reg = {
		.flags = ZCRX_REG_IMPORT,
		.if_idx = zcrx_fd,
	};
	int ret;

	memset(z, 0, sizeof(*z));
	z->ifq = ifq;
	ret = ring_open(&z->ring, CQ_ENTRIES);
	if (!ret)
		ret = register_ifq(z, &reg);
	z->id = reg.zcrx_id;
	return ret;
}
#endif

#ifdef HAVE_FLUSH
int zcrx_flush(struct zcrx *z)
{
	struct zcrx_ctrl ctrl = { .op = ZCRX_CTRL_FLUSH_RQ };

	return control(z, &ctrl);
}
#endif

#ifdef HAVE_EVENT
int zcrx_arm(struct zcrx *z, __u32 type)
{
	struct zcrx_ctrl ctrl = {
		.op = ZCRX_CTRL_ARM_EVENT,
		.zc_arm_event.event_type = type,
	};

	return control(z, &ctrl);
}
#endif

#ifdef HAVE_ADD_AREA
int zcrx_add_area(struct zcrx *z, size_t len)
{
	struct memory *mem = &z->ifq->area[1];
	struct io_uring_zcrx_area_reg area = { .len = len };
	struct zcrx_ctrl ctrl = {
		.op = ZCRX_CTRL_ADD_AREA,
		.zc_area.area_ptr = (uintptr_t)&area,
	};
	int ret;

	mem->base = memory(len);
	if (mem->base == MAP_FAILED)
		return -errno;
	mem->len = len;
	area.addr = (uintptr_t)mem->base;
	ret = control(z, &ctrl);
	mem->token = area.rq_area_token;
	return ret;
}
#endif

/* One of eight bytes that are mixed from the seed and from where they are. */
unsigned char stream_byte(__u64 seed, __u64 i)
{
	__u64 x = seed * 0x9e3779b97f4a7c15ULL + (i >> 3);

	x = (x ^ x >> 31) * 0xd6e8feb86659fd93ULL;
	x = (x ^ x >> 29) * 0xa0761d6478bd642fULL;
	return (x ^ x >> 32) >> (i & 7) * 8;
}

/* There is room: it has twice as many entries as there are buffers. */
static void give_back(struct ifq *ifq, const struct io_uring_zcrx_rqe *rqe)
{
	ifq->rqes[ifq->written++ & (ifq->entries - 1)] = *rqe;
	__atomic_store_n(ifq->tail, ifq->written, __ATOMIC_RELEASE);
}

static int take_data(struct flow *flow, const struct io_uring_cqe *cqe)
{
	struct ifq *ifq = flow->zcrx->ifq;
	__u64 off = ring_zcrx_cqe(cqe)->off & ~IORING_ZCRX_AREA_MASK;
	__u64 id = ring_zcrx_cqe(cqe)->off >> IORING_ZCRX_AREA_SHIFT;
	struct io_uring_zcrx_rqe rqe = { .len = cqe->res };
	const unsigned char *data;
	int i;

	if (id >= AREAS || off >= ifq->area[id].len ||
	    (__u64)cqe->res > ifq->area[id].len - off)
		return -EBADMSG;
	data = ifq->area[id].base + off;
	for (i = 0; i < cqe->res; i++)
		if (data[i] != stream_byte(flow->seed, flow->got + i))
			return -EILSEQ;
	flow->got += cqe->res;
	flow->in_area[id] += cqe->res;
	flow->cqes++;

	rqe.off = off | ifq->area[id].token;
	if (!flow->keep)
		give_back(ifq, &rqe);
	else if (flow->nr_kept < sizeof(flow->kept) / sizeof(flow->kept[0]))
		flow->kept[flow->nr_kept++] = rqe;
	else
		return -ENOBUFS;
	return 0;
}

void flow_return(struct flow *flow)
{
	while (flow->nr_kept)
		give_back(flow->zcrx->ifq, &flow->kept[--flow->nr_kept]);
}

static int take_event(struct zcrx *z, const struct io_uring_cqe *cqe)
{
	unsigned int type;

	for (type = 0; type < 31; type++) {
		if (cqe->res == 1 << type) {
			z->events[type]++;
			return cqe->flags & IORING_CQE_F_MORE ? -EBADMSG : 0;
		}
	}
	return -EBADMSG;
}

static int take(struct flow *flow, const struct io_uring_cqe *cqe)
{
	if (cqe->user_data == FROM_EVENT)
		return take_event(flow->zcrx, cqe);
	if (cqe->user_data != FROM_STREAM || flow->ended)
		return -EBADMSG;
	if (cqe->flags & IORING_CQE_F_MORE)
		return cqe->res > 0 ? take_data(flow, cqe) : -EBADMSG;
	flow->ended = true;
	flow->result = cqe->res;
	return 0;
}

int flow_arm(struct flow *flow)
{
	flow->ended = false;
	return ring_recv_zc(&flow->zcrx->ring, flow->sock, flow->zcrx->id,
			    FROM_STREAM);
}

int flow_step(struct flow *flow, unsigned int timeout_ms)
{
	struct ring *ring = &flow->zcrx->ring;
	const struct io_uring_cqe *cqe = ring_wait(ring, timeout_ms);
	int ret;

	if (!cqe)
		return -ETIME;
	ret = take(flow, cqe);
	ring_seen(ring);
	/* the CQ was full, and is not any more */
	if (!ret && flow->ended && flow->result == -ENOSPC)
		ret = flow_arm(flow);
	return ret;
}

int flow_finish(struct flow *flow)
{
	int ret = 0;

	while (!ret && !flow->ended)
		ret = flow_step(flow, PATIENCE_MS);
	return ret ? ret : flow->result;
}
