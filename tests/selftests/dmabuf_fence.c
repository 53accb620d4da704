// SPDX-License-Identifier: GPL-2.0
/*
 * A dma-buf that somebody else works on, which a fence tells. The NIC does not
 * care, but the CPU would have to wait, and nobody waits while a socket is locked:
 * what has to be copied goes to another area, or the request ends. A registration
 * waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/pins.h"
#include "lib/senders.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		300
#define MIB		(1024 * 1024)
#define AREA_LEN	(4 * MIB)
#define STREAM_LEN	(8 * MIB)
#define GUARD		0xa5
#define WAIT_MS		300

/* What the kernel keeps to itself of drivers/dma-buf/sw_sync.c. */
struct sw_sync_create_fence_data {
	__u32	value;
	char	name[32];
	__s32	fence;
};

#define SW_SYNC			"/sys/kernel/debug/sync/sw_sync"
#define SW_SYNC_IOC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_create_fence_data)
#define SW_SYNC_IOC_INC		_IOW('W', 1, __u32)

static struct stream stream;

FIXTURE(fence)
{
	unsigned int ifindex;
	int timeline;
	struct area area;
	struct zc zc;
	bool bound;
};

FIXTURE_VARIANT(fence)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(fence, udmabuf) { .kind = AREA_UDMABUF };
FIXTURE_VARIANT_ADD(fence, heap) { .kind = AREA_HEAP };

FIXTURE_SETUP(fence)
{
	const char *failed;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 74);
	self->timeline = open(SW_SYNC, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->timeline)
		TH_LOG("no " SW_SYNC ": has the kernel CONFIG_SW_SYNC?");
	ASSERT_EQ(0, area_open(&self->area, variant->kind, AREA_LEN, &failed));
}

FIXTURE_TEARDOWN(fence)
{
	if (self->bound)
		zc_close(&self->zc);
	close(self->timeline);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* From now on somebody writes to the dma-buf. Returns 0 or -errno. */
static int fence_set(int timeline, int dmabuf)
{
	struct sw_sync_create_fence_data fence = { .value = 1 };
	struct dma_buf_import_sync_file import = {
		.flags = DMA_BUF_SYNC_WRITE,
	};
	int ret;

	if (ioctl(timeline, SW_SYNC_IOC_CREATE_FENCE, &fence))
		return -errno;
	import.fd = fence.fence;
	ret = ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &import) ?
	      -errno : 0;
	close(fence.fence);
	return ret;
}

/* Now no more. */
static int fence_signal(int timeline)
{
	__u32 by = 1;

	return ioctl(timeline, SW_SYNC_IOC_INC, &by) ? -errno : 0;
}

static int bind_area(struct zc *zc, const struct area *area)
{
	const struct zc_config cfg = { .ifname = WIRE_IF, .rxq = WIRE_RXQ };

	return zc_open_area(zc, &cfg, area);
}

/* From the peer by the ring's queue, or over loopback. Returns 0 or -errno. */
static int receive_stream(struct zc *zc, bool loopback)
{
	struct receiver rx = { .zc = zc, .stream = &stream };
	struct wire wire;
	int ret;

	if (loopback)
		ret = wire_open_with(&wire, LOOPBACK_V4, &stream, STREAM_LEN,
				     true, send_over_loopback);
	else
		ret = wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, true);
	if (ret)
		return ret;
	rx.sock = wire.sock;
	ret = receive_all_copied(&rx);
	wire_close(&wire);
	if (ret != RECEIVE_END)
		return ret ? ret : -EPROTO;
	return rx.bytes == STREAM_LEN ? 0 : -EPROTO;
}

static size_t changed(const struct area *area)
{
	const unsigned char *at = area->base;
	size_t i, nr = 0;

	for (i = 0; i < area->len; i++)
		nr += at[i] != GUARD;
	return nr;
}

TEST_F_TIMEOUT(fence, nobody_waits, TIMEOUT)
{
	struct zc *zc = &self->zc;

	ASSERT_EQ(0, bind_area(zc, &self->area));
	self->bound = true;
	ASSERT_EQ(0, fence_set(self->timeline, self->area.dmabuf_fd));

	EXPECT_EQ(-ENOMEM, receive_stream(zc, true));
	EXPECT_EQ(0, zc_fdinfo(zc, "copied"));
	EXPECT_EQ(1, zc_fdinfo(zc, "failed_fence"));
	EXPECT_EQ(0, zc_fdinfo(zc, "failed_no_buffer"));
	EXPECT_EQ(0, receive_stream(zc, false));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "delivered"));

	ASSERT_EQ(0, fence_signal(self->timeline));
	EXPECT_EQ(0, receive_stream(zc, true));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "copied"));
	EXPECT_EQ(1, zc_fdinfo(zc, "failed_fence"));
}

TEST_F_TIMEOUT(fence, goes_to_the_fallback, TIMEOUT)
{
	struct zc *zc = &self->zc;
	struct area fallback;
	const char *failed;

	ASSERT_EQ(0, bind_area(zc, &self->area));
	self->bound = true;
	ASSERT_EQ(0, area_open(&fallback, AREA_USER, AREA_LEN, &failed));
	fallback.fallback = true;
	memset(fallback.base, GUARD, AREA_LEN);
	ASSERT_EQ(0, zc_add_area(zc, &fallback, NULL));

	/* there is room in the dma-buf, and it is first */
	EXPECT_EQ(0, receive_stream(zc, false));
	EXPECT_EQ(0, changed(&fallback));

	memset(self->area.base, GUARD, AREA_LEN);
	ASSERT_EQ(0, fence_set(self->timeline, self->area.dmabuf_fd));
	EXPECT_EQ(0, receive_stream(zc, true));
	EXPECT_EQ(0, changed(&self->area));
	EXPECT_LT(0, changed(&fallback));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(zc, "copied"));
	EXPECT_EQ(0, zc_fdinfo(zc, "failed_fence"));

	ASSERT_EQ(0, fence_signal(self->timeline));
	EXPECT_EQ(0, receive_stream(zc, true));
	EXPECT_LT(0, changed(&self->area));
	EXPECT_EQ(2 * STREAM_LEN, zc_fdinfo(zc, "copied"));
}

static void *signal_later(void *timeline)
{
	const struct timespec wait = { .tv_nsec = WAIT_MS * 1000000L };

	nanosleep(&wait, NULL);
	return (void *)(long)fence_signal(*(int *)timeline);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

TEST_F_TIMEOUT(fence, registration_waits, TIMEOUT)
{
	pthread_t thread;
	long start;
	void *ret;

	ASSERT_EQ(0, fence_set(self->timeline, self->area.dmabuf_fd));
	start = now_ms();
	ASSERT_EQ(0, pthread_create(&thread, NULL, signal_later,
				    &self->timeline));
	ASSERT_EQ(0, bind_area(&self->zc, &self->area));
	self->bound = true;
	EXPECT_LE(start + WAIT_MS, now_ms());
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(NULL, ret);

	EXPECT_EQ(0, receive_stream(&self->zc, true));
	EXPECT_EQ(STREAM_LEN, zc_fdinfo(&self->zc, "copied"));
}

static void ignore(int sig)
{
	(void)sig;
}

TEST_F_TIMEOUT(fence, registration_is_interrupted, TIMEOUT)
{
	/* without SA_RESTART */
	const struct sigaction act = { .sa_handler = ignore };
	/* again and again: the first may come before the registration waits */
	const struct itimerspec in_a_moment = {
		.it_value.tv_nsec = WAIT_MS * 1000000L,
		.it_interval.tv_nsec = WAIT_MS * 1000000L,
	};
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGUSR1,
	};
	struct area again;
	const char *failed;
	timer_t timer;

	ASSERT_EQ(0, sigaction(SIGUSR1, &act, NULL));
	ASSERT_EQ(0, timer_create(CLOCK_MONOTONIC, &event, &timer));
	ASSERT_EQ(0, fence_set(self->timeline, self->area.dmabuf_fd));
	ASSERT_EQ(0, timer_settime(timer, 0, &in_a_moment, NULL));
	EXPECT_EQ(-EINTR, bind_area(&self->zc, &self->area));
	timer_delete(timer);
	ASSERT_EQ(0, fence_signal(self->timeline));

	/* it left nothing behind */
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, area_open(&again, variant->kind, AREA_LEN, &failed));
	ASSERT_EQ(0, bind_area(&self->zc, &again));
	self->bound = true;
	EXPECT_EQ(0, receive_stream(&self->zc, false));
}

TEST_HARNESS_MAIN
