// SPDX-License-Identifier: GPL-2.0
/*
 * A stream comes into the BAR of another device, and the ring goes, or that
 * device: zcrx_bar.h says what has to happen then.
 */
#include <net/if.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

#include "lib/bar.h"
#include "lib/live.h"
#include "lib/netdev.h"
#include "lib/wire.h"
#include "queue.h"

#define TIMEOUT		240
#define MIB		(1024 * 1024)
#define PAGE		4096
#define OFFSET		(20 * MIB)
/* What must not run dry while nobody reads, as in teardown.c. */
#define LEN		(16 * MIB)
#define ENDLESS		(1024ULL * 1024 * MIB)
#define SOME		MIB
#define BACKLOG		(64 * 1024)

static struct stream stream;

FIXTURE(gone)
{
	unsigned int ifindex;
	int window;
	struct area area;
	struct wire wire;
	struct zc zc;
	struct receiver rx;
};

FIXTURE_SETUP(gone)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	stream_init(&stream, 23);
	self->window = window_open();
	ASSERT_LE(0, self->window)
		TH_LOG("no module zcrx_bar: is tests/kernel in the image?");
	ASSERT_EQ(0, bar_fill())
		TH_LOG("no such device: tests/device/run has it");
	ASSERT_EQ(0, window_area(&self->area, self->window, OFFSET, LEN));
}

/* Nothing is left, and a stream finds its way into a window of the same. */
FIXTURE_TEARDOWN(gone)
{
	struct receiver rx = { .stream = &stream };
	struct area area;
	struct wire wire;
	struct zc zc;
	int window;

	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, window_wait_unused(self->window));
	EXPECT_TRUE(window_untouched(self->window, 2));
	EXPECT_EQ(0, bar_check_around(OFFSET, LEN));
	close(self->window);

	window = window_open();
	ASSERT_LE(0, window);
	ASSERT_EQ(0, window_area(&area, window, OFFSET, LEN));
	ASSERT_EQ(0, bar_open_zc(&zc, &area));
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, LEN, false));
	rx.zc = &zc;
	rx.sock = wire.sock;
	EXPECT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_ZERO_COPY(&zc, LEN);
	zc_close(&zc);
	EXPECT_EQ(0, wire_close(&wire));
	EXPECT_EQ(0, window_wait_unused(window));
	EXPECT_EQ(0, bar_check_around(OFFSET, LEN));
	close(window);
}

/* Receives a while of a stream without end. Returns 0 or -errno. */
static int start(FIXTURE_DATA(gone) *self)
{
	int ret;

	ret = bar_open_zc(&self->zc, &self->area);
	if (ret)
		return ret;
	ret = wire_open(&self->wire, WIRE_V4, &stream, ENDLESS, true);
	if (ret)
		return ret;
	self->rx = (struct receiver) {
		.zc = &self->zc,
		.sock = self->wire.sock,
		.stream = &stream,
	};
	ret = zc_recv(&self->zc, self->rx.sock, 0, 0);
	if (!ret)
		ret = receive(&self->rx, SOME);
	return ret == RECEIVE_END ? -EPIPE : ret;
}

/* The receiver's process: gets going, says so, and receives until it dies. */
static void receive_forever(FIXTURE_DATA(gone) *self, int ready)
{
	if (start(self) || write(ready, "r", 1) != 1)
		_exit(1);
	receive(&self->rx, UINT64_MAX - self->rx.bytes);
	_exit(1);
}

TEST_F_TIMEOUT(gone, ring_killed, TIMEOUT)
{
	int ready[2], status;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(ready[0]);
		receive_forever(self, ready[1]);
	}
	close(ready[1]);
	area_close(&self->area);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	wait_ms(200);
	/* or else the check that nothing is left would check nothing */
	EXPECT_EQ(1, window_stats(self->window).mappings);

	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	/* not by its own hand, which would mean that receiving failed */
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	close(ready[0]);
}

/*
 * Payload that nobody has read keeps the dma-buf, but not the mapping: the
 * queue was taken from the NIC, which writes no more. So the device may go, and
 * the payload stays what the CPU must not touch.
 */
TEST_F_TIMEOUT(gone, socket_outlives_ring, TIMEOUT)
{
	char byte;

	ASSERT_EQ(0, start(self));
	ASSERT_EQ(0, wire_wait_backlog(self->wire.sock, BACKLOG));
	zc_close(&self->zc);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, window_wait_unused(self->window));
	EXPECT_EQ(0, run("set -e; slot=$(cd " BAR_DRIVER "; echo *:*); "
			 "echo 1 >" BAR_DRIVER "/$slot/remove; "
			 "echo 1 >/sys/bus/pci/rescan"));
	EXPECT_EQ(-1, recv(self->wire.sock, &byte, 1, MSG_DONTWAIT));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, wire_close(&self->wire));
}

/* Runs a command beside. Returns its process id, or -errno. */
static pid_t shell(const char *cmd)
{
	pid_t pid = fork();

	if (!pid) {
		execlp("sh", "sh", "-c", cmd, NULL);
		_exit(127);
	}
	return pid < 0 ? -errno : pid;
}

/* Waits until the device has begun to go: no more windows. */
static int wait_going(void)
{
	int window, waited, ret = -ETIMEDOUT;

	window = window_open();
	if (window < 0)
		return window;
	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (!window_stats(window).bar_len) {
			ret = 0;
			break;
		}
		wait_ms(10);
	}
	close(window);
	return ret;
}

static int wait_exit(pid_t pid, int *status)
{
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return 0;
		wait_ms(10);
	}
	return -ETIMEDOUT;
}

/*
 * The device is told to go, by a command, while a stream comes in. It waits for
 * the ring, which goes on as before, but lets nobody in any more. The dma-buf
 * is still there when the device is not.
 */
static void go_while_mapped(struct __test_metadata *_metadata,
			    FIXTURE_DATA(gone) *self, const char *going,
			    const char *back)
{
	struct zc late;
	struct area again;
	int status, window;
	pid_t pid;
	__u32 id;

	again = (struct area) {
		.kind = AREA_UDMABUF,
		.len = LEN,
		.dmabuf_fd = dup(self->area.dmabuf_fd),
		.base = mmap(NULL, LEN, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	};
	window = window_open();
	ASSERT_LE(0, window);
	ASSERT_EQ(0, start(self));

	pid = shell(going);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, wait_going());
	EXPECT_EQ(-ENODEV, window_create(window, 0, PAGE));
	EXPECT_EQ(0, receive(&self->rx, 2 * LEN));
	EXPECT_ZERO_COPY(&self->zc, zc_fdinfo(&self->zc, "delivered"));
	EXPECT_EQ(1, window_stats(self->window).mappings);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));

	/* a mapping more, for the same NIC: it does not come to the queue */
	EXPECT_EQ(-ENODEV, netdev_bind_rx(self->ifindex, 0, again.dmabuf_fd,
					  &id));
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));

	zc_close(&self->zc);
	EXPECT_EQ(0, wire_close(&self->wire));
	ASSERT_EQ(0, wait_exit(pid, &status));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, window_stats(self->window).mappings);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(-ENODEV, window_create(window, 0, PAGE));

	/* and when another has come it is not the old window's */
	ASSERT_EQ(0, run(back));
	ASSERT_EQ(BAR_LEN, window_stats(window).bar_len);
	EXPECT_EQ(-ENODEV, bar_open_zc(&late, &again));
	EXPECT_EQ(1, window_stats(self->window).mapped);
	close(window);
}

#define SLOT	"slot=$(cd " BAR_DRIVER " && echo *:*) && "

TEST_F_TIMEOUT(gone, driver_unbound, TIMEOUT)
{
	char slot[64], back[256];

	ASSERT_EQ(0, bar_slot(slot, sizeof(slot)));
	snprintf(back, sizeof(back), "echo %s >" BAR_DRIVER "/bind", slot);
	go_while_mapped(_metadata, self, SLOT "echo $slot >" BAR_DRIVER "/unbind",
			back);
}

TEST_F_TIMEOUT(gone, device_removed, TIMEOUT)
{
	go_while_mapped(_metadata, self,
			SLOT "echo 1 >" BAR_DRIVER "/$slot/remove",
			"echo 1 >/sys/bus/pci/rescan");
}

TEST_HARNESS_MAIN
