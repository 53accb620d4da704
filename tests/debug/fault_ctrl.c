// SPDX-License-Identifier: GPL-2.0
/*
 * Fault walk of what is asked of an ifq once it is there, and of the mapping of
 * its refill ring: what fails has changed nothing. The ifq has a NIC only where
 * it matters: an area that is added is mapped for it.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/io_uring/zcrx_ext.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/caps.h"
#include "lib/flow.h"
#include "lib/query.h"
#include "../debug/lib/fault.h"
#include "../debug/lib/ifq.h"
#include "../debug/lib/left.h"
#include "../debug/lib/steps.h"
#include "queue.h"

#define TIMEOUT		1200
#define AREA_LEN	(2 * 1024 * 1024)
#define MORE_LEN	(1024 * 1024)
#define PAGE		4096
#define NOTICE		0x90e
/* A stream is compared each so many faults. */
#define EVERY		4

struct subject {
	struct ifq ifq;
	struct area more;
	struct zc_queue further;
	struct zcrx_ctrl ctrl;
	struct io_uring importer;
	struct io_uring_zcrx_ifq_reg reg;
	int fd;
	void *map;
};

static struct subject subject;

static int open_all(void *arg)
{
	struct subject *s = arg;
	int ret;

	s->fd = -1;
	s->map = MAP_FAILED;
	ret = ifq_prepare(&s->ifq);
	if (!ret)
		ret = ifq_register(&s->ifq);
	s->ctrl = (struct zcrx_ctrl) {
		.zcrx_id = s->ifq.zc.reg.ifq.zcrx_id,
	};
	return ret;
}

/* All of it again, without a fault, if it failed; and the ifq still receives */
static int close_all(struct subject *s, int (*call)(void *arg), int result,
		     unsigned int n)
{
	int ret = 0;

	if (result)
		ret = call(s);
	if (!ret && n % EVERY <= 1)
		ret = ifq_receive(&s->ifq);
	if (s->fd >= 0)
		close(s->fd);
	if (s->map != MAP_FAILED)
		munmap(s->map, s->ifq.zc.region_len);
	ifq_close(&s->ifq);
	return ret;
}

static int do_export(void *arg)
{
	struct subject *s = arg;
	int ret;

	s->ctrl.op = ZCRX_CTRL_EXPORT;
	s->ctrl.zc_export.zcrx_fd = 0;
	ret = zc_ctrl(&s->ifq.zc, &s->ctrl);
	if (!ret)
		s->fd = s->ctrl.zc_export.zcrx_fd;
	return ret;
}

static int end_export(void *arg, int result, unsigned int n)
{
	return close_all(arg, do_export, result, n);
}

static int begin_import(void *arg)
{
	struct subject *s = arg;
	int ret = open_all(s);

	if (!ret)
		ret = do_export(s);
	if (!ret)
		ret = zc_ring_open(&s->importer, 64);
	return ret;
}

static int do_import(void *arg)
{
	struct subject *s = arg;

	s->reg = (struct io_uring_zcrx_ifq_reg) {
		.flags = ZCRX_REG_IMPORT,
		.if_idx = s->fd,
	};
	return io_uring_register_ifq(&s->importer, &s->reg);
}

static int end_import(void *arg, int result, unsigned int n)
{
	struct subject *s = arg;
	int ret = close_all(s, do_import, result, n);

	io_uring_queue_exit(&s->importer);
	return ret;
}

static int begin_add_area(void *arg)
{
	struct subject *s = arg;
	const char *failed;
	int ret = open_all(s);

	if (!ret)
		ret = area_open(&s->more, s->ifq.cfg.kind, MORE_LEN, &failed);
	/* see ifq_prepare() */
	if (!ret && s->more.dmabuf_fd < 0)
		memset(s->more.base, 0, MORE_LEN);
	return ret;
}

static int do_add_area(void *arg)
{
	struct subject *s = arg;

	return zc_add_area(&s->ifq.zc, &s->more, NULL);
}

/* By count: the buffers of an area that failed are not there. */
static int end_add_area(void *arg, int result, unsigned int n)
{
	struct subject *s = arg;
	long nr = AREA_LEN / PAGE;

	if (!result)
		nr += MORE_LEN / PAGE;
	if (zc_fdinfo(&s->ifq.zc, "buffers") == nr)
		return close_all(s, do_add_area, result, n);
	fprintf(stderr, "# not %ld buffers\n", nr);
	ifq_close(&s->ifq);
	return -EUCLEAN;
}

/*
 * What leaves
 */

/* That it has gone is all that there is to say on the ring. */
static int await_notice(struct subject *s)
{
	struct __kernel_timespec patience = {
		.tv_sec = WIRE_PATIENCE_MS / 1000,
	};
	struct io_uring *ring = &s->ifq.zc.ring;
	struct io_uring_cqe *cqe;
	int ret = io_uring_wait_cqe_timeout(ring, &cqe, &patience);

	if (ret)
		return ret;
	if (cqe->user_data != NOTICE || cqe->res || cqe->flags)
		ret = -EPROTO;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

static bool has_notice(const struct subject *s)
{
	return io_uring_cq_ready(&s->ifq.zc.ring);
}

static int begin_remove_area(void *arg)
{
	struct subject *s = arg;
	int ret = begin_add_area(s);

	return ret ? ret : do_add_area(s);
}

static int do_remove_area(void *arg)
{
	struct subject *s = arg;

	return zc_remove_area(&s->ifq.zc, 0, NOTICE);
}

/* One that could not be removed is as good as before. */
static int end_remove_area(void *arg, int result, unsigned int n)
{
	long nr = (AREA_LEN + MORE_LEN) / PAGE;
	struct subject *s = arg;
	struct zc *zc = &s->ifq.zc;
	int ret = 0;

	if (result && (zc_fdinfo(zc, "buffers") != nr || has_notice(s)))
		ret = -EUCLEAN;
	if (!ret && result)
		ret = do_remove_area(s);
	if (!ret)
		ret = await_notice(s);
	if (!ret && zc_fdinfo(zc, "buffers") != MORE_LEN / PAGE)
		ret = -EUCLEAN;
	if (ret) {
		fprintf(stderr, "# an area that leaves: %d\n", ret);
		ifq_close(&s->ifq);
		return ret;
	}
	return close_all(s, NULL, 0, n);
}

static int do_unregister(void *arg)
{
	struct subject *s = arg;

	return zc_unregister(&s->ifq.zc, NOTICE);
}

static int end_unregister(void *arg, int result, unsigned int n)
{
	struct subject *s = arg;
	int ret = 0;

	if (result && has_notice(s))
		ret = -EUCLEAN;
	if (!ret && result && n % EVERY <= 1)
		ret = ifq_receive(&s->ifq);
	if (!ret && result)
		ret = do_unregister(s);
	if (!ret)
		ret = await_notice(s);
	if (ret)
		fprintf(stderr, "# an ifq that leaves: %d\n", ret);
	ifq_close(&s->ifq);
	return ret;
}

static int do_bind(void *arg)
{
	struct subject *s = arg;

	return zc_bind_queue(&s->ifq.zc, &s->further, FLOW_FURTHER_RXQ, true);
}

static int do_unbind(void *arg)
{
	struct subject *s = arg;

	return zc_unbind_queue(&s->ifq.zc, &s->further);
}

static int begin_unbind(void *arg)
{
	int ret = open_all(arg);

	return ret ? ret : do_bind(arg);
}

static bool further_is_bound(void)
{
	return queue_provider(if_nametoindex(WIRE_IF), FLOW_FURTHER_RXQ) ==
	       QUEUE_IO_URING;
}

/* A mapping of the ring would keep that. */
static int end_queue(struct subject *s, int ret, unsigned int n)
{
	if (ret)
		fprintf(stderr, "# a further queue: %d\n", ret);
	if (!ret && n % EVERY <= 1)
		ret = ifq_receive(&s->ifq);
	zc_queue_forget(&s->further);
	ifq_close(&s->ifq);
	return ret;
}

static int end_bind(void *arg, int result, unsigned int n)
{
	int ret = 0;

	if (further_is_bound() == !!result)
		ret = -EUCLEAN;
	if (!ret && result)
		ret = do_bind(arg);
	return end_queue(arg, ret, n);
}

static int end_unbind(void *arg, int result, unsigned int n)
{
	int ret = 0;

	if (further_is_bound() != !!result)
		ret = -EUCLEAN;
	if (!ret && result)
		ret = do_unbind(arg);
	return end_queue(arg, ret, n);
}

static int do_flush(void *arg)
{
	struct subject *s = arg;

	s->ctrl.op = ZCRX_CTRL_FLUSH_RQ;
	return zc_ctrl(&s->ifq.zc, &s->ctrl);
}

static int end_flush(void *arg, int result, unsigned int n)
{
	return close_all(arg, do_flush, result, n);
}

/* An event that came, and is not armed since. */
static int await_event(struct subject *s)
{
	int ret = ifq_receive(&s->ifq);

	return ret ? ret : ifq_await_event(&s->ifq);
}

static int begin_arm(void *arg)
{
	struct subject *s = arg;
	int ret;

	s->ifq.events = true;
	ret = open_all(s);
	return ret ? ret : await_event(s);
}

static int do_arm(void *arg)
{
	struct subject *s = arg;

	s->ctrl.op = ZCRX_CTRL_ARM_EVENT;
	s->ctrl.zc_arm_event.event_type = ZCRX_EVENT_COPY;
	return zc_ctrl(&s->ifq.zc, &s->ctrl);
}

/* What failed has not armed it, and what succeeded has: there is one more. */
static int end_arm(void *arg, int result, unsigned int n)
{
	struct subject *s = arg;
	int ret;

	(void)n;
	if (result)
		result = do_arm(s);
	ret = result ? result : await_event(s);
	ifq_close(&s->ifq);
	return ret;
}

static int do_subscribe(void *arg)
{
	const struct subject *s = arg;
	struct zcrx_ext_ctrl ctrl = {
		.op = ZCRX_CTRL_SUBSCRIBE,
		.zc_subscribe = {
			.user_data = IFQ_EVENT,
			.type_mask = 1U << ZCRX_EVENT_COPY,
		},
	};

	return zc_ext_ctrl(&s->ifq.zc, &ctrl);
}

/* What failed has no subscriber, and what succeeded has one, which is told. */
static int end_subscribe(void *arg, int result, unsigned int n)
{
	struct subject *s = arg;
	int ret = 0;

	(void)n;
	if (result) {
		ret = ifq_receive(&s->ifq);
		if (!ret && s->ifq.nr_events)
			ret = -EUCLEAN;
		if (!ret)
			ret = do_subscribe(s);
	}
	if (!ret)
		ret = await_event(s);
	ifq_close(&s->ifq);
	return ret;
}

static int do_query(void *arg)
{
	union answer a[NR_OPS];

	(void)arg;
	return ask_all(a);
}

static int end_query(void *arg, int result, unsigned int n)
{
	return close_all(arg, do_query, result, n);
}

static int do_mmap(void *arg)
{
	struct subject *s = arg;

	s->map = mmap(NULL, s->ifq.zc.region_len, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, s->ifq.zc.ring.ring_fd,
		      s->ifq.zc.reg.region.mmap_offset);
	return s->map == MAP_FAILED ? -errno : 0;
}

static int end_mmap(void *arg, int result, unsigned int n)
{
	return close_all(arg, do_mmap, result, n);
}

static const struct fault_step export_steps[] = {
	{ "get_unused_fd_flags", { EMFILE } },
	{ "anon_inode_getfile", { ENFILE } },
	{ FAULT_MEMORY, { ENOMEM, EFAULT, ENFILE, FAULT_OPTIONAL } },
	{ }
};

static const struct fault_step import_steps[] = {
	{ "__xa_alloc", { EBUSY } },
	{ "xa_store", { ENOMEM } },
	{ }
};

static const struct fault_step area_steps[] = {
	{ "pin_user_pages_fast", { EFAULT } },
	{ "__io_account_mem", { ENOMEM } },
	{ }
};

static const struct fault_step mmap_steps[] = {
	{ "vm_insert_pages", { ENOMEM } },
	{ }
};

static const struct fault_step *const export_walk[] = { export_steps, NULL };
static const struct fault_step *const import_walk[] = {
	import_steps, memory_steps, NULL
};

static const struct fault_step *const area_walk[] = {
	area_steps, memory_steps, NULL
};

static const struct fault_step *const area_nic_walk[] = {
	area_steps, map_user_steps, niov_steps, memory_steps, NULL
};

static const struct fault_step *const area_dmabuf_walk[] = {
	map_dmabuf_steps, niov_steps, some_memory_steps, NULL
};

static const struct fault_step *const remove_walk[] = {
	restart_steps, pool_steps, some_memory_steps, NULL
};

/* A queue has a refill ring of its own, which the kernel allocates here. */
static const struct fault_step bind_steps[] = {
	{ "zcrx_region_create", { ENOMEM } },
	{ "vmap", { ENOMEM } },
	{ "__io_account_mem", { ENOMEM } },
	{ "netdev_get_by_index", { ENODEV } },
	{ "page_pool_check_memory_provider", { ENODATA } },
	{ }
};

/* It begins anew with pages, for which igb has no page_pool. */
static const struct fault_step *const unbind_walk[] = {
	restart_steps, some_memory_steps, NULL
};

static const struct fault_step *const bind_walk[] = {
	bind_steps, memory_steps, restart_steps, pool_steps, NULL
};

static const struct fault_step *const copy_walk[] = { memory_steps, NULL };
static const struct fault_step *const mmap_walk[] = {
	mmap_steps, memory_steps, NULL
};

FIXTURE(fault)
{
};

FIXTURE_VARIANT(fault)
{
	struct fault_scenario s;
	bool nic;
	enum area_kind kind;
	bool queue;
};

FIXTURE_VARIANT_ADD(fault, export)
{
	.s = { "export", export_walk, &subject,
	       open_all, do_export, end_export },
};

FIXTURE_VARIANT_ADD(fault, import)
{
	.s = { "import", import_walk, &subject,
	       begin_import, do_import, end_import },
};

FIXTURE_VARIANT_ADD(fault, add_area)
{
	.s = { "add-area", area_walk, &subject,
	       begin_add_area, do_add_area, end_add_area },
};

FIXTURE_VARIANT_ADD(fault, add_area_nic)
{
	.s = { "add-area-nic", area_nic_walk, &subject,
	       begin_add_area, do_add_area, end_add_area },
	.nic = true,
};

FIXTURE_VARIANT_ADD(fault, add_area_udmabuf)
{
	.s = { "add-area-udmabuf", area_dmabuf_walk, &subject,
	       begin_add_area, do_add_area, end_add_area },
	.nic = true,
	.kind = AREA_UDMABUF,
};

FIXTURE_VARIANT_ADD(fault, remove_area)
{
	.s = { "remove-area", copy_walk, &subject,
	       begin_remove_area, do_remove_area, end_remove_area },
};

FIXTURE_VARIANT_ADD(fault, remove_area_nic)
{
	.s = { "remove-area-nic", remove_walk, &subject,
	       begin_remove_area, do_remove_area, end_remove_area },
	.nic = true,
};

FIXTURE_VARIANT_ADD(fault, unregister)
{
	.s = { "unregister", copy_walk, &subject,
	       open_all, do_unregister, end_unregister },
};

FIXTURE_VARIANT_ADD(fault, bind_queue)
{
	.s = { "bind-queue", bind_walk, &subject,
	       open_all, do_bind, end_bind },
	.nic = true,
	.queue = true,
};

FIXTURE_VARIANT_ADD(fault, unbind_queue)
{
	.s = { "unbind-queue", unbind_walk, &subject,
	       begin_unbind, do_unbind, end_unbind },
	.nic = true,
	.queue = true,
};

FIXTURE_VARIANT_ADD(fault, flush)
{
	.s = { "flush", copy_walk, &subject,
	       open_all, do_flush, end_flush },
};

FIXTURE_VARIANT_ADD(fault, arm_event)
{
	.s = { "arm-event", copy_walk, &subject,
	       begin_arm, do_arm, end_arm },
};

FIXTURE_VARIANT_ADD(fault, subscribe)
{
	.s = { "subscribe", copy_walk, &subject,
	       open_all, do_subscribe, end_subscribe },
};

FIXTURE_VARIANT_ADD(fault, query)
{
	.s = { "query", copy_walk, &subject,
	       open_all, do_query, end_query },
};

FIXTURE_VARIANT_ADD(fault, mmap)
{
	.s = { "mmap", mmap_walk, &subject,
	       open_all, do_mmap, end_mmap },
};

FIXTURE_SETUP(fault)
{
	struct rlimit limit = { .rlim_cur = 0 };

	if (variant->queue)
		ASSERT_EQ(0, flow_widen());
	ASSERT_EQ(0, fault_open());
	subject.ifq.cfg = (struct zc_config) {
		.nodev = !variant->nic,
		.kind = variant->kind,
		/* more than the descriptors of all queues */
		.area_len = variant->queue ? 2 * AREA_LEN : AREA_LEN,
		.kernel_rq = true,
	};
	/* the user's limit is that of one ifq, with both areas */
	limit.rlim_cur = ifq_pinned_kib(&subject.ifq) * 1024;
	if (variant->kind == AREA_USER)
		limit.rlim_cur += MORE_LEN;
	if (variant->queue)
		limit.rlim_cur += zc_region_len(2 * subject.ifq.cfg.area_len / PAGE);
	limit.rlim_max = limit.rlim_cur;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, caps_drop(CAP_IPC_LOCK));
}

FIXTURE_TEARDOWN(fault)
{
	fault_close();
	if (variant->nic)
		EXPECT_EQ(0, left_by_nic());
}

TEST_F_TIMEOUT(fault, ctrl, TIMEOUT)
{
	EXPECT_LT(0, fault_walk(&variant->s));
}

TEST_HARNESS_MAIN
