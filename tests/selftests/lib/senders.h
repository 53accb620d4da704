/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_SENDERS_H
#define TESTS_SENDERS_H

#include <stdbool.h>

#include "peer.h"

/*
 * Ways for the peer to send a stream, for wire_open_with(). Each sends job->len
 * bytes of job->stream.
 */

/*
 * Messages from 1 byte to 1 MiB, none of them held back by TCP. They begin with
 * SMALL_MESSAGES of a few bytes, each in a segment of its own.
 */
#define SMALL_MESSAGES	2048
int send_messages(void *job);
uint64_t send_messages_len(void);

/*
 * The smallest segments TCP makes: each takes a whole buffer, so that many are
 * filled with little data.
 */
#define SMALLEST_MSS	88
int send_smallest_segments(void *job);

/*
 * For each byte that the receiver sends, ON_DEMAND_LEN bytes, slowly: one each
 * few milliseconds, so that one that got lost is soon sent again.
 */
#define ON_DEMAND_LEN	20
int send_on_demand(void *job);

/* The first bytes come with the SYN, if set_fast_open() allows it. */
int send_fast_open(void *job);

/*
 * TCP Fast Open for all sockets on either side, and without cookies; or as the
 * kernel has it by default. Returns 0 or -errno.
 */
int set_fast_open(bool always);

/*
 * Shuts its direction, and then expects ANSWER_LEN bytes of the same stream
 * from ANSWER_FROM on.
 */
#define ANSWER_FROM	(1ULL << 40)
#define ANSWER_LEN	(256 * 1024)
int send_and_check_answer(void *job);

/*
 * When all has been acknowledged and the receiver has sent a byte, the
 * connection is reset. RESET_LEN fits into any receive buffer.
 */
#define RESET_LEN	(24 * 1024)
int send_and_reset_when_told(void *job);

/*
 * Not from the peer: from the caller's own network namespace, for a connection
 * to LOOPBACK_V4.
 */
#define LOOPBACK_V4	"127.0.0.1"
int send_over_loopback(void *job);

#endif /* TESTS_SENDERS_H */
