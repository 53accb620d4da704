/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_HOLD_H
#define TESTS_HOLD_H

#include "zc.h"

/* Buffers that a receiver keeps. Zeroed, it is empty. */
struct hold {
	struct io_uring_zcrx_rqe *rqe;
	unsigned int nr, cap;
};

void hold_add(struct hold *hold, const struct zc *zc,
	      const struct io_uring_cqe *cqe);

/* Gives all of them back, and tells the kernel. */
void hold_release(struct hold *hold, struct zc *zc);

#endif /* TESTS_HOLD_H */
