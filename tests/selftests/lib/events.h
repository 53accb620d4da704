/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_EVENTS_H
#define TESTS_EVENTS_H

#include <linux/types.h>
#include <stdbool.h>

#include "hold.h"
#include "stream.h"
#include "wire.h"
#include "zc.h"

#define EVENT_ALLOC_FAIL	(1u << ZCRX_EVENT_ALLOC_FAIL)
#define EVENT_COPY		(1u << ZCRX_EVENT_COPY)
#define BOTH			(EVENT_ALLOC_FAIL | EVENT_COPY)

/* Where the entries of a refill ring begin, and where they end. */
#define RQ_HEADER		128
#define RQ_END(entries)		(RQ_HEADER + 16ULL * (entries))

/* What comes on the ring, by user_data. */
enum {
	FROM_WIRE,	/* a stream that another process sends */
	FROM_HERE,	/* a stream that listener_copy() sends, over loopback */
	EVENTS,
	NR_FROM,
};

/*
 * A ring with events, and one connection or two. Each byte is compared, each
 * event looked at, and where there are statistics, they are compared with what
 * has been copied each time that something was. It must not be moved.
 */
struct listener {
	struct zc zc;
	struct zcrx_event_desc desc;
	volatile struct zcrx_stats *stats;	/* NULL without */
	bool scribbles;		/* on the statistics, when they were read */
	int gone;		/* a pipe: hung up once the ring is no more */

	struct wire wire;
	bool wire_copied;	/* what comes on it is */
	int here[2];		/* connected over loopback: this end receives */
	struct stream stream[EVENTS];
	struct receiver rx[NR_FROM];
	struct hold hold;	/* what FROM_WIRE keeps, if told to */

	unsigned int nr[__ZCRX_EVENT_TYPE_LAST];	/* events that came */
	__u64 sent;				/* by listener_copy() */
	__u64 counted;				/* bytes copied, of stats */
};

/*
 * Opens all but the wire. Each returns 0 or -errno, and says what failed; what
 * is open then is left to the end of the process.
 *
 * A refill ring has so many entries.
 */
#define LISTENER_ENTRIES(cfg)	((cfg)->area_len / 4096 * 2)
int listener_open(struct listener *l, const struct zc_config *cfg,
		  __u32 type_mask, __u64 stats_offset);
/* The same with any descriptor, or with none. */
int listener_open_with(struct listener *l, const struct zc_config *cfg,
		       const struct zcrx_event_desc *desc);

/* A peer that sends a stream through the NIC, or over loopback. */
int listener_connect(struct listener *l, bool over_loopback, __u64 len,
		     bool may_break);

/* Closes the ring and waits until it is no more, then the connections. */
int listener_close(struct listener *l);

/*
 * The like of receive_round(). -EBADMSG for an event that is none, or for
 * statistics that are wrong.
 */
int listener_round(struct listener *l, unsigned int timeout_ms);

/* Takes all that the kernel has by now, without waiting for more. */
int listener_settle(struct listener *l);

/* Sends some bytes, no more than a page, and receives them. */
int listener_copy(struct listener *l, unsigned int len);

int listener_arm(struct listener *l, __u32 type);

/* So many came by now. */
#define EXPECT_EVENTS(l, alloc_fails, copies)				\
	do {								\
		const struct listener *__l = (l);			\
									\
		EXPECT_EQ(alloc_fails, __l->nr[ZCRX_EVENT_ALLOC_FAIL]);	\
		EXPECT_EQ(copies, __l->nr[ZCRX_EVENT_COPY]);		\
	} while (0)

/* Two sockets, connected with each other over loopback. */
int loopback_open(int sock[2]);

/*
 * Receives from the wire and keeps all until the driver finds its pool empty
 * again and again.
 */
int listener_starve(struct listener *l);

/* Waits until it has found it so once more, without entering the ring. */
int listener_wait_empty(void);

/* Gives back all that is kept, and receives the rest from the wire. */
int listener_finish(struct listener *l);

#endif /* TESTS_EVENTS_H */
