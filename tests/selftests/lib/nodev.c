// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "nodev.h"
#include "senders.h"

int nodev_open(struct nodev *nd, const struct zc_config *cfg,
	       enum nodev_path path, const struct stream *stream, __u64 len,
	       bool may_break)
{
	struct zc_config nodev = *cfg;
	int ret;

	nodev.nodev = true;
	ret = zc_open(&nd->zc, &nodev);
	if (ret) {
		fprintf(stderr, "# %s failed: %d\n", nd->zc.failed, ret);
		return ret;
	}
	if (path == OVER_NIC)
		ret = wire_open(&nd->wire, WIRE_V4, stream, len, may_break);
	else
		ret = wire_open_with(&nd->wire, LOOPBACK_V4, stream, len,
				     may_break, send_over_loopback);
	if (ret) {
		fprintf(stderr, "# no connection: %d\n", ret);
		zc_close(&nd->zc);
		return ret;
	}
	nd->hold = (struct hold) { };
	nd->rx = (struct receiver) {
		.zc = &nd->zc,
		.sock = nd->wire.sock,
		.stream = stream,
		.hold = &nd->hold,
	};
	return 0;
}

int nodev_close(struct nodev *nd)
{
	zc_close(&nd->zc);
	return wire_close(&nd->wire);
}

int nodev_exhaust(struct nodev *nd)
{
	nd->rx.keep = true;
	return receive_all(&nd->rx);
}

/* A request that ended for want of buffers is followed by another. */
static int go_on(struct receiver *rx, __u64 *armed_at)
{
	if (!rx->ended || rx->result != -ENOMEM)
		return 0;
	/* it got nothing at all, though all was given back */
	if (rx->bytes == *armed_at)
		return 0;
	rx->ended = false;
	*armed_at = rx->bytes;
	return zc_recv(rx->zc, rx->sock, 0, rx->id);
}

int nodev_finish(struct nodev *nd)
{
	struct receiver *rx = &nd->rx;
	__u64 armed_at = rx->bytes;
	int ret;

	rx->keep = false;
	rx->ended = false;
	hold_release(&nd->hold, &nd->zc);
	ret = zc_flush(&nd->zc);
	if (!ret)
		ret = zc_recv(rx->zc, rx->sock, 0, rx->id);
	while (!ret && !rx->ended) {
		ret = receive_round(rx, 1, WIRE_PATIENCE_MS);
		if (!ret)
			ret = zc_flush(&nd->zc);
		if (!ret)
			ret = go_on(rx, &armed_at);
	}
	return ret ? ret : rx->result;
}
