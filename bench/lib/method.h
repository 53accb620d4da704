/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BENCH_METHOD_H
#define BENCH_METHOD_H

#include <stdbool.h>
#include <stdint.h>

#include "stream.h"

/* What a method did, for the columns that are not time. */
struct bench_count {
	uint64_t bytes;
	uint64_t copied;	/* of these, by the CPU */
	uint64_t syscalls;
	uint64_t cqes;
	uint64_t returned;	/* buffers given back */
	uint64_t publishes;	/* in so many goes */
};

/* A connection that is being received. */
struct bench {
	int sock;
	size_t area_len;		/* for the methods that have one */
	const struct stream *check;	/* compare every byte, or NULL */
	struct bench_count n;
	const char *failed;		/* what did, where open() fails */
};

/*
 * A way to receive; all but name and receive may be NULL. What returns a value
 * returns 0 or -errno, and then has undone what it did. At most one connection
 * is open at a time, so a method keeps what it has in static variables.
 */
struct bench_method {
	const char *name;
	/* before the connection, since a queue is bound for new flows */
	int (*setup)(struct bench *b);
	void (*teardown)(struct bench *b);
	/* while b->sock is a connection */
	int (*open)(struct bench *b);
	void (*close)(struct bench *b);
	/* receives until n.bytes is that much at least */
	int (*receive)(struct bench *b, uint64_t until);
	/* brings b->n up to date where receive() does not, as it costs time */
	void (*count)(struct bench *b);
};

extern const struct bench_method method_recv, method_trunc, method_epoll,
	method_uring, method_tcp_zc, method_devmem, method_zcrx_user,
	method_zcrx_udmabuf;

/* Payload that the next bytes of the stream are; counts them. */
int bench_take(struct bench *b, const void *data, size_t len);

/* Where zero-copy receive takes its queue; another may be named. */
#define BENCH_IF	"eth0"
#define BENCH_RXQ	1

extern const char *bench_if;
extern unsigned int bench_rxq;

#endif /* BENCH_METHOD_H */
