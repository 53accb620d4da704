// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <liburing.h>

#include "area.h"

/* Makes a dma-buf of the whole memfd, which must not be able to shrink. */
static int wrap_memfd(int memfd, size_t len)
{
	struct udmabuf_create create = {
		.memfd = memfd,
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = len,
	};
	int dev, ret;

	dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return -errno;
	ret = ioctl(dev, UDMABUF_CREATE, &create);
	if (ret < 0)
		ret = -errno;
	close(dev);
	return ret;
}

static int open_udmabuf(struct area *area, const char **failed)
{
	int memfd, ret;

	*failed = "memfd for the udmabuf";
	memfd = memfd_create("zcrx-area", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memfd < 0)
		return -errno;
	if (ftruncate(memfd, area->len) ||
	    fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		ret = -errno;
		goto out;
	}

	*failed = "mapping of the udmabuf's memory";
	area->base = mmap(NULL, area->len, PROT_READ | PROT_WRITE, MAP_SHARED,
			  memfd, 0);
	if (area->base == MAP_FAILED) {
		ret = -errno;
		goto out;
	}

	*failed = "/dev/udmabuf";
	ret = wrap_memfd(memfd, area->len);
	if (ret < 0) {
		munmap(area->base, area->len);
		goto out;
	}
	area->dmabuf_fd = ret;
	ret = 0;
out:
	close(memfd);
	return ret;
}

int area_open(struct area *area, enum area_kind kind, size_t len,
	      const char **failed)
{
	int ret = 0;

	*area = (struct area) { .kind = kind, .len = len, .dmabuf_fd = -1 };

	if (kind == AREA_UDMABUF) {
		ret = open_udmabuf(area, failed);
	} else {
		*failed = "memory for the area";
		area->base = mmap(NULL, len, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (area->base == MAP_FAILED)
			ret = -errno;
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
	} else {
		reg->addr = (uintptr_t)area->base;
	}
}
