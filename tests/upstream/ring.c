// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/time_types.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring.h"

#define SQ_ENTRIES	8

/* A child's copy would keep the ring alive. */
static void *map_ring(int fd, size_t len, off_t offset)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, fd, offset);

	if (p != MAP_FAILED)
		madvise(p, len, MADV_DONTFORK);
	return p;
}

static int map_all(struct ring *ring, const struct io_uring_params *p)
{
	size_t sq_end = p->sq_off.array + p->sq_entries * sizeof(__u32);

	ring->map_len = p->cq_off.cqes +
			p->cq_entries * 2 * sizeof(struct io_uring_cqe);
	if (ring->map_len < sq_end)
		ring->map_len = sq_end;
	ring->map = map_ring(ring->fd, ring->map_len, IORING_OFF_SQ_RING);
	if (ring->map == MAP_FAILED)
		return -errno;

	ring->sqes_len = p->sq_entries * sizeof(struct io_uring_sqe);
	ring->sqes = map_ring(ring->fd, ring->sqes_len, IORING_OFF_SQES);
	if (ring->sqes == MAP_FAILED)
		return -errno;

	ring->sq_tail = ring->map + p->sq_off.tail;
	ring->sq_array = ring->map + p->sq_off.array;
	ring->sq_mask = p->sq_entries - 1;
	ring->cq_head = ring->map + p->cq_off.head;
	ring->cq_tail = ring->map + p->cq_off.tail;
	ring->cq_mask = p->cq_entries - 1;
	ring->cqes = ring->map + p->cq_off.cqes;
	return 0;
}

int ring_open(struct ring *ring, unsigned int cq_entries)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQE32 | IORING_SETUP_CQSIZE,
		.cq_entries = cq_entries,
	};

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(SYS_io_uring_setup, SQ_ENTRIES, &p);
	if (ring->fd < 0)
		return -errno;
	return map_all(ring, &p);
}

void ring_close(struct ring *ring)
{
	munmap(ring->sqes, ring->sqes_len);
	munmap(ring->map, ring->map_len);
	close(ring->fd);
}

int ring_register(int fd, unsigned int opcode, void *arg, unsigned int nr_args)
{
	int ret = syscall(SYS_io_uring_register, fd, opcode, arg, nr_args);

	return ret < 0 ? -errno : ret;
}

static int enter(struct ring *ring, unsigned int submit, unsigned int wait,
		 unsigned int timeout_ms)
{
	struct __kernel_timespec ts = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000LL,
	};
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };
	int ret;

	ret = syscall(SYS_io_uring_enter, ring->fd, submit, wait,
		      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
		      sizeof(arg));
	return ret < 0 ? -errno : ret;
}

int ring_recv_zc(struct ring *ring, int sock, __u32 zcrx_id, __u64 user_data)
{
	unsigned int tail = *ring->sq_tail, index = tail & ring->sq_mask;
	int ret;

	ring->sqes[index] = (struct io_uring_sqe) {
		.opcode = IORING_OP_RECV_ZC,
		.ioprio = IORING_RECV_MULTISHOT,
		.fd = sock,
		.zcrx_ifq_idx = zcrx_id,
		.user_data = user_data,
	};
	ring->sq_array[index] = index;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	ret = enter(ring, 1, 0, 0);
	if (ret < 0)
		return ret;
	return ret == 1 ? 0 : -EIO;
}

const struct io_uring_cqe *ring_wait(struct ring *ring, unsigned int timeout_ms)
{
	unsigned int head = *ring->cq_head;

	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		enter(ring, 0, 1, timeout_ms);
	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return NULL;
	return &ring->cqes[2 * (head & ring->cq_mask)];
}

void ring_seen(struct ring *ring)
{
	__atomic_store_n(ring->cq_head, *ring->cq_head + 1, __ATOMIC_RELEASE);
}
