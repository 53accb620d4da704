// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/io_uring/zcrx_ext.h>
#include <linux/mman.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <liburing.h>

#include "area.h"

#define HUGE	(2UL * 1024 * 1024)

static void *map_anonymous(size_t len, int flags)
{
	return mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/*
 * At an address that huge pages can lie at, and with them if they are to be
 * had.
 */
static void *map_thp(size_t len)
{
	uintptr_t start, base;
	void *map;

	map = map_anonymous(len + HUGE, 0);
	if (map == MAP_FAILED)
		return map;
	start = (uintptr_t)map;
	base = (start + HUGE - 1) / HUGE * HUGE;
	if (base > start)
		munmap(map, base - start);
	munmap((void *)(base + len), HUGE - (base - start));

	if (madvise((void *)base, len, MADV_HUGEPAGE) ||
	    madvise((void *)base, len, MADV_POPULATE_WRITE)) {
		int err = errno;

		munmap((void *)base, len);
		errno = err;
		return MAP_FAILED;
	}
	return (void *)base;
}

static int open_process_memory(struct area *area, const char **failed)
{
	switch (area->kind) {
	case AREA_THP:
		*failed = "transparent huge pages for the area";
		area->base = map_thp(area->len);
		break;
	case AREA_HUGETLB:
		*failed = "hugetlb pages for the area (vm.nr_hugepages)";
		area->base = map_anonymous(area->len,
					   MAP_HUGETLB | MAP_HUGE_2MB);
		break;
	default:
		*failed = "memory for the area";
		area->base = map_anonymous(area->len, 0);
	}
	return area->base == MAP_FAILED ? -errno : 0;
}

int area_open(struct area *area, enum area_kind kind, size_t len,
	      const char **failed)
{
	int ret;

	*area = (struct area) { .kind = kind, .len = len, .dmabuf_fd = -1 };

	switch (kind) {
	case AREA_USER:
	case AREA_THP:
	case AREA_HUGETLB:
		ret = open_process_memory(area, failed);
		break;
	default:
		ret = area_open_fd(area, failed);
	}
	if (ret)
		return ret;

	/* A fork would copy pinned private pages, all of them. */
	madvise(area->base, len, MADV_DONTFORK);
	return 0;
}

void area_close(struct area *area)
{
	munmap(area->base, area->len);
	if (area->dmabuf_fd >= 0)
		close(area->dmabuf_fd);
}

void area_describe(const struct area *area,
		   struct io_uring_zcrx_area_reg *reg)
{
	memset(reg, 0, sizeof(*reg));
	reg->len = area->len;
	if (area->dmabuf_fd >= 0) {
		reg->flags = IORING_ZCRX_AREA_DMABUF;
		reg->dmabuf_fd = area->dmabuf_fd;
		reg->addr = area->dmabuf_off;
	} else {
		reg->addr = (uintptr_t)area->base;
	}
	if (area->fallback)
		reg->flags |= IORING_ZCRX_AREA_FALLBACK;
}
