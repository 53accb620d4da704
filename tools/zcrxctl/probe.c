// SPDX-License-Identifier: GPL-2.0
/* What only trying tells. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <linux/io_uring/query.h>
#include <linux/io_uring/zcrx_ext.h>

#include "../lib/queue.h"
#include "../lib/zc.h"
#include "nic.h"
#include "probe.h"

#define SMALL_AREA	(16 * 4096)
#define SMALL_CQ	8
#define BIND_AREA	(1024 * 4096)
/* More than any NIC has, and not -1, which is no queue at all. */
#define NO_SUCH_QUEUE	(UINT32_MAX - 1)
#define FREE_MS		5000

static int ask(uint32_t op, void *answer, uint32_t size)
{
	struct io_uring_query_hdr hdr = {
		.query_data = (uintptr_t)answer,
		.query_op = op,
		.size = size,
	};
	int ret = io_uring_register_query(&hdr);

	return ret ? ret : hdr.result;
}

/* Upstream had zero-copy receive four releases before it could be asked for it. */
static bool is_before_the_question(void)
{
	unsigned int major, minor;
	struct utsname uts;

	return !uname(&uts) &&
	       sscanf(uts.release, "%u.%u", &major, &minor) == 2 &&
	       major == 6 && minor >= 15 && minor <= 18;
}

void probe_kernel(struct probe_kernel *kernel)
{
	struct io_uring_query_zcrx zcrx = {};
	struct io_uring_query_zcrx_ext ext = {};
	struct io_uring ring;
	int ret;

	memset(kernel, 0, sizeof(*kernel));
	ret = ask(IO_URING_QUERY_ZCRX, &zcrx, sizeof(zcrx));
	switch (ret) {
	case 0:
		kernel->zcrx = true;
		break;
	case -EOPNOTSUPP:
	case -EINVAL:
		kernel->untold = is_before_the_question();
		break;
	default:
		kernel->error = ret;
	}
	if (kernel->zcrx &&
	    !ask(IO_URING_QUERY_ZCRX_EXT, &ext, sizeof(ext)))
		kernel->extensions = ext.features;
	if (kernel->error)
		return;
	/* a question needs no ring, which may be forbidden */
	ret = zc_ring_open(&ring, SMALL_CQ);
	if (ret)
		kernel->error = ret;
	else
		io_uring_queue_exit(&ring);
}

/* The interface's queue for a ring with an area of so many bytes, or -errno. */
static int bind_queue(struct zc *zc, const struct nic *nic, uint32_t queue,
		      size_t area_len)
{
	const struct zc_config cfg = {
		.ifname = nic->name,
		.rxq = queue,
		.cq_entries = SMALL_CQ,
		.kind = AREA_USER,
		.area_len = area_len,
	};

	return zc_open(zc, &cfg);
}

/*
 * The kernel looks for the queue API before it looks for the queue, and for that
 * before anything that would disturb one.
 */
int probe_queue_api(const struct nic *nic)
{
	struct zc zc;
	int ret = bind_queue(&zc, nic, NO_SUCH_QUEUE, SMALL_AREA);

	if (!ret) {
		zc_close(&zc);
		return -EPROTO;
	}
	if (ret == -ERANGE)
		return 1;
	return ret == -EOPNOTSUPP ? 0 : ret;
}

int probe_bind(const struct nic *nic, uint32_t queue, const char **advice)
{
	struct zc zc;
	int ret = bind_queue(&zc, nic, queue, BIND_AREA);

	if (ret) {
		*advice = zc_advice(&zc, ret);
		return ret;
	}
	zc_close(&zc);
	ret = queue_wait_free(nic->index, queue, FREE_MS);
	if (ret)
		*advice = "the queue was bound, and is not given back; the kernel log may say why";
	return ret;
}
