// SPDX-License-Identifier: GPL-2.0
/*
 * Fault walk of receiving, from arming a request to the end of a stream: the
 * request may end with an error, and is armed again, and not a byte is lost or
 * wrong. Nor is a frame that the NIC had no memory for, since TCP sends it
 * again. Without a NIC, what comes is copied.
 */
#include <errno.h>

#include "kselftest_harness.h"

#include "../debug/lib/fault.h"
#include "../debug/lib/ifq.h"

#define TIMEOUT		1200
#define AREA_LEN	(2 * 1024 * 1024)

static const struct fault_step post[] = {
	{ "zcrx_post", { ENOSPC } },
	{ }
};

static const struct fault_step copies[] = {
	{ "zcrx_mem_user_copy_in", { EFAULT } },
	{ "zcrx_area_take_free", { ENOMEM, FAULT_OPTIONAL } },
	{ }
};

static const struct fault_step dmabuf_copies[] = {
	{ "zcrx_mem_dmabuf_copy_in", { EFAULT } },
	{ "dma_buf_begin_cpu_access", { ENOMEM } },
	{ "dma_buf_end_cpu_access", { ENOMEM } },
	{ }
};

/* In softirqs, for want of which the NIC drops frames or takes them later. */
static const struct fault_step split_frames[] = {
	{ "napi_alloc_skb", { FAULT_OPTIONAL, FAULT_ALIKE } },
	{ }
};

static const struct fault_step whole_frames[] = {
	{ "napi_build_skb", { FAULT_OPTIONAL, FAULT_ALIKE } },
	{ }
};

static const struct fault_step buffers[] = {
	{ "zcrx_alloc_netmems", { FAULT_OPTIONAL } },
	{ "zcrx_rq_fill_pool", { FAULT_OPTIONAL } },
	{ "zcrx_area_fill_pool", { FAULT_OPTIONAL } },
	{ }
};

static const struct fault_step memory[] = {
	{ FAULT_MEMORY, { EFAULT, FAULT_OPTIONAL } },
	{ }
};

static const struct fault_step *const nodev_steps[] = {
	post, copies, whole_frames, memory, NULL
};

static const struct fault_step *const nodev_heap_steps[] = {
	post, dmabuf_copies, NULL
};

static const struct fault_step *const nic_steps[] = {
	post, buffers, split_frames, memory, NULL
};

struct subject {
	struct ifq ifq;
	int stream;	/* how it went in the end */
};

static int prepare(void *arg)
{
	struct subject *s = arg;
	int ret = ifq_prepare(&s->ifq);

	if (!ret)
		ret = ifq_register(&s->ifq);
	if (!ret)
		ret = ifq_map(&s->ifq);
	return ret ? ret : ifq_connect(&s->ifq);
}

/* One fault is one failure at most. */
static int call(void *arg)
{
	struct subject *s = arg;

	s->stream = ifq_stream(&s->ifq, 1);
	return s->ifq.failure;
}

static int finish(void *arg, int result, unsigned int n)
{
	struct subject *s = arg;
	int ret, err;

	(void)result;
	(void)n;
	ret = s->stream;
	/* what was copied is told */
	if (!ret && s->ifq.cfg.nodev)
		ret = ifq_await_event(&s->ifq);
	err = ifq_disconnect(&s->ifq);
	ifq_close(&s->ifq);
	return ret ? ret : err;
}

FIXTURE(fault)
{
	struct subject subject;
};

FIXTURE_VARIANT(fault)
{
	const char *name;
	enum area_kind kind;
	bool nodev;
	const struct fault_step *const *steps;
};

FIXTURE_VARIANT_ADD(fault, nodev)
{
	.name = "receive-nodev",
	.kind = AREA_USER,
	.nodev = true,
	.steps = nodev_steps,
};

FIXTURE_VARIANT_ADD(fault, nodev_heap)
{
	.name = "receive-nodev-heap",
	.kind = AREA_HEAP,
	.nodev = true,
	.steps = nodev_heap_steps,
};

FIXTURE_VARIANT_ADD(fault, nic_user)
{
	.name = "receive-nic-user",
	.kind = AREA_USER,
	.steps = nic_steps,
};

FIXTURE_VARIANT_ADD(fault, nic_udmabuf)
{
	.name = "receive-nic-udmabuf",
	.kind = AREA_UDMABUF,
	.steps = nic_steps,
};

FIXTURE_SETUP(fault)
{
	struct ifq *ifq = &self->subject.ifq;

	ASSERT_EQ(0, fault_open());
	ifq->cfg = (struct zc_config) {
		.nodev = variant->nodev,
		.kind = variant->kind,
		.area_len = AREA_LEN,
		.kernel_rq = variant->nodev,
	};
	ifq->events = true;
}

FIXTURE_TEARDOWN(fault)
{
	fault_close();
}

TEST_F_TIMEOUT(fault, receive, TIMEOUT)
{
	const struct fault_scenario s = {
		.name = variant->name,
		.steps = variant->steps,
		.arg = &self->subject,
		.prepare = prepare,
		.call = call,
		.finish = finish,
	};

	EXPECT_LT(0, fault_walk(&s));
}

TEST_HARNESS_MAIN
