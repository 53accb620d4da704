/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_SHARE_H
#define TESTS_SHARE_H

#include <linux/types.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "area.h"
#include "wire.h"
#include "zc.h"

/*
 * Rings that share one ifq, in one process or in several.
 *
 * The ifq has one refill ring, and whoever was given a buffer by any of the
 * rings gives it back there. So nobody writes to it but under a lock: what a
 * ring's struct zc takes for its refill ring is an outbox in the memory of the
 * process, from where side_flush() moves the entries on.
 */

/*
 * What to receive so that receiving has begun. No more completions than a
 * side's CQ has room for, so a request with this limit ends at the limit.
 */
#define SHARE_SOME	(512 * 1024)

/* Lies in shared memory, with the area and, maybe, the refill ring. */
struct share {
	pthread_mutex_t lock;	/* robust: who holds it may be killed */
	struct area area;
	void *region;		/* the refill ring; NULL: the kernel's memory */
	size_t region_len;

	/* what the registration wrote back */
	struct io_uring_zcrx_offsets at;
	__u32 rq_entries;
	__u64 token;
};

/* For processes to share, it has to be there before they fork. */
int share_open(struct share **share, enum area_kind kind, size_t area_len,
	       bool kernel_rq);
void share_close(struct share *share);

/* A ring with the ifq. Zeroed, it is closed. It must not be moved. */
struct side {
	struct share *share;
	struct zc zc;
	void *region;		/* the refill ring, as this ring sees it */
	__u32 head, tail;	/* of the outbox */
	int gone;		/* a pipe: hung up once the ring is no more */
	bool open;
};

/* These return 0 or -errno, and on failure leave it closed. */
int side_register(struct side *side, struct share *share);
int side_import(struct side *side, struct share *share, int zcrx_fd);
/* Just the ring. */
int side_open(struct side *side, struct share *share);

/* Does nothing if it is closed already. */
void side_close(struct side *side);

/*
 * A file of the ring's that nobody else has: when the ring is no more, neither
 * is the file. Returns what side_wait_gone() takes, or -errno.
 */
int ring_note_end(struct io_uring *ring);

/*
 * Waits until the kernel has taken a closed ring apart: this is later than
 * close(), or than the end of the process. gone is what ring_note_end()
 * returned.
 */
int side_wait_gone(int gone);

/* Both of it: 0 or -errno. */
int side_close_wait(struct side *side);

/* Returns a file descriptor or -errno. */
int side_export(const struct side *side);

/* Attaches the ifq once more to a ring that is open. Returns the id. */
int side_import_again(const struct side *side, int zcrx_fd);

/*
 * Maps the refill ring that the kernel allocated, through this ring's own fd.
 * MAP_FAILED and errno if it cannot.
 */
void *side_map(const struct side *side, __u32 zcrx_id);

/* Gives back what was received. */
void side_flush(struct side *side);

/*
 * The like of receive_round() and receive(), with side_flush(): rx->zc must be
 * the side's.
 */
int side_round(struct side *side, struct receiver *rx, unsigned int timeout_ms);
int side_receive(struct side *side, struct receiver *rx, __u64 bytes);
/* Arms a request without a limit, and receives all of the stream. */
int side_receive_all(struct side *side, struct receiver *rx);

/* Whose memory WIRE_RXQ has: queue_provider(), and queue_wait_free(). */
int share_provider(void);
int share_wait_free(void);

/* Nothing was copied, and no buffer was given back that was not held. */
#define EXPECT_SHARE_CLEAN(side)					\
	do {								\
		const struct zc *__zc = &(side)->zc;			\
									\
		EXPECT_EQ(0, zc_fdinfo(__zc, "copied"));		\
		EXPECT_EQ(0, zc_fdinfo(__zc, "invalid"));		\
	} while (0)

/* A message of one byte, with a file descriptor if it is not negative. */
int tell(int sock, char what, int fd);

/*
 * Waits for that message. Returns the file descriptor that came with it, or 0
 * if there was none; -EPROTO if it is another one, -EPIPE if the other is
 * gone.
 */
int hear(int sock, char what);

/* Sockets for the two of them. Neither waits forever. */
int talk_open(int sock[2]);

/*
 * Another process with a ring of its own, and a connection that it receives a
 * stream over. It has to be forked before there is any ring.
 *
 * What is said: 'f' with the ifq's file descriptor, by who exports; then by
 * the partner 'g' with its ring's struct side.gone, and 'r' when it has
 * received SHARE_SOME and goes on no further; to the partner 'c', to go on,
 * and 'q', to leave.
 */

struct partner {
	struct share *share;
	const struct stream *stream;
	__u64 len;		/* of the stream */
	bool exports;		/* else it imports */
	bool quits;		/* before the end of the stream, when told */

	pid_t pid;		/* 0 if there is none */
	int ctl;
};

/* Takes over all that is above pid. Returns 0 or -errno. */
int partner_start(struct partner *p);

/* Returns what peer_wait() does. */
int partner_wait(struct partner *p);

/* Does nothing if there is none. */
void partner_kill(struct partner *p);

#endif /* TESTS_SHARE_H */
