// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf whose DMA segments are not whole pages. A net_iov is a page of DMA
 * addresses: it would reach past the end of such a segment, or lie across two
 * pages. Socket devmem and zero-copy receive both have to refuse it, and to let
 * go of it.
 */
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "../kernel/zcrx_odd.h"
#include "lib/netdev.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define PAGE		4096
#define KIB		1024
#define AREA_LEN	(4 * KIB * KIB)
/* The largest; a few of them fill the NIC's ring. */
#define LONG		ZCRX_ODD_SEGMENT_MAX

struct odd {
	int dev;
	unsigned int ifindex;
};

static int odd_open(struct odd *odd)
{
	if (access("/dev/" ZCRX_ODD_DEV, F_OK) && system("modprobe zcrx_odd"))
		return -ENOENT;
	odd->dev = open("/dev/" ZCRX_ODD_DEV, O_RDWR | O_CLOEXEC);
	if (odd->dev < 0)
		return -errno;
	odd->ifindex = if_nametoindex(WIRE_IF);
	return queue_wait_free(odd->ifindex, WIRE_RXQ, WIRE_PATIENCE_MS);
}

/* Mappings of a device that are left; more than anybody expects on failure. */
static __u32 odd_mappings(const struct odd *odd)
{
	__u32 nr;

	return ioctl(odd->dev, ZCRX_ODD_MAPPINGS, &nr) ? ~0U : nr;
}

/* An area of it, whose memory no CPU sees. Returns 0 or -errno. */
static int odd_area(const struct odd *odd, const struct zcrx_odd_create *what,
		    struct area *area)
{
	unsigned int i;

	memset(area, 0, sizeof(*area));
	area->kind = AREA_UDMABUF;
	area->dmabuf_fd = ioctl(odd->dev, ZCRX_ODD_CREATE, what);
	if (area->dmabuf_fd < 0)
		return -errno;
	for (i = 0; i < what->nr; i++)
		area->len += what->segments[i].len;
	area->len += what->more;
	area->base = mmap(NULL, area->len, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (area->base != MAP_FAILED)
		return 0;
	close(area->dmabuf_fd);
	return -ENOMEM;
}

/* Returns what each of them says of such an area: 0 or -errno. */
static int bind_devmem(const struct odd *odd,
		       const struct zcrx_odd_create *what)
{
	struct area area;
	int ret, binding;
	__u32 id;

	ret = odd_area(odd, what, &area);
	if (ret)
		return ret;
	binding = netdev_bind_rx(odd->ifindex, WIRE_RXQ, area.dmabuf_fd, &id);
	area_close(&area);
	if (binding < 0)
		return binding;
	close(binding);
	return queue_wait_free(odd->ifindex, WIRE_RXQ, WIRE_PATIENCE_MS);
}

static int register_zcrx(const struct odd *odd,
			 const struct zcrx_odd_create *what)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
	};
	struct area area;
	struct zc zc;
	int ret;

	ret = odd_area(odd, what, &area);
	if (!ret)
		ret = zc_open_area(&zc, &cfg, &area);
	if (ret)
		return ret;
	zc_close(&zc);
	return queue_wait_free(odd->ifindex, WIRE_RXQ, WIRE_PATIENCE_MS);
}

static int add_to_zcrx(const struct odd *odd,
		       const struct zcrx_odd_create *what)
{
	struct area area;
	struct zc zc;
	int ret;

	ret = wire_bind(&zc, AREA_UDMABUF, AREA_LEN);
	if (ret)
		return ret;
	ret = odd_area(odd, what, &area);
	if (!ret) {
		ret = zc_add_area(&zc, &area, NULL);
		/* a failure leaves it to us */
		if (ret)
			area_close(&area);
	}
	zc_close(&zc);
	return ret ? ret : queue_wait_free(odd->ifindex, WIRE_RXQ,
					   WIRE_PATIENCE_MS);
}

FIXTURE(odd)
{
	struct odd odd;
};

/* Lengths make whole pages together: nothing but a segment is odd. */
FIXTURE_VARIANT(odd)
{
	struct zcrx_odd_create what;
	int devmem;
	int zcrx;
};

/* Pages, so the exporter itself is no reason to refuse it. */
FIXTURE_VARIANT_ADD(odd, whole_pages)
{
	.what = {
		.nr = 4,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 0, LONG }, { 0, LONG },
		},
	},
};

FIXTURE_VARIANT_ADD(odd, begins_late_first)
{
	.what = {
		.nr = 4,
		.segments = {
			{ 512, LONG }, { 0, LONG }, { 0, LONG }, { 0, LONG },
		},
	},
	.devmem = -EINVAL,
	.zcrx = -EINVAL,
};

FIXTURE_VARIANT_ADD(odd, begins_late_middle)
{
	.what = {
		.nr = 4,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 512, LONG }, { 0, LONG },
		},
	},
	.devmem = -EINVAL,
	.zcrx = -EINVAL,
};

FIXTURE_VARIANT_ADD(odd, begins_late_last)
{
	.what = {
		.nr = 4,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 0, LONG }, { 512, LONG },
		},
	},
	.devmem = -EINVAL,
	.zcrx = -EINVAL,
};

/* One too short makes up for one too long. */
FIXTURE_VARIANT_ADD(odd, ends_late_first)
{
	.what = {
		.nr = 5,
		.segments = {
			{ 0, PAGE + 512 }, { 0, LONG - 512 }, { 0, LONG },
			{ 0, LONG }, { 0, LONG },
		},
	},
	.devmem = -EINVAL,
	.zcrx = -EINVAL,
};

FIXTURE_VARIANT_ADD(odd, ends_late_middle)
{
	.what = {
		.nr = 5,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 0, PAGE + 512 },
			{ 0, LONG - 512 }, { 0, LONG },
		},
	},
	.devmem = -EINVAL,
	.zcrx = -EINVAL,
};

FIXTURE_VARIANT_ADD(odd, ends_late_last)
{
	.what = {
		.nr = 5,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 0, LONG },
			{ 0, LONG - 512 }, { 0, PAGE + 512 },
		},
	},
	.devmem = -EINVAL,
	.zcrx = -EINVAL,
};

/* Less than a page: there is nothing in it to hand out. */
FIXTURE_VARIANT_ADD(odd, half_pages)
{
	.what = {
		.nr = 6,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 0, LONG }, { 0, LONG },
			{ 0, PAGE / 2 }, { PAGE / 2, PAGE / 2 },
		},
	},
	.devmem = -EINVAL,
	.zcrx = -EINVAL,
};

/* The dma-buf is no whole number of pages itself. */
FIXTURE_VARIANT_ADD(odd, odd_in_all)
{
	.what = {
		.nr = 4,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 0, LONG },
			{ 0, PAGE + 512 },
		},
	},
	.devmem = -EINVAL,
	.zcrx = -EINVAL,
};

/* Nothing is a whole number of pages: it does no harm, wherever it is. */
FIXTURE_VARIANT_ADD(odd, empty_first)
{
	.what = {
		.nr = 5,
		.segments = {
			{ 0, 0 }, { 0, LONG }, { 0, LONG }, { 0, LONG },
			{ 0, LONG },
		},
	},
};

FIXTURE_VARIANT_ADD(odd, empty_middle)
{
	.what = {
		.nr = 5,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 0, 0 }, { 0, LONG },
			{ 0, LONG },
		},
	},
};

FIXTURE_VARIANT_ADD(odd, empty_last)
{
	.what = {
		.nr = 5,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 0, LONG }, { 0, LONG },
			{ 0, 0 },
		},
	},
};

/*
 * The dma-buf says that it has a page more than its exporter maps. Socket devmem
 * goes by what is mapped.
 */
FIXTURE_VARIANT_ADD(odd, lacks_a_page)
{
	.what = {
		.nr = 4,
		.more = PAGE,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 0, LONG }, { 0, LONG },
		},
	},
	.zcrx = -EINVAL,
};

/* It says that it has a page less: there is a net_iov for what it says. */
FIXTURE_VARIANT_ADD(odd, maps_a_page_more)
{
	.what = {
		.nr = 4,
		.more = -PAGE,
		.segments = {
			{ 0, LONG }, { 0, LONG }, { 0, LONG }, { 0, LONG },
		},
	},
};

FIXTURE_SETUP(odd)
{
	ASSERT_EQ(0, odd_open(&self->odd))
		TH_LOG("no module zcrx_odd: is tests/kernel in the image?");
	ASSERT_EQ(0, netdev_wait_no_pools(self->odd.ifindex, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, odd_mappings(&self->odd));
}

/* Refused or not, nothing is kept. */
FIXTURE_TEARDOWN(odd)
{
	EXPECT_EQ(0, netdev_wait_no_pools(self->odd.ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, odd_mappings(&self->odd));
	close(self->odd.dev);
}

TEST_F_TIMEOUT(odd, devmem, TIMEOUT)
{
	EXPECT_EQ(variant->devmem, bind_devmem(&self->odd, &variant->what));
}

TEST_F_TIMEOUT(odd, zcrx, TIMEOUT)
{
	EXPECT_EQ(variant->zcrx, register_zcrx(&self->odd, &variant->what));
}

TEST_F_TIMEOUT(odd, add_area, TIMEOUT)
{
	EXPECT_EQ(variant->zcrx, add_to_zcrx(&self->odd, &variant->what));
}

/* The exporter does what it says, or the tests above would prove nothing. */
TEST(exporter)
{
	struct zcrx_odd_create what = {
		.nr = 1,
		.segments = { { 0, PAGE } },
	};
	struct odd odd;
	int fd;

	ASSERT_EQ(0, odd_open(&odd));
	fd = ioctl(odd.dev, ZCRX_ODD_CREATE, &what);
	ASSERT_LE(0, fd);
	EXPECT_EQ(PAGE, lseek(fd, 0, SEEK_END));
	close(fd);

	what.segments[0].offset = PAGE;
	EXPECT_EQ(-1, ioctl(odd.dev, ZCRX_ODD_CREATE, &what));
	EXPECT_EQ(EINVAL, errno);
	what.segments[0].offset = 0;
	what.segments[0].len = LONG + 1;
	EXPECT_EQ(-1, ioctl(odd.dev, ZCRX_ODD_CREATE, &what));
	EXPECT_EQ(EINVAL, errno);
	what.segments[0].len = 0;
	EXPECT_EQ(-1, ioctl(odd.dev, ZCRX_ODD_CREATE, &what));
	EXPECT_EQ(EINVAL, errno);
	what.nr = ZCRX_ODD_SEGMENTS + 1;
	EXPECT_EQ(-1, ioctl(odd.dev, ZCRX_ODD_CREATE, &what));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, odd_mappings(&odd));
	close(odd.dev);
}

TEST_HARNESS_MAIN
