/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_EVERYWHERE_H
#define TESTS_EVERYWHERE_H

#include "wire.h"

/*
 * What gets filled first where both are there: buffers that were given back, or
 * those that never were used.
 */
enum takes_first {
	TAKES_RETURNED,		/* by the NIC */
	TAKES_UNUSED,		/* by copies */
};

/*
 * Receives all of the stream, and in such a way that each buffer that can be
 * filled is: *filled says how many were. The stream should be several times
 * the area. Arms the request itself, and limits the socket's receive buffer.
 *
 * Returns the result of the request, or -errno.
 */
int receive_everywhere(struct receiver *rx, enum takes_first first,
		       unsigned int *filled);

#endif /* TESTS_EVERYWHERE_H */
