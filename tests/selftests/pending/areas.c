// SPDX-License-Identifier: GPL-2.0
/*
 * The same stream into each kind of memory, so that every buffer of the area
 * is filled.
 */
#include <net/if.h>

#include "kselftest_harness.h"

#include "lib/hold.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		120
#define KIB		1024ULL
#define MIB		(1024 * KIB)
#define PAGE		4096
#define AREA_LEN	(8 * MIB)
#define NR_BUFFERS	(AREA_LEN / PAGE)
#define STREAM_LEN	(32 * MIB)
/* More than the NIC and the page_pool keep: not yet time to look. */
#define IN_THE_NIC	512
/* for two areas: the one before may still be on its way out */
#define HUGE_PAGES	(2 * AREA_LEN / (2 * MIB))

static struct stream stream;

/* The number behind key in a file of the kernel, in its own unit; or -1. */
static long file_value(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	long sum = -1, value;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) ||
		    sscanf(line + strlen(key), " %ld", &value) != 1)
			continue;
		sum = sum < 0 ? value : sum + value;
	}
	if (f)
		fclose(f);
	return sum;
}

/* Who made the dma-buf? */
static bool exporter_is(int dmabuf_fd, const char *name)
{
	char path[64], line[512], want[64];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf_fd);
	snprintf(want, sizeof(want), "exp_name:\t%s\n", name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		found = found || !strcmp(line, want);
	if (f)
		fclose(f);
	return found;
}

FIXTURE(area)
{
	struct zc_config cfg;
	long free_huge;
};

FIXTURE_VARIANT(area)
{
	enum area_kind kind;
	bool kernel_rq;
};

FIXTURE_VARIANT_ADD(area, pages)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(area, thp)
{
	.kind = AREA_THP,
};

FIXTURE_VARIANT_ADD(area, hugetlb)
{
	.kind = AREA_HUGETLB,
};

FIXTURE_VARIANT_ADD(area, udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(area, udmabuf_hugetlb)
{
	.kind = AREA_UDMABUF_HUGETLB,
};

FIXTURE_VARIANT_ADD(area, heap)
{
	.kind = AREA_HEAP,
};

/* the refill ring is the kernel's, and mapped */
FIXTURE_VARIANT_ADD(area, hugetlb_kernel_rq)
{
	.kind = AREA_HUGETLB,
	.kernel_rq = true,
};

FIXTURE_VARIANT_ADD(area, heap_kernel_rq)
{
	.kind = AREA_HEAP,
	.kernel_rq = true,
};

FIXTURE_SETUP(area)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, sh("echo %llu >/proc/sys/vm/nr_hugepages", HUGE_PAGES));
	self->free_huge = file_value("/proc/meminfo", "HugePages_Free:");
	stream_init(&stream, 21);
	self->cfg = (struct zc_config) {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
		.kind = variant->kind,
		.kernel_rq = variant->kernel_rq,
		.area_len = AREA_LEN,
	};
}

FIXTURE_TEARDOWN(area)
{
	EXPECT_EQ(0, sh("echo 0 >/proc/sys/vm/nr_hugepages"));
}

/* The memory is of the kind that was asked for. */
static bool kind_is_right(const struct zc *zc, long free_huge)
{
	long huge = free_huge - file_value("/proc/meminfo", "HugePages_Free:");

	switch (zc->area.kind) {
	case AREA_THP:
		return file_value("/proc/self/smaps", "AnonHugePages:") >=
		       (long)(AREA_LEN / KIB);
	case AREA_HUGETLB:
		return huge == AREA_LEN / (2 * MIB);
	case AREA_UDMABUF_HUGETLB:
		return huge == AREA_LEN / (2 * MIB) &&
		       exporter_is(zc->area.dmabuf_fd, "udmabuf");
	case AREA_UDMABUF:
		return huge == 0 && exporter_is(zc->area.dmabuf_fd, "udmabuf");
	case AREA_HEAP:
		return exporter_is(zc->area.dmabuf_fd, "system");
	default:
		return huge == 0 && zc->area.dmabuf_fd < 0 &&
		       file_value("/proc/self/smaps", "AnonHugePages:") == 0;
	}
}

/* Which buffers of the area were filled at least once. */
static bool seen[NR_BUFFERS];
static unsigned int nr_seen;

/* Notes what is held. Returns the highest index. */
static unsigned int note(const struct hold *hold)
{
	unsigned int i, highest = 0;

	for (i = 0; i < hold->nr; i++) {
		__u64 idx = (hold->rqe[i].off & ~IORING_ZCRX_AREA_MASK) / PAGE;

		/* zc_data() has found it within the area */
		nr_seen += !seen[idx];
		seen[idx] = true;
		if (idx > highest)
			highest = idx;
	}
	return highest;
}

/*
 * Buffers that come back are used before those that never were. So keep them
 * until none of the latter is left.
 *
 * That is before the NIC runs dry, but perhaps not before something else waits
 * for a buffer: if a segment was lost, those behind it have what is left.
 */
static int receive_everywhere(struct receiver *rx)
{
	bool keep = true;
	int ret;

	ret = zc_recv(rx->zc, rx->sock, 0, 0);
	while (!ret && !rx->ended) {
		unsigned int highest;

		ret = receive_round(rx, 1, keep ? 100 : WIRE_PATIENCE_MS);
		highest = note(rx->hold);
		if (keep && (ret == -ETIME || highest >= NR_BUFFERS - IN_THE_NIC)) {
			keep = zc_fdinfo(rx->zc, "free") != 0;
			ret = ret == -ETIME ? 0 : ret;
		}
		if (!keep)
			hold_release(rx->hold, rx->zc);
	}
	return ret ? ret : rx->result;
}

TEST_F_TIMEOUT(area, every_buffer, TIMEOUT)
{
	struct hold hold = {};
	struct receiver rx = {
		.stream = &stream,
		.keep = true,
		.hold = &hold,
	};
	struct wire wire;
	struct zc zc;

	ASSERT_EQ(0, zc_open(&zc, &self->cfg))
		TH_LOG("%s failed", zc.failed);
	EXPECT_TRUE(kind_is_right(&zc, self->free_huge));
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx.zc = &zc;
	rx.sock = wire.sock;
	ASSERT_EQ(0, receive_everywhere(&rx));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(NR_BUFFERS, nr_seen);
	EXPECT_EQ(0, zc_fdinfo(&zc, "copied"));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(&zc, "delivered"));
	EXPECT_EQ(0, zc_fdinfo(&zc, "invalid"));
	EXPECT_EQ(0, wire_close(&wire));
	zc_close(&zc);
}

TEST_HARNESS_MAIN
