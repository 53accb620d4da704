// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "queue.h"
#include "share.h"

#define PAGE		4096
/*
 * What a ring that is killed has not looked at is lost until the ifq ends, so
 * there must not be much of it.
 */
#define CQ_ENTRIES	512
#define SLICE		(64 * 1024)
/* Of the kernel, which tells it only to who registered. */
#define MAP_OFF_REGION	0x30000000ULL
#define MAP_ID_SHIFT	16

static void *map_shared(size_t len)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static int lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	return -pthread_mutex_init(lock, &attr);
}

/* Shared memory of the process, or a dma-buf. */
static int open_area(struct area *area, enum area_kind kind, size_t len)
{
	const char *failed;
	int ret;

	if (kind == AREA_USER) {
		*area = (struct area) {
			.kind = kind,
			.base = map_shared(len),
			.len = len,
			.dmabuf_fd = -1,
		};
		return area->base == MAP_FAILED ? -errno : 0;
	}

	ret = area_open(area, kind, len, &failed);
	if (ret)
		fprintf(stderr, "# %s failed: %d\n", failed, ret);
	else if (madvise(area->base, len, MADV_DOFORK))
		ret = -errno;
	return ret;
}

int share_open(struct share **share, enum area_kind kind, size_t area_len,
	       bool kernel_rq)
{
	struct share *s = map_shared(sizeof(*s));
	int ret;

	if (s == MAP_FAILED)
		return -errno;
	*share = s;
	s->rq_entries = 2 * (area_len / PAGE);
	s->region_len = zc_region_len(s->rq_entries);
	ret = lock_init(&s->lock);
	if (!ret)
		ret = open_area(&s->area, kind, area_len);
	if (!ret && !kernel_rq) {
		s->region = map_shared(s->region_len);
		if (s->region == MAP_FAILED)
			ret = -errno;
	}
	return ret;
}

void share_close(struct share *share)
{
	area_close(&share->area);
	if (share->region)
		munmap(share->region, share->region_len);
	munmap(share, sizeof(*share));
}

int share_provider(void)
{
	return queue_provider(if_nametoindex(WIRE_IF), WIRE_RXQ);
}

int share_wait_free(void)
{
	return queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
			       WIRE_PATIENCE_MS);
}

int ring_note_end(struct io_uring *ring)
{
	int ends[2], ret;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	ret = io_uring_register_files(ring, &ends[1], 1);
	close(ends[1]);
	if (ret)
		close(ends[0]);
	return ret ? ret : ends[0];
}

int side_open(struct side *side, struct share *share)
{
	struct io_uring_zcrx_rq *rq = &side->zc.rq;
	int ret;

	memset(side, 0, sizeof(*side));
	side->share = share;
	ret = zc_ring_open(&side->zc.ring, CQ_ENTRIES);
	if (ret)
		return ret;
	side->gone = ring_note_end(&side->zc.ring);
	if (side->gone < 0) {
		io_uring_queue_exit(&side->zc.ring);
		return side->gone;
	}
	side->zc.areas[0] = share->area;
	rq->khead = &side->head;
	rq->ktail = &side->tail;
	rq->ring_entries = share->rq_entries;
	rq->rqes = calloc(rq->ring_entries, sizeof(*rq->rqes));
	side->open = true;
	return 0;
}

void side_close(struct side *side)
{
	if (!side->open)
		return;
	side->open = false;
	/* a mapping of the ring is one more reference to it */
	if (side->region && !side->share->region)
		munmap(side->region, side->share->region_len);
	io_uring_queue_exit(&side->zc.ring);
	free(side->zc.rq.rqes);
	free(side->zc.stash);
}

int side_wait_gone(int gone)
{
	struct pollfd pfd = { .fd = gone };

	if (poll(&pfd, 1, WIRE_PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	return pfd.revents & POLLHUP ? 0 : -EBADF;
}

int side_close_wait(struct side *side)
{
	side_close(side);
	return side_wait_gone(side->gone);
}

void *side_map(const struct side *side, __u32 zcrx_id)
{
	size_t len = side->share->region_len;
	void *region;

	region = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED,
		      side->zc.ring.ring_fd,
		      MAP_OFF_REGION + ((__u64)zcrx_id << MAP_ID_SHIFT));
	if (region != MAP_FAILED)
		madvise(region, len, MADV_DONTFORK);
	return region;
}

/* Finds the refill ring of an ifq that is attached. */
static int find_region(struct side *side)
{
	const struct share *share = side->share;

	side->zc.tokens[0] = share->token;
	side->region = share->region;
	if (side->region)
		return 0;
	side->region = side_map(side, side->zc.reg.ifq.zcrx_id);
	if (side->region != MAP_FAILED)
		return 0;
	side->region = NULL;
	return -errno;
}

int side_register(struct side *side, struct share *share)
{
	struct zc_reg *reg = &side->zc.reg;
	int ret;

	ret = side_open(side, share);
	if (ret)
		return ret;
	zc_reg_init(reg, if_nametoindex(WIRE_IF), WIRE_RXQ, share->rq_entries,
		    &share->area, share->region, share->region_len);
	ret = io_uring_register_ifq(&side->zc.ring, &reg->ifq);
	if (!ret) {
		share->at = reg->ifq.offsets;
		share->rq_entries = reg->ifq.rq_entries;
		share->token = reg->area.rq_area_token;
		ret = find_region(side);
	}
	if (ret)
		side_close(side);
	return ret;
}

static int import(const struct side *side, int zcrx_fd,
		  struct io_uring_zcrx_ifq_reg *reg)
{
	memset(reg, 0, sizeof(*reg));
	reg->flags = ZCRX_REG_IMPORT;
	reg->if_idx = zcrx_fd;
	return io_uring_register(side->zc.ring.ring_fd,
				 IORING_REGISTER_ZCRX_IFQ, reg, 1);
}

int side_import(struct side *side, struct share *share, int zcrx_fd)
{
	int ret;

	ret = side_open(side, share);
	if (ret)
		return ret;
	ret = import(side, zcrx_fd, &side->zc.reg.ifq);
	if (!ret)
		ret = find_region(side);
	if (ret)
		side_close(side);
	return ret;
}

int side_import_again(const struct side *side, int zcrx_fd)
{
	struct io_uring_zcrx_ifq_reg reg;
	int ret = import(side, zcrx_fd, &reg);

	return ret ? ret : (int)reg.zcrx_id;
}

int side_export(const struct side *side)
{
	return zc_export(&side->zc);
}

static void lock_refill_ring(struct share *share)
{
	/* whoever died with it has left the ring as it is, or with one more */
	if (pthread_mutex_lock(&share->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&share->lock);
}

void side_flush(struct side *side)
{
	const struct io_uring_zcrx_rq *outbox = &side->zc.rq;
	struct share *share = side->share;
	__u32 mask = share->rq_entries - 1;
	struct io_uring_zcrx_rqe *rqes;
	__u32 *head, *tail, at;

	head = side->region + share->at.head;
	tail = side->region + share->at.tail;
	rqes = side->region + share->at.rqes;

	zc_publish(&side->zc);
	lock_refill_ring(share);
	at = *tail;
	/* pairs with the kernel's store of head behind its last read */
	while (side->head != side->tail &&
	       at - io_uring_smp_load_acquire(head) != share->rq_entries) {
		rqes[at++ & mask] =
			outbox->rqes[side->head++ & (outbox->ring_entries - 1)];
	}
	/* the entries first: pairs with the kernel's acquire of tail */
	io_uring_smp_store_release(tail, at);
	pthread_mutex_unlock(&share->lock);
}

int side_round(struct side *side, struct receiver *rx, unsigned int timeout_ms)
{
	int ret = receive_round(rx, 1, timeout_ms);

	side_flush(side);
	return ret;
}

int side_receive(struct side *side, struct receiver *rx, __u64 bytes)
{
	__u64 until = rx->bytes + bytes;

	rx->ended = false;
	while (!rx->ended && rx->bytes < until) {
		int ret = side_round(side, rx, WIRE_PATIENCE_MS);

		if (ret)
			return ret;
	}
	if (rx->ended)
		return rx->result ? rx->result : RECEIVE_END;
	return RECEIVE_MORE;
}

int side_receive_all(struct side *side, struct receiver *rx)
{
	int ret = zc_recv(rx->zc, rx->sock, 0, rx->id);

	return ret ? ret : side_receive(side, rx, UINT64_MAX - rx->bytes);
}

int talk_open(int sock[2])
{
	const struct timeval patience = { .tv_sec = WIRE_PATIENCE_MS / 1000 };
	int i;

	/* each byte a message */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return -errno;
	for (i = 0; i < 2; i++)
		if (setsockopt(sock[i], SOL_SOCKET, SO_RCVTIMEO, &patience,
			       sizeof(patience)))
			return -errno;
	return 0;
}

/* Room for one file descriptor beside a message. */
union rights {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr head;
};

int tell(int sock, char what, int fd)
{
	struct iovec iov = { .iov_base = &what, .iov_len = 1 };
	union rights rights = {
		.head = {
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(fd)),
		},
	};
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&rights.head), &fd, sizeof(fd));
		msg.msg_control = &rights;
		msg.msg_controllen = sizeof(rights.buf);
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

int hear(int sock, char what)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union rights rights;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &rights,
		.msg_controllen = sizeof(rights.buf),
	};
	ssize_t n;
	int fd = 0;

	/* work of a ring that was closed may interrupt it */
	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);

	if (n < 0)
		return -errno;
	if (!n)
		return -EPIPE;
	if (CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return byte == what ? fd : -EPROTO;
}

/* The partner's ring, with the ifq. */
static int partner_attach(const struct partner *p, struct side *side)
{
	int fd, ret;

	if (p->exports) {
		ret = side_register(side, p->share);
		if (ret)
			return ret;
		fd = side_export(side);
		if (fd < 0)
			return fd;
		ret = tell(p->ctl, 'f', fd);
	} else {
		fd = hear(p->ctl, 'f');
		if (fd < 0)
			return fd;
		ret = side_import(side, p->share, fd);
	}
	close(fd);
	return ret ? ret : tell(p->ctl, 'g', side->gone);
}

/* Receives all, or until it is told to leave. */
static int partner_receive(const struct partner *p, struct side *side,
			   struct receiver *rx)
{
	struct pollfd told = { .fd = p->ctl, .events = POLLIN };
	int ret;

	ret = zc_recv(rx->zc, rx->sock, 0, 0);
	if (!ret)
		ret = side_receive(side, rx, SHARE_SOME);
	if (!ret)
		ret = tell(p->ctl, 'r', -1);
	if (!ret)
		ret = hear(p->ctl, 'c');
	while (!ret) {
		ret = side_receive(side, rx, SLICE);
		if (!ret && poll(&told, 1, 0) == 1)
			return hear(p->ctl, 'q');
	}
	if (ret != RECEIVE_END)
		return ret;
	return rx->bytes == p->len && !p->quits ? 0 : -EPIPE;
}

static int partner_run(const struct partner *p)
{
	struct receiver rx = { .stream = p->stream };
	struct side side = { };
	struct wire wire;
	int ret;

	ret = partner_attach(p, &side);
	if (!ret)
		ret = wire_open(&wire, WIRE_V6, p->stream, p->len, p->quits);
	if (ret) {
		fprintf(stderr, "# partner: no start: %d\n", ret);
		return 1;
	}
	rx.zc = &side.zc;
	rx.sock = wire.sock;
	ret = partner_receive(p, &side, &rx);
	if (ret)
		fprintf(stderr, "# partner: after %llu bytes: %d\n",
			(unsigned long long)rx.bytes, ret);
	side_close(&side);
	return wire_close(&wire) || ret;
}

int partner_start(struct partner *p)
{
	int ctl[2], ret;

	ret = talk_open(ctl);
	if (ret)
		return ret;
	fflush(NULL);
	p->pid = fork();
	if (p->pid < 0)
		return -errno;
	if (!p->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* or it would not hear that the other has gone */
		close(ctl[0]);
		p->ctl = ctl[1];
		_exit(partner_run(p));
	}
	close(ctl[1]);
	p->ctl = ctl[0];
	return 0;
}

int partner_wait(struct partner *p)
{
	int ret = peer_wait(p->pid);

	p->pid = 0;
	/* no earlier: it would take that for a reason to give up */
	close(p->ctl);
	return ret;
}

void partner_kill(struct partner *p)
{
	if (p->pid <= 0)
		return;
	kill(p->pid, SIGKILL);
	partner_wait(p);
}
