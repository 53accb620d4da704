// SPDX-License-Identifier: GPL-2.0
/*
 * ZCRX_EVENT_ALLOC_FAIL: a reader keeps its buffers until the queue has none to
 * post. It is told so once, until it arms the event again, and the event is
 * raised whether anybody looks or not: the ring may go before it was posted.
 */
#include <net/if.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/events.h"
#include "lib/pins.h"
#include "lib/share.h"
#include "peer.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024ULL)
#define PAGE		4096
#define DRY_AREA	(2 * MIB)
#define DRY_LEN		(16 * MIB)

FIXTURE(dry)
{
	struct zc_config cfg;
	struct listener l;
	bool closed;
};

FIXTURE_SETUP(dry)
{
	ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	self->cfg = (struct zc_config) {
		.kind = AREA_USER,
		.area_len = DRY_AREA,
	};
}

FIXTURE_TEARDOWN(dry)
{
	if (!self->closed)
		EXPECT_EQ(0, listener_close(&self->l));
	EXPECT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

static int open_dry(struct listener *l, const struct zc_config *cfg,
		    __u32 types, bool may_break)
{
	int ret = listener_open(l, cfg, types, 0);

	if (!ret)
		ret = listener_connect(l, false, DRY_LEN, may_break);
	return ret ? ret : listener_starve(l);
}

#define EXPECT_FINISHED(l)						\
	do {								\
		struct listener *__f = (l);				\
									\
		EXPECT_EQ(0, listener_finish(__f));			\
		EXPECT_EQ(DRY_LEN, __f->rx[FROM_WIRE].bytes);		\
		EXPECT_EQ(0, zc_fdinfo(&__f->zc, "copied"));		\
	} while (0)

TEST_F_TIMEOUT(dry, once_until_armed, TIMEOUT)
{
	struct listener *l = &self->l;
	unsigned int round;

	ASSERT_EQ(0, open_dry(l, &self->cfg, BOTH, false));
	for (round = 1; round <= 3; round++) {
		/* the driver has found the pool empty many times */
		EXPECT_EVENTS(l, round, 0);
		ASSERT_EQ(0, listener_wait_empty());
		ASSERT_EQ(0, listener_settle(l));
		EXPECT_EVENTS(l, round, 0);
		EXPECT_EQ(-EINVAL, listener_arm(l, ZCRX_EVENT_COPY));
		ASSERT_EQ(0, listener_arm(l, ZCRX_EVENT_ALLOC_FAIL));
		ASSERT_EQ(0, listener_wait_empty());
		ASSERT_EQ(0, listener_settle(l));
		EXPECT_EVENTS(l, round + 1, 0);
	}
	EXPECT_FINISHED(l);
	EXPECT_EVENTS(l, round, 0);
}

/* It dries up again once it has recovered, and tells of that, too. */
TEST_F_TIMEOUT(dry, again, TIMEOUT)
{
	struct listener *l = &self->l;

	ASSERT_EQ(0, open_dry(l, &self->cfg, BOTH, false));
	EXPECT_EVENTS(l, 1, 0);
	hold_release(&l->hold, &l->zc);
	ASSERT_EQ(0, listener_starve(l));
	EXPECT_EVENTS(l, 1, 0);
	hold_release(&l->hold, &l->zc);
	ASSERT_EQ(0, zc_flush(&l->zc));
	ASSERT_EQ(0, listener_arm(l, ZCRX_EVENT_ALLOC_FAIL));
	ASSERT_EQ(0, listener_starve(l));
	EXPECT_EVENTS(l, 2, 0);
	EXPECT_FINISHED(l);
	EXPECT_EVENTS(l, 2, 0);
}

TEST_F_TIMEOUT(dry, not_wanted, TIMEOUT)
{
	struct listener *l = &self->l;

	ASSERT_EQ(0, open_dry(l, &self->cfg, EVENT_COPY, false));
	EXPECT_EQ(-EINVAL, listener_arm(l, ZCRX_EVENT_ALLOC_FAIL));
	ASSERT_EQ(0, listener_wait_empty());
	ASSERT_EQ(0, listener_settle(l));
	EXPECT_EVENTS(l, 0, 0);
	EXPECT_FINISHED(l);
	EXPECT_EVENTS(l, 0, 0);
}

/* A reader that gives all back hears of nothing. */
TEST_F_TIMEOUT(dry, never, TIMEOUT)
{
	struct listener *l = &self->l;

	self->cfg.area_len = 16 * MIB;
	ASSERT_EQ(0, listener_open(l, &self->cfg, BOTH, 0));
	ASSERT_EQ(0, listener_connect(l, false, DRY_LEN, false));
	EXPECT_FINISHED(l);
	EXPECT_EVENTS(l, 0, 0);
}

/* Arming one type does nothing to the other. */
TEST_F_TIMEOUT(dry, types_are_independent, TIMEOUT)
{
	struct listener *l = &self->l;

	ASSERT_EQ(0, listener_open(l, &self->cfg, BOTH, 0));
	ASSERT_EQ(0, listener_copy(l, 1000));
	EXPECT_EVENTS(l, 0, 1);
	ASSERT_EQ(0, listener_connect(l, false, DRY_LEN, false));
	ASSERT_EQ(0, listener_starve(l));
	EXPECT_EVENTS(l, 1, 1);

	/* the one, though there is nothing to copy into */
	ASSERT_EQ(0, listener_arm(l, ZCRX_EVENT_ALLOC_FAIL));
	ASSERT_EQ(0, listener_wait_empty());
	ASSERT_EQ(0, listener_settle(l));
	EXPECT_EVENTS(l, 2, 1);
	EXPECT_EQ(0, listener_finish(l));
	ASSERT_EQ(0, zc_flush(&l->zc));
	ASSERT_EQ(0, listener_copy(l, 1000));
	EXPECT_EVENTS(l, 2, 1);

	/* and the other */
	ASSERT_EQ(0, listener_arm(l, ZCRX_EVENT_COPY));
	ASSERT_EQ(0, listener_copy(l, 1000));
	EXPECT_EVENTS(l, 2, 2);
	EXPECT_EQ(DRY_LEN, l->rx[FROM_WIRE].bytes);
	EXPECT_EQ(3000, zc_fdinfo(&l->zc, "copied"));
}

/*
 * An event was raised, and the ring is never entered any more.
 */
static int raise_unseen(struct listener *l)
{
	int ret = listener_arm(l, ZCRX_EVENT_ALLOC_FAIL);

	return ret ? ret : listener_wait_empty();
}

TEST_F_TIMEOUT(dry, ring_closed, TIMEOUT)
{
	struct listener *l = &self->l;
	unsigned int i;

	self->closed = true;
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
					     WIRE_PATIENCE_MS));
		ASSERT_EQ(0, open_dry(l, &self->cfg, BOTH, true));
		EXPECT_EVENTS(l, 1, 0);
		/* then while it is raised, or is about to be */
		ASSERT_EQ(0, i ? listener_arm(l, ZCRX_EVENT_ALLOC_FAIL) :
				 raise_unseen(l));
		EXPECT_EQ(0, io_uring_cq_ready(&l->zc.ring));
		EXPECT_LE(DRY_AREA / PAGE, pins_now());
		ASSERT_EQ(0, listener_close(l));
	}
}

/* Runs in a process of its own: says so when an event is pending. */
static int wait_to_be_killed(const struct zc_config *cfg, int ctl)
{
	static struct listener l;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (open_dry(&l, cfg, BOTH, true) || raise_unseen(&l) ||
	    tell(ctl, 'g', l.gone))
		return 1;
	for (;;)
		pause();
}

TEST_F_TIMEOUT(dry, killed, TIMEOUT)
{
	int ctl[2], gone;
	pid_t pid;

	self->closed = true;
	ASSERT_EQ(0, talk_open(ctl));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(wait_to_be_killed(&self->cfg, ctl[1]));
	close(ctl[1]);
	gone = hear(ctl[0], 'g');
	ASSERT_LT(0, gone);
	EXPECT_LE(DRY_AREA / PAGE, pins_now());
	ASSERT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(128 + SIGKILL, peer_wait(pid));
	EXPECT_EQ(0, side_wait_gone(gone));
}

TEST_HARNESS_MAIN
