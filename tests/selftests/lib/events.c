// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"
#include "events.h"
#include "senders.h"
#include "share.h"
#include "tcp.h"

#define CQ_ENTRIES	4096
#define POOL_EMPTY	"rx_queue_1_mp_pool_empty"

static int failed(const char *what, int err)
{
	fprintf(stderr, "# %s: %s\n", what, strerror(-err));
	return err;
}

static void *map_region(const struct zc *zc, int flags, int fd, off_t off)
{
	void *p = mmap(NULL, zc->region_len, PROT_READ | PROT_WRITE,
		       flags | MAP_POPULATE, fd, off);

	if (p != MAP_FAILED)
		madvise(p, zc->region_len, MADV_DONTFORK);
	return p;
}

static int register_ifq(struct listener *l, const struct zc_config *cfg,
			const struct zcrx_event_desc *desc)
{
	const __u32 ifindex = cfg->nodev ? 0 : if_nametoindex(WIRE_IF);
	const __u32 rxq = cfg->nodev ? 0 : WIRE_RXQ;
	const __u32 entries = LISTENER_ENTRIES(cfg);
	struct zc *zc = &l->zc;
	void *region = NULL;
	int ret;

	zc->region_len = zc_region_len(entries);
	if (!cfg->kernel_rq) {
		region = map_region(zc, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (region == MAP_FAILED)
			return -errno;
		/* nothing is 0 that is not made so */
		memset(region, 0xff, zc->region_len);
	}
	zc_reg_init(&zc->reg, ifindex, rxq, entries, &zc->areas[0], region,
		    zc->region_len);
	zc->reg.ifq.flags = cfg->nodev ? ZCRX_REG_NODEV : 0;
	zc->reg.ifq.event_desc = desc ? (uintptr_t)&l->desc : 0;
	ret = io_uring_register_ifq(&zc->ring, &zc->reg.ifq);
	if (ret)
		return ret;
	if (cfg->kernel_rq)
		region = map_region(zc, MAP_SHARED, zc->ring.ring_fd,
				    zc->reg.region.mmap_offset);
	if (region == MAP_FAILED)
		return -errno;

	zc_use_region(zc, region);
	if (l->desc.flags & ZCRX_EVENT_DESC_FLAG_STATS)
		l->stats = region + l->desc.stats_offset;
	return 0;
}

int loopback_open(int sock[2])
{
	int listener = tcp_listen(LOOPBACK_V4, 0);

	if (listener < 0)
		return listener;
	sock[1] = tcp_connect(LOOPBACK_V4, tcp_port(listener));
	sock[0] = sock[1] < 0 ? sock[1] : tcp_accept(listener, WIRE_PATIENCE_MS);
	close(listener);
	return sock[0] < 0 ? sock[0] : 0;
}

static void receive_on(struct listener *l, unsigned int from, int sock)
{
	stream_init(&l->stream[from], 71 + from);
	l->rx[from] = (struct receiver) {
		.zc = &l->zc,
		.sock = sock,
		.id = from,
		.stream = &l->stream[from],
		.hold = from == FROM_WIRE ? &l->hold : NULL,
	};
}

int listener_open_with(struct listener *l, const struct zc_config *cfg,
		       const struct zcrx_event_desc *desc)
{
	const char *what;
	int ret;

	memset(l, 0, sizeof(*l));
	if (desc)
		l->desc = *desc;
	l->wire.sock = -1;
	ret = zc_ring_open(&l->zc.ring, cfg->cq_entries ?: CQ_ENTRIES);
	if (ret)
		return failed("ring", ret);
	ret = area_open(&l->zc.areas[0], cfg->kind, cfg->area_len, &what);
	if (ret)
		return failed(what, ret);
	ret = register_ifq(l, cfg, desc);
	if (ret)
		return failed("registration", ret);
	l->gone = ring_note_end(&l->zc.ring);
	if (l->gone < 0)
		return failed("a file of the ring's", l->gone);
	ret = loopback_open(l->here);
	if (ret)
		return failed("loopback", ret);

	receive_on(l, FROM_WIRE, -1);
	receive_on(l, FROM_HERE, l->here[0]);
	/* each event looks to it like the end of a request */
	l->rx[EVENTS] = l->rx[FROM_HERE];
	return zc_recv(&l->zc, l->here[0], 0, FROM_HERE);
}

int listener_open(struct listener *l, const struct zc_config *cfg,
		  __u32 type_mask, __u64 stats_offset)
{
	const struct zcrx_event_desc desc = {
		.user_data = EVENTS,
		.type_mask = type_mask,
		.flags = stats_offset ? ZCRX_EVENT_DESC_FLAG_STATS : 0,
		.stats_offset = stats_offset,
	};

	return listener_open_with(l, cfg, &desc);
}

int listener_connect(struct listener *l, bool over_loopback, __u64 len,
		     bool may_break)
{
	int ret;

	if (over_loopback)
		ret = wire_open_with(&l->wire, LOOPBACK_V4,
				     &l->stream[FROM_WIRE], len, may_break,
				     send_over_loopback);
	else
		ret = wire_open(&l->wire, WIRE_V4, &l->stream[FROM_WIRE], len,
				may_break);
	if (ret)
		return failed("connection", ret);
	l->wire_copied = over_loopback;
	l->rx[FROM_WIRE].sock = l->wire.sock;
	return zc_recv(&l->zc, l->wire.sock, 0, FROM_WIRE);
}

int listener_close(struct listener *l)
{
	int ret;

	zc_close(&l->zc);
	ret = side_wait_gone(l->gone);
	close(l->gone);
	close(l->here[0]);
	close(l->here[1]);
	if (l->wire.sock >= 0 && wire_close(&l->wire) && !ret)
		ret = -ECONNABORTED;
	return ret;
}

/* The CQE that was taken last: nobody writes over it before the next call. */
static int note_event(struct listener *l)
{
	const struct io_uring_cq *cq = &l->zc.ring.cq;
	const struct io_uring_cqe *cqe =
		&cq->cqes[((*cq->khead - 1) & cq->ring_mask) << 1];

	l->rx[EVENTS].ended = false;
	if (cqe->user_data != EVENTS || cqe->flags || cqe->big_cqe[0] ||
	    cqe->big_cqe[1])
		return failed("an event with too much in it", -EBADMSG);
	if (cqe->res == EVENT_ALLOC_FAIL)
		l->nr[ZCRX_EVENT_ALLOC_FAIL]++;
	else if (cqe->res == EVENT_COPY)
		l->nr[ZCRX_EVENT_COPY]++;
	else
		return failed("an event of no type", -EBADMSG);
	return 0;
}

/*
 * Payload is copied when the ring is entered, and all completions of it have
 * been taken. So there is but one right answer.
 */
static int check_stats(struct listener *l)
{
	__u64 bytes = l->rx[FROM_HERE].bytes, count = l->rx[FROM_HERE].cqes;

	if (l->wire_copied) {
		bytes += l->rx[FROM_WIRE].bytes;
		count += l->rx[FROM_WIRE].cqes;
	}
	if (bytes == l->counted)
		return 0;
	l->counted = bytes;
	if (l->stats->copy_bytes != bytes || l->stats->copy_count != count) {
		fprintf(stderr, "# copied: %llu in %llu, counted: %llu in %llu\n",
			bytes, count, l->stats->copy_bytes,
			l->stats->copy_count);
		return -EBADMSG;
	}
	if (l->scribbles) {
		l->stats->copy_bytes = -1;
		l->stats->copy_count = 1ull << 63;
	}
	return 0;
}

int listener_round(struct listener *l, unsigned int timeout_ms)
{
	int ret = receive_round(l->rx, NR_FROM, timeout_ms);

	if (!ret && l->rx[EVENTS].ended)
		ret = note_event(l);
	if (!ret && l->stats && !io_uring_cq_ready(&l->zc.ring))
		ret = check_stats(l);
	return ret;
}

int listener_settle(struct listener *l)
{
	int ret;

	do {
		ret = io_uring_get_events(&l->zc.ring);
		if (ret < 0 || !io_uring_cq_ready(&l->zc.ring))
			return ret < 0 ? ret : 0;
		ret = listener_round(l, 0);
	} while (!ret);
	return ret;
}

int listener_copy(struct listener *l, unsigned int len)
{
	char buf[4096];
	int ret;

	if (len > sizeof(buf))
		return -EINVAL;
	stream_fill(&l->stream[FROM_HERE], l->sent, buf, len);
	ret = tcp_send_all(l->here[1], buf, len);
	l->sent += len;
	while (!ret && l->rx[FROM_HERE].bytes < l->sent)
		ret = l->rx[FROM_HERE].ended ?
		      -EPIPE : listener_round(l, WIRE_PATIENCE_MS);
	return ret ? ret : listener_settle(l);
}

int listener_arm(struct listener *l, __u32 type)
{
	return zc_arm_event(&l->zc, type);
}

int listener_starve(struct listener *l)
{
	unsigned int tries;
	__s64 empty;
	int ret;

	l->rx[FROM_WIRE].keep = true;
	for (tries = 0; tries < WIRE_PATIENCE_MS / 100; tries++) {
		do {
			empty = counter_nic(WIRE_IF, POOL_EMPTY);
			ret = listener_round(l, 100);
		} while (!ret);
		if (ret != -ETIME)
			return ret;
		/* or nothing will ever starve */
		if (l->rx[FROM_WIRE].ended)
			return -EPIPE;
		if (counter_nic(WIRE_IF, POOL_EMPTY) > empty + 5 &&
		    zc_fdinfo(&l->zc, "free") == 0)
			return 0;
	}
	return -ETIMEDOUT;
}

int listener_wait_empty(void)
{
	const struct timespec ms10 = { .tv_nsec = 10000000 };
	__s64 empty = counter_nic(WIRE_IF, POOL_EMPTY);
	unsigned int waited;

	/* the first may have been found before, and not been counted yet */
	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (counter_nic(WIRE_IF, POOL_EMPTY) > empty + 1)
			return 0;
		nanosleep(&ms10, NULL);
	}
	return -ETIMEDOUT;
}

int listener_finish(struct listener *l)
{
	struct receiver *rx = &l->rx[FROM_WIRE];
	int ret = 0;

	rx->keep = false;
	hold_release(&l->hold, &l->zc);
	while (!ret && !rx->ended)
		ret = listener_round(l, WIRE_PATIENCE_MS);
	if (!ret)
		ret = listener_settle(l);
	return ret ? ret : rx->result;
}
