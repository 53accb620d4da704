// SPDX-License-Identifier: GPL-2.0
/*
 * Fault walk of IORING_REGISTER_ZCRX_IFQ: whatever fails, nothing is left and
 * the next registration receives. A stream is compared after every EVERY-th
 * fault; a clean registration follows each.
 */
#include <linux/capability.h>
#include <net/if.h>
#include <sys/resource.h>

#include "kselftest_harness.h"

#include "lib/caps.h"
#include "lib/meminfo.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "../debug/lib/fault.h"
#include "../debug/lib/ifq.h"
#include "../debug/lib/left.h"
#include "../debug/lib/steps.h"
#include "queue.h"

#define TIMEOUT		3600
#define AREA_LEN	(2 * 1024 * 1024)
#define HUGE_PAGES	4
#define EVERY		8

static const struct fault_step always[] = {
	{ "xa_store", { ENOMEM } },
	{ "zcrx_region_create", { ENOMEM } },
	{ "vmap", { ENOMEM } },
	{ "__io_account_mem", { ENOMEM } },
	{ }
};

static const struct fault_step ids[] = {
	{ "__xa_alloc", { EBUSY } },
	{ }
};

/* A page_pool has one, too, and begins anew when there are no higher ones. */
static const struct fault_step nic_ids[] = {
	{ "__xa_alloc", { EBUSY, FAULT_OPTIONAL } },
	{ }
};

static const struct fault_step pinned[] = {
	{ "pin_user_pages_fast", { EFAULT } },
	{ }
};

static const struct fault_step events[] = {
	{ "zcrx_events_init", { ENOMEM } },
	{ }
};

static const struct fault_step nic[] = {
	{ "netdev_get_by_index", { ENODEV } },
	{ "page_pool_check_memory_provider", { ENODATA } },
	{ }
};

static const struct fault_step *const nodev_user[] = {
	always, ids, pinned, memory_steps, NULL
};

static const struct fault_step *const nodev_events[] = {
	always, ids, pinned, events, memory_steps, NULL
};

static const struct fault_step *const nic_user[] = {
	always, nic_ids, pinned, nic, map_user_steps, niov_steps, restart_steps,
	pool_steps, memory_steps, NULL
};

static const struct fault_step *const nic_dmabuf[] = {
	always, nic_ids, nic, map_dmabuf_steps, niov_steps, restart_steps,
	pool_steps, memory_steps, NULL
};

static const struct fault_step *const nic_hugetlb[] = {
	always, nic_ids, pinned, events, nic, map_user_steps, niov_steps,
	restart_steps, pool_steps, some_memory_steps, NULL
};

static const struct fault_step *const nic_heap[] = {
	always, nic_ids, nic, map_dmabuf_steps, niov_steps, restart_steps,
	pool_steps, some_memory_steps, NULL
};

static int prepare(void *arg)
{
	return ifq_prepare(arg);
}

static int call(void *arg)
{
	return ifq_register(arg);
}

static int finish(void *arg, int result, unsigned int n)
{
	struct ifq *ifq = arg;
	int ret = 0;

	/* what failed has let go of all, before the ring ends */
	if (result && !ifq->cfg.nodev &&
	    queue_provider(if_nametoindex(WIRE_IF), WIRE_RXQ) != QUEUE_PAGES)
		ret = -EEXIST;
	if (result && meminfo_pinned_kib())
		ret = -EDQUOT;
	if (!ret && n % EVERY <= 1)
		ret = ifq_receive(ifq);
	else if (!ret && !ifq->registered)
		ret = ifq_register(ifq);
	if (!ret && meminfo_pinned_kib() != (long)ifq_pinned_kib(ifq))
		ret = -EDQUOT;
	ifq_close(ifq);
	return ret;
}

FIXTURE(fault)
{
	struct ifq ifq;
};

FIXTURE_VARIANT(fault)
{
	const char *name;
	enum area_kind kind;
	bool nodev;
	bool kernel_rq;
	bool events;
	const struct fault_step *const *steps;
};

FIXTURE_VARIANT_ADD(fault, nodev_user)
{
	.name = "register-nodev-user",
	.kind = AREA_USER,
	.nodev = true,
	.steps = nodev_user,
};

FIXTURE_VARIANT_ADD(fault, nodev_events)
{
	.name = "register-nodev-events",
	.kind = AREA_USER,
	.nodev = true,
	.kernel_rq = true,
	.events = true,
	.steps = nodev_events,
};

FIXTURE_VARIANT_ADD(fault, nic_user)
{
	.name = "register-nic-user",
	.kind = AREA_USER,
	.steps = nic_user,
};

FIXTURE_VARIANT_ADD(fault, nic_hugetlb)
{
	.name = "register-nic-hugetlb",
	.kind = AREA_HUGETLB,
	.kernel_rq = true,
	.events = true,
	.steps = nic_hugetlb,
};

FIXTURE_VARIANT_ADD(fault, nic_udmabuf)
{
	.name = "register-nic-udmabuf",
	.kind = AREA_UDMABUF,
	.steps = nic_dmabuf,
};

FIXTURE_VARIANT_ADD(fault, nic_heap)
{
	.name = "register-nic-heap",
	.kind = AREA_HEAP,
	.kernel_rq = true,
	.steps = nic_heap,
};

FIXTURE_SETUP(fault)
{
	struct rlimit limit;

	ASSERT_EQ(0, fault_open());
	ASSERT_EQ(0, meminfo_set_huge_pages(HUGE_PAGES));
	self->ifq.cfg = (struct zc_config) {
		.nodev = variant->nodev,
		.kind = variant->kind,
		.area_len = AREA_LEN,
		.kernel_rq = variant->kernel_rq,
	};
	self->ifq.events = variant->events;

	/* the user's limit is that of one: a page that stays is missed */
	limit.rlim_cur = ifq_pinned_kib(&self->ifq) * 1024;
	limit.rlim_max = limit.rlim_cur;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, caps_drop(CAP_IPC_LOCK));
}

FIXTURE_TEARDOWN(fault)
{
	fault_close();
	if (!variant->nodev)
		EXPECT_EQ(0, left_by_nic());
}

TEST_F_TIMEOUT(fault, register, TIMEOUT)
{
	const struct fault_scenario s = {
		.name = variant->name,
		.steps = variant->steps,
		.arg = &self->ifq,
		.prepare = prepare,
		.call = call,
		.finish = finish,
	};

	EXPECT_LT(0, fault_walk(&s));
}

TEST_HARNESS_MAIN
