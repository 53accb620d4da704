// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "ifq.h"
#include "peer.h"
#include "tcp.h"

#define RQ_ENTRIES	2048

int ifq_prepare(struct ifq *ifq)
{
	const char *failed;
	struct zc *zc = &ifq->zc;
	unsigned int ifindex;
	int ret;

	memset(zc, 0, sizeof(*zc));
	ifq->region = NULL;
	ifq->registered = false;
	ifq->mapped = false;
	ret = area_open(&zc->areas[0], ifq->cfg.kind, ifq->cfg.area_len,
			&failed);
	if (ret)
		return ret;
	/* so that pinning need not fault in each page, which could fail */
	if (zc->areas[0].dmabuf_fd < 0)
		memset(zc->areas[0].base, 0, ifq->cfg.area_len);
	zc->region_len = zc_region_len(RQ_ENTRIES) + 4096;
	if (!ifq->cfg.kernel_rq) {
		ifq->region = mmap(NULL, zc->region_len, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
				   -1, 0);
		if (ifq->region == MAP_FAILED)
			return -errno;
		madvise(ifq->region, zc->region_len, MADV_DONTFORK);
	}
	ifindex = ifq->cfg.nodev ? 0 : if_nametoindex(WIRE_IF);
	zc_reg_init(&zc->reg, ifindex, ifq->cfg.nodev ? 0 : WIRE_RXQ,
		    RQ_ENTRIES, &zc->areas[0], ifq->region, zc->region_len);
	zc->reg.ifq.flags = ifq->cfg.nodev ? ZCRX_REG_NODEV : 0;
	if (ifq->events) {
		ifq->event = (struct zcrx_event_desc) {
			.user_data = IFQ_EVENT,
			.type_mask = 1u << ZCRX_EVENT_COPY |
				     1u << ZCRX_EVENT_ALLOC_FAIL,
			.flags = ZCRX_EVENT_DESC_FLAG_STATS,
			.stats_offset = zc->region_len - 4096,
		};
		zc->reg.ifq.event_desc = (uintptr_t)&ifq->event;
	}
	ifq->fresh = zc->reg;
	return zc_ring_open(&zc->ring, 1024);
}

int ifq_register(struct ifq *ifq)
{
	int ret;

	/* the answer to an attempt that failed may have come in part */
	ifq->zc.reg = ifq->fresh;
	ret = io_uring_register_ifq(&ifq->zc.ring, &ifq->zc.reg.ifq);
	ifq->registered = !ret;
	return ret;
}

int ifq_map(struct ifq *ifq)
{
	struct zc *zc = &ifq->zc;
	void *region = ifq->region;

	if (ifq->cfg.kernel_rq) {
		region = mmap(NULL, zc->region_len, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_POPULATE, zc->ring.ring_fd,
			      zc->reg.region.mmap_offset);
		if (region == MAP_FAILED)
			return -errno;
		madvise(region, zc->region_len, MADV_DONTFORK);
	}
	ifq->mapped = true;
	zc_use_region(zc, region);
	return 0;
}

/* zc_close() unmaps what is told to be the refill ring. */
void ifq_close(struct ifq *ifq)
{
	if (!ifq->mapped) {
		ifq->zc.rq.ring_ptr = ifq->region;
		if (!ifq->region)
			ifq->zc.region_len = 0;
	}
	zc_close(&ifq->zc);
}

size_t ifq_pinned_kib(const struct ifq *ifq)
{
	size_t len = zc_region_len(RQ_ENTRIES) + 4096;

	/* a dma-buf is not the process's */
	if (ifq->cfg.kind == AREA_USER || ifq->cfg.kind == AREA_HUGETLB)
		len += ifq->cfg.area_len;
	return len / 1024;
}

/* Set once the request is armed; the peer waits for it. */
static volatile bool *go;

static int send_when_told(void *arg)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	static char buf[IFQ_STREAM_LEN];
	const struct peer_send *job = arg;
	int fd;

	fd = tcp_connect(job->addr, job->port);
	if (fd < 0)
		return 1;
	stream_fill(job->stream, 0, buf, sizeof(buf));
	while (!*go)
		nanosleep(&ms, NULL);
	if (tcp_send_all(fd, buf, sizeof(buf)) || shutdown(fd, SHUT_WR))
		return 2;
	if (recv(fd, buf, 1, 0))
		return 3;
	close(fd);
	return 0;
}

int ifq_connect(struct ifq *ifq)
{
	static struct stream stream;
	unsigned int i;
	int ret;

	if (!go) {
		go = mmap(NULL, sizeof(*go), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (go == MAP_FAILED)
			return -errno;
		stream_init(&stream, 23);
	}
	*go = false;
	ifq->nr_events = 0;
	ifq->failure = 0;
	for (i = 0; i < IFQ_NR; i++)
		ifq->rx[i] = (struct receiver) {
			.zc = &ifq->zc,
			.id = i,
			.stream = &stream,
		};
	/* one without a NIC copies what comes through a queue not bound */
	ret = wire_open_with(&ifq->wire, WIRE_V4, &stream, IFQ_STREAM_LEN,
			     false, send_when_told);
	ifq->rx[IFQ_STREAM].sock = ifq->wire.sock;
	return ret;
}

/* What there is by now. A failure is one of a request, or of the call. */
static int ifq_round(struct ifq *ifq, bool *armed)
{
	struct receiver *rx = &ifq->rx[IFQ_STREAM];
	__u64 enospc = rx->enospc;
	int ret = 0;

	if (!*armed)
		ret = zc_recv(&ifq->zc, rx->sock, 0, IFQ_STREAM);
	if (ret)
		return ret;
	*armed = true;
	*go = true;

	ret = receive_round(ifq->rx, IFQ_NR, WIRE_PATIENCE_MS);
	if (ifq->rx[IFQ_EVENT].ended) {
		ifq->rx[IFQ_EVENT].ended = false;
		ifq->nr_events++;
	}
	/* armed again by the receiver itself */
	if (!ret && rx->enospc > enospc)
		ret = -ENOSPC;
	if (!ret && rx->ended && rx->result) {
		ret = rx->result;
		rx->ended = false;
		*armed = false;
	}
	return ret;
}

int ifq_stream(struct ifq *ifq, unsigned int failures)
{
	struct receiver *rx = &ifq->rx[IFQ_STREAM];
	bool armed = false;

	while (!rx->ended) {
		int ret = ifq_round(ifq, &armed);

		if (!ret)
			continue;
		ifq->failure = ret;
		/* of a byte that is wrong there is no second attempt */
		if (!failures-- || ret == -EILSEQ || ret == -ERANGE)
			return ret;
	}
	return rx->bytes == IFQ_STREAM_LEN ? 0 : -EPIPE;
}

int ifq_await_event(struct ifq *ifq)
{
	bool armed = true;
	int ret = 0;

	while (!ret && !ifq->nr_events)
		ret = ifq_round(ifq, &armed);
	return ret;
}

int ifq_disconnect(struct ifq *ifq)
{
	int ret;

	*go = true;
	ret = wire_close(&ifq->wire) ? -EIO : zc_flush(&ifq->zc);
	if (!ret && zc_fdinfo(&ifq->zc, "held"))
		ret = -EOWNERDEAD;
	/* by count: without a NIC, nobody else could have one */
	if (!ret && ifq->cfg.nodev &&
	    zc_fdinfo(&ifq->zc, "free") != zc_fdinfo(&ifq->zc, "buffers"))
		ret = -EOWNERDEAD;
	return ret;
}

int ifq_receive(struct ifq *ifq)
{
	int ret = 0, err;

	if (!ifq->registered)
		ret = ifq_register(ifq);
	if (!ret && !ifq->mapped)
		ret = ifq_map(ifq);
	if (!ret)
		ret = ifq_connect(ifq);
	if (ret)
		return ret;
	ret = ifq_stream(ifq, 0);
	err = ifq_disconnect(ifq);
	return ret ? ret : err;
}
