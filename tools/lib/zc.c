// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/mman.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "zc.h"
#include "zc_rq.h"

#define SQ_ENTRIES		8
#define CQ_ENTRIES		4096
#define MAX_RQ_ENTRIES		32768
#define HUGE			(2UL * 1024 * 1024)
/* While something is stashed, look for room in the refill ring this often. */
#define STASH_POLL_MS		1

static size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

int zc_ring_open(struct io_uring *ring, uint32_t cq_entries)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE,
		.cq_entries = cq_entries,
	};

	/* there cannot be more of them than completions */
	unsigned int entries = cq_entries < SQ_ENTRIES ? cq_entries :
							  SQ_ENTRIES;
	int ret = io_uring_queue_init_params(entries, ring, &p);

	if (ret)
		return ret;
	/*
	 * A child's copy of the mappings would keep the ring alive, and with
	 * it the queue bound, when its parent has closed it.
	 */
	ret = io_uring_ring_dontfork(ring);
	if (ret)
		io_uring_queue_exit(ring);
	return ret;
}

size_t zc_region_len(uint32_t rq_entries)
{
	size_t entries = 1;

	/* the kernel rounds up, too */
	while (entries < rq_entries)
		entries *= 2;
	return page_size() + round_up(entries *
				      sizeof(struct io_uring_zcrx_rqe),
				      page_size());
}

void zc_reg_init(struct zc_reg *reg, uint32_t ifindex, uint32_t rxq,
		 uint32_t rq_entries, const struct area *area,
		 void *region, size_t region_len)
{
	memset(reg, 0, sizeof(*reg));
	area_describe(area, &reg->area);
	reg->region.user_addr = (uintptr_t)region;
	reg->region.size = region_len;
	reg->region.flags = region ? IORING_MEM_REGION_TYPE_USER : 0;
	reg->ifq.if_idx = ifindex;
	reg->ifq.if_rxq = rxq;
	reg->ifq.rq_entries = rq_entries;
	reg->ifq.area_ptr = (uintptr_t)&reg->area;
	reg->ifq.region_ptr = (uintptr_t)&reg->region;
}

static uint32_t default_rq_entries(size_t area_len)
{
	size_t want = 2 * (area_len / page_size());

	return want < MAX_RQ_ENTRIES ? want : MAX_RQ_ENTRIES;
}

void zc_use_region(struct zc *zc, void *region)
{
	zc->tokens[0] = zc->reg.area.rq_area_token;
	zc_rq_use(&zc->rq, region, &zc->reg.ifq.offsets, zc->reg.ifq.rq_entries);
}

static int register_ifq(struct zc *zc, const struct zc_config *cfg)
{
	uint32_t entries = cfg->rq_entries ?
			   cfg->rq_entries : default_rq_entries(zc->areas[0].len);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	unsigned int ifindex = 0;
	void *region = NULL;
	int ret;

	if (!cfg->nodev) {
		zc->failed = "look-up of the interface";
		ifindex = if_nametoindex(cfg->ifname);
		if (!ifindex)
			return -ENODEV;
	}

	zc->region_len = zc_region_len(entries);
	if (cfg->huge_rq) {
		flags |= MAP_HUGETLB | MAP_HUGE_2MB;
		zc->region_len = round_up(zc->region_len, HUGE);
	}
	if (!cfg->kernel_rq) {
		zc->failed = cfg->huge_rq ?
			     "hugetlb pages for the refill ring (vm.nr_hugepages)" :
			     "memory for the refill ring";
		region = zc_rq_map(zc->region_len, flags, -1, 0);
		if (region == MAP_FAILED)
			return -errno;
	}

	zc->failed = "registration of the receive queue";
	zc_reg_init(&zc->reg, ifindex, cfg->nodev ? 0 : cfg->rxq, entries,
		    &zc->areas[0], region, zc->region_len);
	zc->reg.ifq.flags = cfg->nodev ? ZCRX_REG_NODEV : 0;
	zc->reg.ifq.rx_buf_len = cfg->rx_buf_len;
	ret = io_uring_register_ifq(&zc->ring, &zc->reg.ifq);
	if (ret) {
		if (region)
			munmap(region, zc->region_len);
		return ret;
	}
	if (cfg->kernel_rq) {
		/* the registration ends with the ring */
		zc->failed = "memory for the refill ring";
		region = zc_rq_map(zc->region_len, MAP_SHARED,
				   zc->ring.ring_fd,
				   zc->reg.region.mmap_offset);
		if (region == MAP_FAILED)
			return -errno;
	}

	zc_use_region(zc, region);
	return 0;
}

int zc_open_area(struct zc *zc, const struct zc_config *cfg,
		 const struct area *area)
{
	int ret;

	memset(zc, 0, sizeof(*zc));
	zc->areas[0] = *area;

	zc->failed = "setup of the ring";
	ret = zc_ring_open(&zc->ring,
			   cfg->cq_entries ? cfg->cq_entries : CQ_ENTRIES);
	if (ret)
		goto err_area;

	ret = register_ifq(zc, cfg);
	if (ret)
		goto err_ring;

	zc->failed = NULL;
	return 0;

err_ring:
	io_uring_queue_exit(&zc->ring);
err_area:
	area_close(&zc->areas[0]);
	return ret;
}

int zc_open(struct zc *zc, const struct zc_config *cfg)
{
	const char *failed;
	struct area area;
	int ret;

	ret = area_open(&area, cfg->kind, cfg->area_len, &failed);
	if (!ret)
		return zc_open_area(zc, cfg, &area);

	memset(zc, 0, sizeof(*zc));
	/* zc_advice() wants to know its kind */
	zc->areas[0] = area;
	zc->failed = failed;
	return ret;
}

void zc_close(struct zc *zc)
{
	unsigned int i;

	io_uring_queue_exit(&zc->ring);
	munmap(zc->rq.ring_ptr, zc->region_len);
	for (i = 0; i < ZC_AREAS_MAX; i++)
		if (zc->areas[i].len)
			area_close(&zc->areas[i]);
	free(zc->stash);
}

const char *zc_advice(const struct zc *zc, int err)
{
	static const char udmabuf[] =
		"it needs CONFIG_UDMABUF, and an area within udmabuf's size_limit_mb";
	static const struct {
		int err;
		const char *advice;
	} table[] = {
		{
			-EPERM,
			"run it as root (CAP_NET_ADMIN)"
		}, {
			-EINVAL,
			"the kernel must have CONFIG_IO_URING_ZCRX, and the interface tcp-data-split on (ethtool -G IF tcp-data-split on) and rx checksums (ethtool -K IF rx on); the kernel log names what is missing"
		}, {
			-ENODEV,
			"ip link shows the interfaces there are"
		}, {
			-EOPNOTSUPP,
			"the driver cannot bind this queue; this kernel's igb can, any but queue 0"
		}, {
			-ERANGE,
			"no such queue: ethtool -l IF shows how many there are, ethtool -L IF combined N sets it"
		}, {
			-EEXIST,
			"the queue is taken by another program, or the interface has an XDP program: stop it"
		}, {
			-EBUSY,
			"the queue has an AF_XDP socket: stop its program; or virtual functions are enabled: write 0 to sriov_numvfs"
		}, {
			-ENETDOWN,
			"the interface is down: ip link set IF up"
		}, {
			-ENODATA,
			"the driver did not make use of the area; the kernel log says why"
		}, {
			-ENOMEM,
			"use a smaller area, or raise the limit of locked memory (ulimit -l)"
		},
		{ }
	};
	size_t i;

	if (zc->areas[0].kind == AREA_UDMABUF && zc->areas[0].dmabuf_fd < 0)
		return udmabuf;
	for (i = 0; table[i].err; i++)
		if (table[i].err == err)
			return table[i].advice;
	return "the kernel log may say more";
}

int zc_recv(struct zc *zc, int sockfd, uint32_t len, uint64_t user_data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&zc->ring);
	int ret;

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_recv_zc(sqe, sockfd, len, zc->reg.ifq.zcrx_id);
	io_uring_sqe_set_data64(sqe, user_data);
	zc->enters++;
	ret = io_uring_submit(&zc->ring);
	if (ret < 0)
		return ret;
	return ret == 1 ? 0 : -EIO;
}

int zc_submit(struct zc *zc, const struct io_uring_sqe *sqes, unsigned int nr)
{
	unsigned int i;
	int ret;

	if (io_uring_sq_space_left(&zc->ring) < nr)
		return -EAGAIN;
	for (i = 0; i < nr; i++)
		*io_uring_get_sqe(&zc->ring) = sqes[i];
	zc->enters++;
	ret = io_uring_submit(&zc->ring);
	if (ret < 0)
		return ret;
	return ret == (int)nr ? 0 : -EIO;
}

static int wait_once(struct zc *zc, unsigned int timeout_ms)
{
	struct __kernel_timespec ts = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000LL,
	};
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };
	int ret;

	/*
	 * Not through io_uring_wait_cqe() and its like: they make any number
	 * of calls, and the calls are counted here.
	 */
	zc->enters++;
	ret = io_uring_enter2(zc->ring.ring_fd, 0, 1,
			      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG,
			      (void *)&arg, sizeof(arg));
	return ret < 0 ? ret : 0;
}

int zc_wait(struct zc *zc, unsigned int timeout_ms)
{
	while (!io_uring_cq_ready(&zc->ring)) {
		unsigned int ms = timeout_ms;
		int ret;

		/* The queue may wait for the very buffers that are stashed. */
		zc_publish(zc);
		if (zc->stash_len && ms > STASH_POLL_MS)
			ms = STASH_POLL_MS;
		ret = wait_once(zc, ms);
		if (ret == -EINTR)
			continue;
		if (ret == -ETIME && timeout_ms > ms) {
			timeout_ms -= ms;
			continue;
		}
		if (ret && !io_uring_cq_ready(&zc->ring))
			return ret;
	}
	return 0;
}

static uint64_t offset_of(const struct io_uring_cqe *cqe)
{
	const struct io_uring_zcrx_cqe *rcqe = (const void *)(cqe + 1);

	return rcqe->off;
}

void *zc_data(const struct zc *zc, const struct io_uring_cqe *cqe)
{
	unsigned int slot = (offset_of(cqe) >> IORING_ZCRX_AREA_SHIFT) %
			    ZC_AREAS_MAX;
	const struct area *area = &zc->areas[slot];
	/* that of another area is past the end of this one */
	uint64_t off = offset_of(cqe) - zc->tokens[slot];

	if (!area->len || cqe->res < 0 || off > area->len ||
	    (uint64_t)cqe->res > area->len - off)
		return NULL;
	return area->base + off;
}

static void stash_push(struct zc *zc, const struct io_uring_zcrx_rqe *rqe)
{
	if (zc->stash_len == zc->stash_cap) {
		zc->stash_cap = zc->stash_cap ? 2 * zc->stash_cap : 64;
		zc->stash = realloc(zc->stash,
				    zc->stash_cap * sizeof(*zc->stash));
		if (!zc->stash) {
			perror("stash of refill entries");
			abort();
		}
	}
	zc->stash[zc->stash_len++] = *rqe;
}

struct io_uring_zcrx_rqe zc_refill_entry(const struct zc *zc,
					 const struct io_uring_cqe *cqe)
{
	uint64_t id = offset_of(cqe) >> IORING_ZCRX_AREA_SHIFT;

	return (struct io_uring_zcrx_rqe) {
		.off = (offset_of(cqe) & ~IORING_ZCRX_AREA_MASK) |
		       zc->tokens[id % ZC_AREAS_MAX],
		.len = cqe->res,
	};
}

void zc_refill(struct zc *zc, const struct io_uring_zcrx_rqe *rqe)
{
	if (!zc_rq_push(&zc->rq, rqe))
		stash_push(zc, rqe);
}

void zc_recycle(struct zc *zc, const struct io_uring_cqe *cqe)
{
	struct io_uring_zcrx_rqe rqe = zc_refill_entry(zc, cqe);

	zc_refill(zc, &rqe);
}

void zc_publish(struct zc *zc)
{
	struct io_uring_zcrx_rq *rq = &zc->rq;

	while (zc->stash_len && zc_rq_push(rq, &zc->stash[zc->stash_len - 1]))
		zc->stash_len--;
	zc_rq_publish(rq);
}
