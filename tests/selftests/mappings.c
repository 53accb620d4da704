// SPDX-License-Identifier: GPL-2.0
/*
 * Areas of user memory that are not just a mapping of its own: a part of one,
 * several beside each other, or of a file. What is of the area is filled, all
 * of it, and nothing around it.
 *
 * register.c has the mappings that are refused.
 */
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <net/if.h>
#include <sys/mman.h>

#include "kselftest_harness.h"

#include "lib/everywhere.h"
#include "lib/meminfo.h"
#include "lib/pins.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024ULL)
#define PAGE		4096ULL
#define HUGE		(2 * MIB)
#define STREAM_LEN	(32 * MIB)
#define FILL		0xa5

/* What the area is a part of, or all of. */
#define WHOLE_LEN	(10 * MIB)
/* Not to begin or end with a huge page. */
#define BEFORE		(HUGE - 3 * PAGE)
#define BEHIND		(5 * PAGE)

static struct stream stream;

/* Memory of which the area is what lies between BEFORE and BEHIND. */
struct whole {
	char *base;
	int fd;		/* that it is a shared mapping of, or -1 */
};

#define FAILED(what)							\
	({								\
		perror("# " what);					\
		-1;							\
	})

/* Address space at which huge pages may lie. */
static char *reserve(void)
{
	char *base = mmap(NULL, WHOLE_LEN + HUGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return NULL;
	return (char *)(((uintptr_t)base + HUGE - 1) / HUGE * HUGE);
}

/* Memory at an address, in pages as madvise() would have them. */
static int map_at(char *at, size_t len, int flags, int fd, int advice)
{
	if (mmap(at, len, PROT_READ | PROT_WRITE, MAP_FIXED | flags, fd,
		 0) == MAP_FAILED)
		return FAILED("mmap");
	if (advice && madvise(at, len, advice))
		return FAILED("madvise");
	memset(at, FILL, len);
	return 0;
}

static int map_pages(struct whole *w)
{
	return map_at(w->base, WHOLE_LEN, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      MADV_NOHUGEPAGE);
}

static int map_thp(struct whole *w)
{
	int ret = map_at(w->base, WHOLE_LEN, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 MADV_HUGEPAGE);

	return ret ? ret : meminfo_thp_bytes() != WHOLE_LEN;
}

static int map_hugetlb(struct whole *w)
{
	return map_at(w->base, WHOLE_LEN, MAP_PRIVATE | MAP_ANONYMOUS |
		      MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
}

static int open_file(int fd)
{
	if (fd < 0)
		return FAILED("file for the area");
	return ftruncate(fd, WHOLE_LEN) ? FAILED("ftruncate") : fd;
}

static int map_file(struct whole *w, int fd)
{
	w->fd = open_file(fd);
	return w->fd < 0 ? -1 : map_at(w->base, WHOLE_LEN, MAP_SHARED, w->fd,
				       0);
}

static int map_memfd(struct whole *w)
{
	return map_file(w, memfd_create("area", MFD_CLOEXEC));
}

static int map_memfd_hugetlb(struct whole *w)
{
	return map_file(w, memfd_create("area", MFD_CLOEXEC | MFD_HUGETLB |
					MFD_HUGE_2MB));
}

/* The file itself stays as it is. */
static int map_memfd_private(struct whole *w)
{
	int fd = open_file(memfd_create("area", MFD_CLOEXEC));

	return fd < 0 ? -1 : map_at(w->base, WHOLE_LEN, MAP_PRIVATE, fd, 0);
}

/* A file of a file system; the mount goes with its last user. */
static int open_tmpfs(const char *options)
{
	int fd;

	if (sh("mkdir -p /tmp/area && mount -t tmpfs -o %s area /tmp/area",
	       options))
		return -1;
	fd = open("/tmp/area/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	sh("umount -l /tmp/area");
	return fd;
}

static int map_tmpfs(struct whole *w)
{
	return map_file(w, open_tmpfs("huge=never"));
}

static int map_tmpfs_huge(struct whole *w)
{
	int ret = map_file(w, open_tmpfs("huge=always"));

	return ret ? ret : meminfo_thp_bytes() != WHOLE_LEN;
}

/* Five mappings, a huge page's length each, and none like its neighbour. */
static int map_mixed(struct whole *w)
{
	const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
	int fd = open_file(memfd_create("area", MFD_CLOEXEC));
	char *at = w->base;
	int ret;

	if (fd < 0)
		return fd;
	ret = map_at(at, HUGE, anonymous, -1, MADV_NOHUGEPAGE);
	if (!ret)
		ret = map_at(at += HUGE, HUGE, anonymous | MAP_HUGETLB |
			     MAP_HUGE_2MB, -1, 0);
	if (!ret)
		ret = map_at(at += HUGE, HUGE, MAP_SHARED, fd, 0);
	if (!ret)
		ret = map_at(at += HUGE, HUGE, anonymous, -1, MADV_HUGEPAGE);
	if (!ret)
		ret = map_at(at += HUGE, HUGE, anonymous, -1, MADV_NOHUGEPAGE);
	if (!ret && (meminfo_thp_bytes() != HUGE ||
		     meminfo_free_huge_pages() != WHOLE_LEN / HUGE - 1))
		ret = FAILED("not the pages that were asked for");
	return ret;
}

FIXTURE(mapping)
{
	struct whole whole;
	struct wire wire;
	struct zc zc;
	struct receiver rx;
};

FIXTURE_VARIANT(mapping)
{
	int (*map)(struct whole *w);
};

FIXTURE_VARIANT_ADD(mapping, pages) { .map = map_pages };
FIXTURE_VARIANT_ADD(mapping, thp) { .map = map_thp };
FIXTURE_VARIANT_ADD(mapping, hugetlb) { .map = map_hugetlb };
FIXTURE_VARIANT_ADD(mapping, memfd) { .map = map_memfd };
FIXTURE_VARIANT_ADD(mapping, memfd_private) { .map = map_memfd_private };
FIXTURE_VARIANT_ADD(mapping, memfd_hugetlb) { .map = map_memfd_hugetlb };
FIXTURE_VARIANT_ADD(mapping, tmpfs) { .map = map_tmpfs };
FIXTURE_VARIANT_ADD(mapping, tmpfs_huge) { .map = map_tmpfs_huge };
FIXTURE_VARIANT_ADD(mapping, mixed) { .map = map_mixed };

FIXTURE_SETUP(mapping)
{
	const struct zc_config cfg = { .ifname = WIRE_IF, .rxq = WIRE_RXQ };
	struct area area = {
		.kind = AREA_USER,
		.len = WHOLE_LEN - BEFORE - BEHIND,
		.dmabuf_fd = -1,
	};

	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, meminfo_set_huge_pages(WHOLE_LEN / HUGE));
	stream_init(&stream, 23);

	self->whole.fd = -1;
	self->whole.base = reserve();
	ASSERT_NE(NULL, self->whole.base);
	ASSERT_EQ(0, variant->map(&self->whole));
	/* a fork would copy pinned private pages */
	ASSERT_EQ(0, madvise(self->whole.base, WHOLE_LEN, MADV_DONTFORK));
	area.base = self->whole.base + BEFORE;
	ASSERT_EQ(0, zc_open_area(&self->zc, &cfg, &area))
		TH_LOG("%s failed", self->zc.failed);
	EXPECT_EQ((area.len + self->zc.region_len) / PAGE, pins_now());
}

FIXTURE_TEARDOWN(mapping)
{
	zc_close(&self->zc);
	munmap(self->whole.base, WHOLE_LEN);
	if (self->whole.fd >= 0)
		close(self->whole.fd);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, meminfo_set_huge_pages(0));
}

/*
 * What is received into a file is in the file: the mapping that was registered
 * goes, and payload is read through another one.
 */
static int map_anew(struct whole *w, struct area *area)
{
	if (munmap(w->base, WHOLE_LEN))
		return FAILED("munmap");
	w->base = mmap(NULL, WHOLE_LEN, PROT_READ, MAP_SHARED, w->fd, 0);
	if (w->base == MAP_FAILED)
		return FAILED("mmap");
	area->base = w->base + BEFORE;
	return 0;
}

/* How many of len bytes are no longer what they were. */
static size_t changed(const char *p, size_t len)
{
	size_t nr = 0;

	while (len--)
		nr += *p++ != (char)FILL;
	return nr;
}

TEST_F_TIMEOUT(mapping, every_buffer_and_no_more, TIMEOUT)
{
	struct area *area = &self->zc.areas[0];
	unsigned int filled;

	if (self->whole.fd >= 0)
		ASSERT_EQ(0, map_anew(&self->whole, area));
	ASSERT_EQ(0, wire_open(&self->wire, WIRE_V4, &stream, STREAM_LEN,
			       false));
	self->rx = (struct receiver) {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
	};
	ASSERT_EQ(0, receive_everywhere(&self->rx, TAKES_RETURNED, &filled));
	EXPECT_EQ(STREAM_LEN, self->rx.bytes);
	EXPECT_EQ(area->len / PAGE, filled);
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "copied"));
	EXPECT_EQ(0, zc_fdinfo(&self->zc, "invalid"));
	EXPECT_EQ(0, wire_close(&self->wire));

	EXPECT_EQ(0, changed(self->whole.base, BEFORE));
	EXPECT_EQ(0, changed(area->base + area->len, BEHIND));
}

TEST_HARNESS_MAIN
