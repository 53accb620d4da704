// SPDX-License-Identifier: GPL-2.0
/*
 * Areas that are a dma-buf, or lie in a memfd. Payload in a dma-buf is read
 * through a mapping, without DMA_BUF_IOCTL_SYNC around it: the DMA of the
 * machines that this runs on is coherent.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <linux/memfd.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "area.h"

/* A memfd that cannot shrink, as udmabuf wants it. Returns it or -errno. */
static int open_memfd(size_t len, unsigned int flags)
{
	int fd, ret;

	fd = memfd_create("zcrx-area", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, len) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

/* Makes a dma-buf that has all of the memfd nr times. */
static int wrap_memfd(int memfd, size_t len, unsigned int nr)
{
	struct udmabuf_create_list *list;
	unsigned int i;
	int dev, ret;

	list = calloc(1, sizeof(*list) + nr * sizeof(list->list[0]));
	if (!list)
		return -ENOMEM;
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	list->count = nr;
	for (i = 0; i < nr; i++) {
		list->list[i].memfd = memfd;
		list->list[i].size = len;
	}

	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (dev < 0) {
		ret = -errno;
		goto out;
	}
	ret = ioctl(dev, UDMABUF_CREATE_LIST, list);
	if (ret < 0)
		ret = -errno;
	close(dev);
out:
	free(list);
	return ret;
}

/* Maps the memfd as often as len bytes take. */
static void *map_repeatedly(int memfd, size_t memfd_len, size_t len)
{
	void *base;
	size_t at;

	if (len == memfd_len)
		return mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED,
			    memfd, 0);

	/* an address for all, to be mapped over */
	base = mmap(NULL, len, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return base;
	for (at = 0; at < len; at += memfd_len) {
		if (mmap(base + at, memfd_len, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, memfd, 0) == MAP_FAILED) {
			munmap(base, len);
			return MAP_FAILED;
		}
	}
	return base;
}

/* Makes a memfd and maps it over all of the area. Returns it or -errno. */
static int map_memfd(struct area *area, size_t memfd_len, unsigned int flags,
		     const char **failed)
{
	int memfd, ret;

	if (area->len % memfd_len) {
		*failed = "length of the area";
		return -EINVAL;
	}
	*failed = "memfd for the area";
	memfd = open_memfd(memfd_len, flags);
	if (memfd < 0)
		return memfd;

	*failed = "mapping of the area's memfd";
	area->base = map_repeatedly(memfd, memfd_len, area->len);
	if (area->base == MAP_FAILED) {
		ret = -errno;
		close(memfd);
		return ret;
	}
	return memfd;
}

static int open_udmabuf(struct area *area, size_t memfd_len,
			unsigned int memfd_flags, const char **failed)
{
	int memfd, ret;

	memfd = map_memfd(area, memfd_len, memfd_flags, failed);
	if (memfd < 0)
		return memfd;

	*failed = "/dev/udmabuf";
	ret = wrap_memfd(memfd, memfd_len, area->len / memfd_len);
	close(memfd);
	if (ret < 0) {
		munmap(area->base, area->len);
		return ret;
	}
	area->dmabuf_fd = ret;
	return 0;
}

static int open_repeated(struct area *area, const char **failed)
{
	int memfd = map_memfd(area, AREA_REPEATED_LEN, 0, failed);

	if (memfd < 0)
		return memfd;
	close(memfd);
	return 0;
}

static int open_heap(struct area *area, const char **failed)
{
	struct dma_heap_allocation_data alloc = {
		.len = area->len,
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	int heap, ret;

	*failed = "/dev/dma_heap/system";
	heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
	if (heap < 0)
		return -errno;
	ret = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &alloc) ? -errno : 0;
	close(heap);
	if (ret)
		return ret;

	*failed = "mapping of the heap's dma-buf";
	area->base = mmap(NULL, area->len, PROT_READ | PROT_WRITE, MAP_SHARED,
			  alloc.fd, 0);
	if (area->base == MAP_FAILED) {
		ret = -errno;
		close(alloc.fd);
		return ret;
	}
	area->dmabuf_fd = alloc.fd;
	return 0;
}

int area_open_range(struct area *range, const struct area *whole, size_t off,
		    size_t len)
{
	int ret;

	*range = (struct area) {
		.kind = whole->kind,
		.len = len,
		.dmabuf_off = whole->dmabuf_off + off,
		.dmabuf_fd = fcntl(whole->dmabuf_fd, F_DUPFD_CLOEXEC, 0),
	};
	if (range->dmabuf_fd < 0)
		return -errno;

	range->base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED,
			   range->dmabuf_fd, range->dmabuf_off);
	if (range->base == MAP_FAILED) {
		ret = -errno;
		close(range->dmabuf_fd);
		return ret;
	}
	return 0;
}

int area_open_fd(struct area *area, const char **failed)
{
	switch (area->kind) {
	case AREA_UDMABUF:
		return open_udmabuf(area, area->len, 0, failed);
	case AREA_UDMABUF_HUGETLB:
		return open_udmabuf(area, area->len, MFD_HUGETLB | MFD_HUGE_2MB,
				    failed);
	case AREA_USER_REPEATED:
		return open_repeated(area, failed);
	case AREA_UDMABUF_REPEATED:
		return open_udmabuf(area, AREA_REPEATED_LEN, 0, failed);
	case AREA_HEAP:
		return open_heap(area, failed);
	default:
		*failed = "kind of area";
		return -EINVAL;
	}
}
