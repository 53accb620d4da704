// SPDX-License-Identifier: GPL-2.0
#include <errno.h>

#include "held.h"

int held_take(struct receiver *rx, struct held *held, unsigned int nr)
{
	unsigned int i;
	size_t bad;

	for (i = 0; i < nr; i++) {
		const void *data;
		int ret = recv_next(rx->zc, &held[i].cqe, WIRE_PATIENCE_MS);

		if (ret)
			return ret;
		data = zc_data(rx->zc, &held[i].cqe.cqe);
		if (!data)
			return -EPROTO;
		if (!stream_check(rx->stream, rx->bytes, data,
				  held[i].cqe.cqe.res, &bad))
			return -EILSEQ;
		held[i].off = rx->bytes;
		rx->bytes += held[i].cqe.cqe.res;
	}
	return 0;
}

bool held_as_it_was(const struct receiver *rx, const struct held *held,
		    unsigned int nr)
{
	unsigned int i;
	size_t bad;

	for (i = 0; i < nr; i++)
		if (!stream_check(rx->stream, held[i].off,
				  zc_data(rx->zc, &held[i].cqe.cqe),
				  held[i].cqe.cqe.res, &bad))
			return false;
	return true;
}

void held_give_back(struct zc *zc, const struct held *held, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		zc_recycle(zc, &held[i].cqe.cqe);
	zc_publish(zc);
}
