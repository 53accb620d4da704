// SPDX-License-Identifier: GPL-2.0
/*
 * Events of an ifq that several rings use: all come to the ring that registered
 * it, whichever one caused them, and to none once that is no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/events.h"
#include "lib/pins.h"
#include "lib/share.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024ULL)
#define PAGE		4096
/* The importers give nothing back: it has room for all that they copy. */
#define AREA_LEN	(8 * MIB)
#define STATS		RQ_END(AREA_LEN / PAGE * 2)

struct importer {
	struct zc zc;
	__u32 head, tail;	/* of no refill ring: it gives nothing back */
	struct receiver rx;
	struct stream stream;
	int sock[2];
	__u64 sent;
};

/* area: NULL if it is no memory of ours */
static int importer_open(struct importer *im, int fd, const struct area *area)
{
	int ret;

	memset(im, 0, sizeof(*im));
	im->zc.rq.khead = &im->head;
	im->zc.rq.ktail = &im->tail;
	if (area)
		im->zc.areas[0] = *area;
	im->zc.reg.ifq.flags = ZCRX_REG_IMPORT;
	im->zc.reg.ifq.if_idx = fd;
	ret = zc_ring_open(&im->zc.ring, 64);
	if (!ret)
		ret = io_uring_register_ifq(&im->zc.ring, &im->zc.reg.ifq);
	if (!ret)
		ret = loopback_open(im->sock);
	if (ret)
		return ret;
	stream_init(&im->stream, 81);
	im->rx = (struct receiver) {
		.zc = &im->zc,
		.sock = im->sock[0],
		.stream = &im->stream,
		.keep = true,
	};
	return zc_recv(&im->zc, im->sock[0], 0, 0);
}

static void importer_close(struct importer *im)
{
	io_uring_queue_exit(&im->zc.ring);
	close(im->sock[0]);
	close(im->sock[1]);
}

static int importer_send(struct importer *im)
{
	char buf[1000];

	stream_fill(&im->stream, im->sent, buf, sizeof(buf));
	im->sent += sizeof(buf);
	return tcp_send_all(im->sock[1], buf, sizeof(buf));
}

/* An event would be taken for the end of its request. */
static int importer_copy(struct importer *im)
{
	const __u64 want = im->sent + 1000 - im->rx.bytes;
	int ret = importer_send(im);

	if (!ret)
		ret = receive(&im->rx, want);
	if (!ret)
		ret = io_uring_get_events(&im->zc.ring);
	if (ret < 0)
		return ret;
	return ret == RECEIVE_END || io_uring_cq_ready(&im->zc.ring) ?
	       -EPROTO : 0;
}

FIXTURE(shared)
{
	struct listener l;
	struct zc_config cfg;
	volatile struct zcrx_stats *stats;
	int fd;		/* of the ifq */
	bool closed;	/* the ring, by the test */
};

FIXTURE_VARIANT(shared)
{
	bool nodev;
	bool kernel_rq;
};

FIXTURE_VARIANT_ADD(shared, nodev)
{
	.nodev = true,
};

FIXTURE_VARIANT_ADD(shared, bound_kernel_rq)
{
	.kernel_rq = true,
};

FIXTURE_SETUP(shared)
{
	struct listener *l = &self->l;

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	self->cfg = (struct zc_config) {
		.nodev = variant->nodev,
		.kernel_rq = variant->kernel_rq,
		.kind = AREA_USER,
		.area_len = AREA_LEN,
	};
	ASSERT_EQ(0, listener_open(l, &self->cfg, BOTH, STATS));
	/* it counts for all, and so cannot be compared with one */
	self->stats = l->stats;
	l->stats = NULL;
	self->fd = zc_export(&l->zc);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(shared)
{
	close(self->fd);
	if (!self->closed)
		EXPECT_EQ(0, listener_close(&self->l));
	EXPECT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F(shared, of_an_importer)
{
	struct listener *l = &self->l;
	struct importer im;

	ASSERT_EQ(0, importer_open(&im, self->fd, &l->zc.areas[0]));

	ASSERT_EQ(0, importer_copy(&im));
	ASSERT_EQ(0, importer_copy(&im));
	EXPECT_EVENTS(l, 0, 0);
	ASSERT_EQ(0, listener_settle(l));
	EXPECT_EVENTS(l, 0, 1);
	EXPECT_EQ(2000, self->stats->copy_bytes);
	EXPECT_EQ(im.rx.cqes, self->stats->copy_count);
	/* it may be armed by either */
	ASSERT_EQ(0, listener_arm(l, ZCRX_EVENT_COPY));
	ASSERT_EQ(0, importer_copy(&im));
	ASSERT_EQ(0, listener_settle(l));
	EXPECT_EVENTS(l, 0, 2);
	EXPECT_EQ(0, zc_arm_event(&im.zc, ZCRX_EVENT_COPY));

	/* one is on its way when the ring is closed, and no other one after */
	ASSERT_EQ(0, importer_copy(&im));
	EXPECT_EVENTS(l, 0, 2);
	self->closed = true;
	munmap(l->zc.rq.ring_ptr, l->zc.region_len);
	io_uring_queue_exit(&l->zc.ring);
	EXPECT_EQ(0, side_wait_gone(l->gone));
	ASSERT_EQ(0, importer_copy(&im));
	/* the last to use it */
	close(self->fd);
	self->fd = -1;
	ASSERT_EQ(0, importer_copy(&im));
	importer_close(&im);
}

/*
 * Armed while one is on its way: that one comes, and one for what happens once
 * it has come.
 */
TEST_F(shared, armed_too_early)
{
	struct listener *l = &self->l;
	struct importer im;
	int ret;

	ASSERT_EQ(0, importer_open(&im, self->fd, &l->zc.areas[0]));
	ASSERT_EQ(0, importer_copy(&im));
	ret = listener_arm(l, ZCRX_EVENT_COPY);
	TH_LOG("arming says %d", ret);
	EXPECT_TRUE(!ret || ret == -EINVAL);
	ASSERT_EQ(0, importer_copy(&im));
	ASSERT_EQ(0, listener_settle(l));
	EXPECT_EVENTS(l, 0, 1);
	EXPECT_EQ(ret ? 0 : -EINVAL, listener_arm(l, ZCRX_EVENT_COPY));
	ASSERT_EQ(0, importer_copy(&im));
	ASSERT_EQ(0, listener_settle(l));
	EXPECT_EVENTS(l, 0, 2);
	importer_close(&im);
}

/* Closes a ring, and waits until the kernel has taken it apart. */
static int ring_exit(struct io_uring *ring)
{
	int gone = ring_note_end(ring), ret;

	io_uring_queue_exit(ring);
	if (gone < 0)
		return gone;
	ret = side_wait_gone(gone);
	close(gone);
	return ret;
}

/*
 * A ring that did not come to import, as what it asked for cannot be written,
 * and one that did and left: the events stay whose they were.
 */
TEST_F(shared, importers_leave)
{
	struct listener *l = &self->l;
	struct io_uring_zcrx_ifq_reg *reg;
	struct io_uring ring;
	struct importer im;

	reg = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, reg);
	reg->flags = ZCRX_REG_IMPORT;
	reg->if_idx = self->fd;
	ASSERT_EQ(0, mprotect(reg, PAGE, PROT_READ));
	ASSERT_EQ(0, zc_ring_open(&ring, 64));
	EXPECT_EQ(-EFAULT, io_uring_register_ifq(&ring, reg));
	ASSERT_EQ(0, listener_copy(l, 1000));
	EXPECT_EVENTS(l, 0, 1);

	ASSERT_EQ(0, listener_arm(l, ZCRX_EVENT_COPY));
	ASSERT_EQ(0, ring_exit(&ring));
	ASSERT_EQ(0, listener_copy(l, 1000));
	EXPECT_EVENTS(l, 0, 2);

	ASSERT_EQ(0, listener_arm(l, ZCRX_EVENT_COPY));
	ASSERT_EQ(0, importer_open(&im, self->fd, &l->zc.areas[0]));
	ASSERT_EQ(0, ring_exit(&im.zc.ring));
	close(im.sock[0]);
	close(im.sock[1]);
	ASSERT_EQ(0, listener_copy(l, 1000));
	EXPECT_EVENTS(l, 0, 3);
	EXPECT_EQ(0, munmap(reg, PAGE));
}

/* Two rings copy at a time: what one counts the other does not undo. */
#define AT_A_TIME	1500

struct second {
	struct listener *l;
	pthread_t thread;
	int fd;
	int ret;
	__u64 cqes;
};

static void *copy_on_another_ring(void *arg)
{
	static struct importer im;
	struct second *s = arg;
	unsigned int i;

	s->ret = importer_open(&im, s->fd, &s->l->zc.areas[0]);
	for (i = 0; i < AT_A_TIME && !s->ret; i++)
		s->ret = importer_copy(&im);
	s->cqes = im.rx.cqes;
	importer_close(&im);
	return NULL;
}

TEST_F_TIMEOUT(shared, at_a_time, TIMEOUT)
{
	struct listener *l = &self->l;
	volatile struct zcrx_stats *stats = self->stats;
	struct second s = { .l = l, .fd = self->fd };
	__u64 count = 0, bytes = 0;
	unsigned int i, back = 0;

	ASSERT_EQ(0, pthread_create(&s.thread, NULL, copy_on_another_ring, &s));
	for (i = 0; i < AT_A_TIME; i++) {
		ASSERT_EQ(0, listener_copy(l, 1000));
		back += stats->copy_count < count || stats->copy_bytes < bytes;
		count = stats->copy_count;
		bytes = stats->copy_bytes;
	}
	ASSERT_EQ(0, pthread_join(s.thread, NULL));
	ASSERT_EQ(0, s.ret);
	EXPECT_EQ(0, back);
	EXPECT_EQ(l->rx[FROM_HERE].cqes + s.cqes, stats->copy_count);
	EXPECT_EQ(2000 * AT_A_TIME, stats->copy_bytes);
	EXPECT_EQ(2000 * AT_A_TIME, zc_fdinfo(&l->zc, "copied"));
	ASSERT_EQ(0, listener_settle(l));
	EXPECT_EVENTS(l, 0, 1);
}

#define RING_FD		100

/*
 * The ring's task becomes another program and has no io_uring any more, but
 * somebody else keeps the ring open.
 */
static int exec_when_told(int ctl)
{
	const struct zc_config cfg = {
		.nodev = true,
		.kind = AREA_USER,
		.area_len = MIB,
	};
	static struct listener l;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (listener_open(&l, &cfg, BOTH, 0))
		return 1;
	fd = zc_export(&l.zc);
	/* to be found under a number that is known */
	if (fd < 0 || dup3(l.zc.ring.ring_fd, RING_FD, O_CLOEXEC) < 0 ||
	    tell(ctl, 'f', fd) || tell(ctl, 'g', l.gone) || hear(ctl, 'x'))
		return 1;
	execlp("sleep", "sleep", "1000", NULL);
	return 1;
}

TEST(task_execs)
{
	int ctl[2], fd, gone, pidfd, ring_fd;
	struct importer im;
	pid_t pid;

	ASSERT_EQ(0, talk_open(ctl));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(exec_when_told(ctl[1]));
	close(ctl[1]);
	fd = hear(ctl[0], 'f');
	ASSERT_LT(0, fd);
	gone = hear(ctl[0], 'g');
	ASSERT_LT(0, gone);
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	ring_fd = syscall(SYS_pidfd_getfd, pidfd, RING_FD, 0);
	ASSERT_LT(0, ring_fd);
	ASSERT_EQ(0, importer_open(&im, fd, NULL));

	ASSERT_EQ(0, tell(ctl[0], 'x', -1));
	/* its end of the talk is closed then */
	EXPECT_EQ(-EPIPE, hear(ctl[0], 'y'));
	ASSERT_EQ(0, importer_send(&im));
	EXPECT_EQ(0, zc_wait(&im.zc, WIRE_PATIENCE_MS));
	EXPECT_EQ(1000, zc_fdinfo(&im.zc, "copied"));

	close(ring_fd);
	EXPECT_EQ(0, side_wait_gone(gone));
	importer_close(&im);
	close(fd);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, peer_wait(pid));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_HARNESS_MAIN
