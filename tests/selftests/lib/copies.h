/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_COPIES_H
#define TESTS_COPIES_H

#include <linux/types.h>
#include <stdbool.h>

#include "wire.h"

/* Bytes that were copied, by the reason, as fdinfo names them. */
struct copies {
	__u64 nodev, fastopen, urgent, early, device, queue, unsplit;
};

/* Were these copied, and nothing else? Says what differs. */
bool copies_are(const struct zc *zc, struct copies want);

/*
 * Senders for wire_open_with(), each of job->len bytes. What is more than they
 * send at once, they send when copies_go() tells them to, so that the request
 * is there before the data.
 */
#define COPIES_AT_ONCE	20000	/* fits a window that nobody reads from */
#define COPIES_SYN_LEN	1000	/* with the SYN */

int copies_send_when_told(void *job);		/* nothing at once */
int copies_send_some_before(void *job);		/* COPIES_AT_ONCE */
int copies_send_with_syn(void *job);		/* COPIES_SYN_LEN */
int copies_send_urgent(void *job);		/* all of it is urgent */
int copies_send_over_loopback(void *job);	/* to LOOPBACK_V4 */

/* Returns 0 or -errno. */
int copies_go(const struct wire *wire);

#endif /* TESTS_COPIES_H */
