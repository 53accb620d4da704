// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "devmem_rx.h"
#include "wire.h"

int devmem_rx_check(const struct stream *stream, __u64 *bytes,
		    const void *data, size_t len)
{
	size_t bad;

	if (!stream_check(stream, *bytes, data, len, &bad)) {
		fprintf(stderr, "# devmem: wrong byte at %llu of the stream\n",
			(unsigned long long)(*bytes + bad));
		return -EILSEQ;
	}
	*bytes += len;
	return 0;
}

/* For devmem_receive(). */
static int take(void *arg, const void *data, size_t len)
{
	struct devmem_rx *rx = arg;

	return devmem_rx_check(rx->stream, &rx->bytes, data, len);
}

void devmem_rx_init(struct devmem_rx *rx, int sock, const struct area *area,
		    const struct stream *stream)
{
	rx->dm.sock = sock;
	rx->dm.area = area;
	rx->dm.take = take;
	rx->dm.arg = rx;
	rx->stream = stream;
}

int devmem_rx_all(struct devmem_rx *rx)
{
	ssize_t ret;

	do {
		struct pollfd pfd = { .fd = rx->dm.sock, .events = POLLIN };

		if (poll(&pfd, 1, WIRE_PATIENCE_MS) != 1)
			return -ETIMEDOUT;
		ret = devmem_receive(&rx->dm);
	} while (ret > 0);
	return ret;
}
