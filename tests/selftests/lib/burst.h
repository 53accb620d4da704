/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_BURST_H
#define TESTS_BURST_H

#include <linux/types.h>
#include <sys/types.h>

#include "stream.h"

/*
 * What it costs to receive a burst of segments, where the clock counts
 * instructions (tests/vm/run --icount: a nanosecond is one).
 *
 * The sender runs on the same processor, so its work must not count. The
 * interface's NAPI gets a thread, and the clocks of this thread and of the
 * reader count no interrupts and no softirqs, where the sender's
 * acknowledgments are handled. Sender and reader take turns, so that each
 * burst meets the same conditions: it comes in one piece, and the reader
 * sleeps.
 */
#define BURST_CONNECTIONS_MAX	1024

/* Connections from the peer, which sends a burst on one when it is asked to. */
struct bursts {
	const struct stream *stream;	/* the same on each */
	size_t len;			/* of a burst */
	unsigned int nr;
	int sock[BURST_CONNECTIONS_MAX];
	pid_t peer;
};

/*
 * As many bytes as TCP gives the NIC in one piece at that MTU, and no part of a
 * segment.
 */
size_t burst_len(int mtu);

/* The MTU of both ends, as burst_len() wants it. Returns 0 or -errno. */
int burst_set_mtu(int mtu);

/* Threads for the NAPIs of the interface. Returns 0 or -errno. */
int burst_clock_open(const char *ifname);

/* Takes over stream, len and nr. Returns 0 or -errno. */
int bursts_open(struct bursts *b);

/* Returns what peer_wait() does. */
int bursts_close(struct bursts *b);

struct burst_clock {
	long long napi, reader;
	long long spent;
};

/*
 * Asks for the next burst of a connection and sets the clock going. Returns 0
 * or -errno.
 */
int burst_ask(const struct bursts *b, unsigned int conn, struct burst_clock *c);

/* What the reader does between these two does not count. */
void burst_pause(struct burst_clock *c);
void burst_go_on(struct burst_clock *c);

/* Instructions, of the NAPI threads and of the caller. */
long long burst_end(struct burst_clock *c);

/*
 * The mean of the middle four fifths: a timer disturbs one in many, and half of
 * the others cost a few percent more than the other half, as wake-ups meet
 * them, so that a median jumps. Sorts them.
 */
long long burst_mean(long long *cost, size_t nr);

#endif /* TESTS_BURST_H */
