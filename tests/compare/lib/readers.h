/* SPDX-License-Identifier: GPL-2.0 */
#ifndef COMPARE_READERS_H
#define COMPARE_READERS_H

#include <liburing.h>
#include <linux/types.h>
#include <stddef.h>

#include "stream.h"

/*
 * The ways of a program to read a TCP socket that has nothing to do with
 * zero-copy receive, behind one interface.
 */
struct reader;

struct reader_ops {
	/* Each may be NULL. */
	int (*open)(struct reader *r);
	void (*close)(struct reader *r);
	/*
	 * Up to len bytes to buf, or to wherever they come to lie; then it
	 * sets r->data. Returns how many, 0 at the end, or -errno.
	 */
	ssize_t (*read)(struct reader *r, void *buf, size_t len);
};

struct reader {
	const struct reader_ops *ops;
	int sock;
	const void *data;		/* what was read last */

	int pipe[2];			/* of splice */
	struct {
		void *map;		/* where pages are mapped */
		__u64 mapped;		/* bytes in them */
	} zerocopy;
	struct {
		struct io_uring ring;
		struct io_uring_buf_ring *buffers;
		char *memory;
		int held;		/* a buffer to give back, or -1 */
		bool armed;
	} uring;
};

extern const struct reader_ops reader_recv;
extern const struct reader_ops reader_recvmsg;	/* many iovecs */
extern const struct reader_ops reader_devmem;	/* with MSG_SOCK_DEVMEM */
extern const struct reader_ops reader_peek;	/* each byte, twice */
extern const struct reader_ops reader_busy_poll;
extern const struct reader_ops reader_splice;
extern const struct reader_ops reader_zerocopy;	/* TCP_ZEROCOPY_RECEIVE */
extern const struct reader_ops reader_uring;
extern const struct reader_ops reader_uring_multishot;

/* Returns 0 or -errno. */
int reader_open(struct reader *r, const struct reader_ops *ops, int sock);
void reader_close(struct reader *r);

/*
 * Reads from the byte off of the stream on, until so many have come, or a few
 * more, or the connection has ended, or nothing came within its SO_RCVTIMEO.
 * Returns how many have come, -EILSEQ if one is wrong, or -errno.
 */
__s64 reader_check(struct reader *r, const struct stream *stream, __u64 off,
		   __u64 len);

#endif /* COMPARE_READERS_H */
