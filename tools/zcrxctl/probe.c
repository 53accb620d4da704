// SPDX-License-Identifier: GPL-2.0
/* What only trying tells. */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include <linux/io_uring/query.h>
#include <linux/io_uring/zcrx_ext.h>

#include "../lib/queue.h"
#include "../lib/zc.h"
#include "nic.h"
#include "probe.h"

#define SMALL_AREA	(16 * 4096)
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

void probe_kernel(struct probe_kernel *kernel)
{
	struct io_uring_query_zcrx zcrx = {};
	struct io_uring_query_zcrx_ext ext = {};
	struct utsname uts = {};
	int ret;

	uname(&uts);
	memset(kernel, 0, sizeof(*kernel));
	ret = ask(IO_URING_QUERY_ZCRX, &zcrx, sizeof(zcrx));
	switch (ret) {
	case 0:
		kernel->query = true;
		kernel->zcrx = true;
		break;
	case -EOPNOTSUPP:
		/* nor does 6.18 know of this question: older than the answer */
		kernel->query = !strncmp(uts.release, "6.12.", 5);
		break;
	case -EINVAL:
		/* too old for the question; for zero-copy receive, perhaps not */
		break;
	default:
		kernel->error = ret;
	}
	if (kernel->zcrx &&
	    !ask(IO_URING_QUERY_ZCRX_EXT, &ext, sizeof(ext)))
		kernel->extensions = ext.features;
}

/*
 * The kernel looks for the queue API before it looks for the queue, and for that
 * before anything that would disturb one.
 */
int probe_queue_api(const struct nic *nic)
{
	const struct zc_config cfg = {
		.ifname = nic->name,
		.rxq = NO_SUCH_QUEUE,
		.cq_entries = 8,
		.kind = AREA_USER,
		.area_len = SMALL_AREA,
	};
	struct zc zc;
	int ret = zc_open(&zc, &cfg);

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
	const struct zc_config cfg = {
		.ifname = nic->name,
		.rxq = queue,
		.cq_entries = 8,
		.kind = AREA_USER,
		.area_len = BIND_AREA,
	};
	struct zc zc;
	int ret = zc_open(&zc, &cfg);

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
