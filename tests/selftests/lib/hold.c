// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>

#include "hold.h"

void hold_add(struct hold *hold, const struct zc *zc,
	      const struct io_uring_cqe *cqe)
{
	if (hold->nr == hold->cap) {
		hold->cap = hold->cap ? 2 * hold->cap : 1024;
		hold->rqe = realloc(hold->rqe,
				    hold->cap * sizeof(*hold->rqe));
		if (!hold->rqe) {
			perror("# list of kept buffers");
			abort();
		}
	}
	hold->rqe[hold->nr++] = zc_refill_entry(zc, cqe);
}

void hold_release(struct hold *hold, struct zc *zc)
{
	unsigned int i;

	for (i = 0; i < hold->nr; i++)
		zc_refill(zc, &hold->rqe[i]);
	zc_publish(zc);
	free(hold->rqe);
	*hold = (struct hold) { };
}
