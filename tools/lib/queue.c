// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/netdev.h>
#include <time.h>

#include "genl.h"
#include "queue.h"

static int get_provider(const struct nlmsghdr *nlh, void *arg)
{
	enum queue_provider *provider = arg;

	if (genl_attr(nlh, NETDEV_A_QUEUE_IO_URING))
		*provider = QUEUE_IO_URING;
	else if (genl_attr(nlh, NETDEV_A_QUEUE_DMABUF))
		*provider = QUEUE_DMABUF;
	else
		*provider = QUEUE_PAGES;
	return 0;
}

int queue_provider(uint32_t ifindex, uint32_t rxq)
{
	const struct genl_u32 which[] = {
		{ NETDEV_A_QUEUE_IFINDEX, ifindex },
		{ NETDEV_A_QUEUE_TYPE, NETDEV_QUEUE_TYPE_RX },
		{ NETDEV_A_QUEUE_ID, rxq },
		{ }
	};
	enum queue_provider provider = QUEUE_PAGES;
	int ret;

	ret = genl_get(NETDEV_FAMILY_NAME, NETDEV_CMD_QUEUE_GET, 0, which,
		       get_provider, &provider);
	return ret ? ret : (int)provider;
}

int queue_wait_free(uint32_t ifindex, uint32_t rxq, unsigned int timeout_ms)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	unsigned int waited;
	int ret;

	for (waited = 0; waited <= timeout_ms; waited += 10) {
		ret = queue_provider(ifindex, rxq);
		if (ret < 0)
			return ret;
		if (ret == QUEUE_PAGES)
			return 0;
		nanosleep(&ms10, NULL);
	}
	return -ETIMEDOUT;
}
