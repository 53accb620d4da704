// SPDX-License-Identifier: GPL-2.0
/*
 * Fault walk of the end of an ifq. Nobody could be told of an error: what fails
 * is tried again until the queue is the NIC's, and all memory is let go.
 *
 * A ring ends in a worker. So that it is the armed task that lets go of the
 * ifq, the last user is a file descriptor, and the ring is gone before.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/share.h"
#include "../debug/lib/fault.h"
#include "../debug/lib/ifq.h"
#include "../debug/lib/left.h"
#include "queue.h"

#define TIMEOUT		1200
#define AREA_LEN	(2 * 1024 * 1024)
/* A stream is compared each so many faults. */
#define EVERY		4

static const struct fault_step restart[] = {
	{ "netdev_rx_queue_restart", { FAULT_OPTIONAL } },
	{ "igb_queue_mem_alloc", { FAULT_OPTIONAL } },
	{ "igb_queue_stop", { FAULT_OPTIONAL } },
	{ "igb_queue_start", { FAULT_OPTIONAL } },
	{ "__xdp_rxq_info_reg", { FAULT_OPTIONAL } },
	{ "dma_alloc_attrs", { FAULT_OPTIONAL } },
	{ }
};

/* Most are pages of the NIC's own, with which it fills its ring again. */
static const struct fault_step memory[] = {
	{ FAULT_MEMORY, { FAULT_OPTIONAL, FAULT_ALIKE } },
	{ }
};

static const struct fault_step *const steps[] = { restart, memory, NULL };

struct subject {
	struct ifq ifq;
	int fd;
};

/* Hangs up once the ring, which has the only other end, is no more. */
static int note_end(struct ifq *ifq)
{
	int ends[2], ret;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	ret = io_uring_register_files(&ifq->zc.ring, &ends[1], 1);
	close(ends[1]);
	return ret ? ret : ends[0];
}

static int prepare(void *arg)
{
	struct subject *s = arg;
	int ret, gone;

	ret = ifq_prepare(&s->ifq);
	if (!ret)
		ret = ifq_register(&s->ifq);
	if (ret)
		return ret;
	s->fd = zc_export(&s->ifq.zc);
	gone = s->fd < 0 ? s->fd : note_end(&s->ifq);
	ifq_close(&s->ifq);
	if (gone < 0)
		return gone;
	ret = side_wait_gone(gone);
	close(gone);
	return ret;
}

static int call(void *arg)
{
	const struct subject *s = arg;

	return close(s->fd) ? -errno : 0;
}

static int finish(void *arg, int result, unsigned int n)
{
	struct ifq ifq = { .cfg = ((struct subject *)arg)->ifq.cfg };
	int ret;

	if (result || n % EVERY > 1)
		return result;
	ret = queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
			      WIRE_PATIENCE_MS);
	if (!ret)
		ret = ifq_prepare(&ifq);
	if (ret)
		return ret;
	ret = ifq_receive(&ifq);
	ifq_close(&ifq);
	return ret;
}

FIXTURE(fault)
{
	struct subject subject;
};

FIXTURE_VARIANT(fault)
{
	const char *name;
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(fault, user)
{
	.name = "close-user",
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(fault, udmabuf)
{
	.name = "close-udmabuf",
	.kind = AREA_UDMABUF,
};

FIXTURE_SETUP(fault)
{
	ASSERT_EQ(0, fault_open());
	self->subject.ifq.cfg = (struct zc_config) {
		.kind = variant->kind,
		.area_len = AREA_LEN,
	};
}

FIXTURE_TEARDOWN(fault)
{
	fault_close();
	EXPECT_EQ(0, left_by_nic());
}

TEST_F_TIMEOUT(fault, end, TIMEOUT)
{
	const struct fault_scenario s = {
		.name = variant->name,
		.steps = steps,
		.arg = &self->subject,
		.prepare = prepare,
		.call = call,
		.finish = finish,
	};

	EXPECT_LT(0, fault_walk(&s));
}

TEST_HARNESS_MAIN
