// SPDX-License-Identifier: GPL-2.0
/* Socket devmem into a udmabuf. */
#include <errno.h>
#include <net/if.h>
#include <unistd.h>

#include "devmem.h"
#include "lib/netdev.h"
#include "method.h"
#include "queue.h"

#define PATIENCE_MS	20000

static struct area area;
static struct devmem dm;
static int binding;

static int take(void *arg, const void *data, size_t len)
{
	return bench_take(arg, data, len);
}

static int setup(struct bench *b)
{
	unsigned int ifindex = if_nametoindex(bench_if);
	int ret;

	dm = (struct devmem) {
		.area = &area,
		.take = take,
		.arg = b,
	};
	b->failed = "wait for the queue";
	ret = queue_wait_free(ifindex, bench_rxq, PATIENCE_MS);
	if (ret)
		return ret;
	ret = area_open(&area, AREA_UDMABUF, b->area_len, &b->failed);
	if (ret)
		return ret;
	b->failed = "binding of the dma-buf";
	binding = netdev_bind_rx(ifindex, bench_rxq, area.dmabuf_fd,
				 &dm.dmabuf_id);
	if (binding < 0) {
		area_close(&area);
		return binding;
	}
	return 0;
}

static int receive(struct bench *b, uint64_t until)
{
	dm.sock = b->sock;
	while (b->n.bytes < until) {
		ssize_t len = devmem_receive(&dm);

		if (len <= 0)
			return len ? len : -EPIPE;
	}
	return 0;
}

static void count(struct bench *b)
{
	b->n.copied = dm.linear;
	b->n.syscalls = dm.syscalls;
	b->n.returned = dm.returned;
	b->n.publishes = dm.publishes;
}

static void teardown(struct bench *b)
{
	(void)b;
	close(binding);
	area_close(&area);
}

const struct bench_method method_devmem = {
	.name = "socket devmem, udmabuf",
	.setup = setup,
	.receive = receive,
	.count = count,
	.teardown = teardown,
};
