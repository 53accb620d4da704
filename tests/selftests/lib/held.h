/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_HELD_H
#define TESTS_HELD_H

#include <linux/types.h>
#include <stdbool.h>

#include "recv.h"
#include "wire.h"

/* Payload that a test holds, with its place in the stream. */
struct held {
	union recv_cqe cqe;
	__u64 off;
};

/* Takes so many completions and gives nothing back. Returns 0 or -errno. */
int held_take(struct receiver *rx, struct held *held, unsigned int nr);

/* Is all of it what it was? */
bool held_as_it_was(const struct receiver *rx, const struct held *held,
		    unsigned int nr);

void held_give_back(struct zc *zc, const struct held *held, unsigned int nr);

#endif /* TESTS_HELD_H */
