// SPDX-License-Identifier: GPL-2.0
/* Mappings of refill rings, what else is closed, and who only looks. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "lib/netdev.h"
#include "lib/wire.h"

/* liburing 2.9 does not know it */
#ifndef IORING_MAP_OFF_ZCRX_REGION
#define IORING_MAP_OFF_ZCRX_REGION	0x30000000ULL
#endif

int op_mmap(struct prng *p)
{
	struct fuzz_ring *r = pick_ring(p);
	struct fuzz_map *m = &model.map[prng_below(p, NR_MAPS)];
	struct fuzz_ifq *q = pick_ifq(r, p);
	__u64 off = q->mmap_offset;
	size_t len = REGION_LEN;
	int flags = MAP_SHARED;
	unsigned int i;
	void *ptr;

	if (!r->open)
		return -EBADF;
	for (i = 0; i < NR_IFQS && !off; i++)
		off = r->ifq[i].used ? r->ifq[i].mmap_offset : 0;
	if (prng_chance(p, 8))
		off = IORING_MAP_OFF_ZCRX_REGION + (prng_below(p, 2048) << 16);
	if (prng_chance(p, 5))
		off = prng_odd(p) & ~(FUZZ_PAGE - 1);
	if (prng_chance(p, 15))
		len = (1 + prng_below(p, 64)) * FUZZ_PAGE;
	if (prng_chance(p, 4))
		flags = MAP_PRIVATE;
	ptr = mmap(NULL, len, PROT_READ | PROT_WRITE, flags,
		   r->ring.ring_fd, off);
	if (ptr == MAP_FAILED)
		return -errno;
	/* any other offset is that of the ring's own memory */
	if ((off & 0xf8000000ULL) == IORING_MAP_OFF_ZCRX_REGION &&
	    off >> 32 == 0)
		scribble(ptr, p);
	if (m->ptr)
		munmap(m->ptr, m->len);
	*m = (struct fuzz_map) { ptr, len };
	return 0;
}

int op_munmap(struct prng *p)
{
	struct fuzz_map *m = &model.map[prng_below(p, NR_MAPS)];
	int ret;

	if (!m->ptr)
		return -ENOENT;
	ret = munmap(m->ptr, m->len) ? -errno : 0;
	m->ptr = NULL;
	return ret;
}

int op_ring_close(struct prng *p)
{
	struct fuzz_ring *r = pick_ring(p);

	ring_close(r);
	return ring_open(r, p);
}

int op_close_fd(struct prng *p)
{
	int *fd = &model.export[prng_below(p, NR_EXPORTS)];
	int ret = close(*fd) ? -errno : 0;

	*fd = -1;
	return ret;
}

int op_fdinfo(struct prng *p)
{
	struct fuzz_ring *r = pick_ring(p);
	static char buf[16 * 1024];
	char path[64];
	int fd, ret;

	if (!r->open)
		return -EBADF;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", r->ring.ring_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = read(fd, buf, sizeof(buf)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

int op_netlink(struct prng *p)
{
	__u32 ifindex = if_nametoindex(WIRE_IF);
	struct netdev_pool pools[16];
	struct netdev_queue queue;
	int ret;

	if (prng_chance(p, 50))
		return netdev_rx_queue(ifindex, WIRE_RXQ, &queue);
	ret = netdev_pools(ifindex, pools, 16);
	return ret < 0 ? ret : 0;
}
