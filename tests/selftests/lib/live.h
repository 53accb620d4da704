/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_LIVE_H
#define TESTS_LIVE_H

#include "wire.h"

/*
 * A stream that comes in for as long as a test likes, so that what the test
 * does to the NIC happens in the middle of it. Each byte is compared.
 */
struct live {
	struct zc zc;
	struct wire wire;
	struct receiver rx;
	__u64 *sent;		/* by the peer, in all; it writes this */

	/*
	 * Payload in the kernel's memory and no way to copy it: how often a
	 * request ended so, and what recv() read of it instead.
	 */
	unsigned int nomem;
	__u64 by_recv;
};

#define LIVE_AREA	(8 * 1024 * 1024)

/* Binds WIRE_RXQ, connects, and receives a while. Returns 0 or -errno. */
int live_open(struct live *live, enum area_kind kind, const char *addr);

/*
 * Receives at least that many bytes more. A request that ends with -ENOMEM is
 * no error: recv() takes what is readable, and a new request what follows.
 */
int live_receive(struct live *live, __u64 bytes);

/*
 * Receives while a command of the shell runs. Returns its exit status, or
 * -errno if receiving failed. That nothing comes meanwhile is no failure: what
 * follows has to see that the stream goes on.
 */
int live_run(struct live *live, const char *cmd);

/*
 * Tells the peer to end the stream and receives what is left. Returns 0 if not
 * a byte is missing. The ring is still open then.
 */
int live_end(struct live *live);

/* Runs a command of the shell. Returns its exit status, or -errno. */
int run(const char *cmd);

#endif /* TESTS_LIVE_H */
