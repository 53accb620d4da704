/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_RAWTCP_H
#define TESTS_RAWTCP_H

#include "peer.h"
#include "rawframe.h"

/*
 * The third machine's TCP, just good enough to send a stream: each segment
 * looks as the next of shapes says, which has its length in len. Before each
 * goes out an evil twin, in place of the same bytes, with wrong ones: it looks
 * as the next of twins says, and must never be taken for the segment.
 */
struct rawtcp_looks {
	const struct rawframe *shapes, *twins;
	unsigned int nr_shapes, nr_twins;
	bool v6;
};

/*
 * For a sender of wire_open_with(). Ends the stream and waits until the
 * receiver has ended it, too. Returns 0 or 1, and says what failed.
 */
int rawtcp_send_stream(const struct peer_send *job,
		       const struct rawtcp_looks *looks);

#endif /* TESTS_RAWTCP_H */
