/* SPDX-License-Identifier: GPL-2.0 */
#ifndef UPSTREAM_ZCRX_H
#define UPSTREAM_ZCRX_H

#include <stdbool.h>

#include "ring.h"

#define PAGE		4096
#define AREAS		2
#define PATIENCE_MS	45000

/*
 * user_data: of requests, and of events. Nothing that could be mistaken for
 * another.
 */
#define FROM_STREAM	0x5eed0001c0ffee00ULL
#define FROM_EVENT	0xe4e40002deadbeefULL

struct memory {
	void *base;
	size_t len;
	__u64 token;
};

/* What the rings that share an ifq share: its areas and its refill ring. */
struct ifq {
	struct memory area[AREAS];
	void *region;
	size_t region_len;
	unsigned int *head, *tail, entries;
	struct io_uring_zcrx_rqe *rqes;
	unsigned int written;	/* the tail, as it is here */
};

/* A ring, and the id that it knows the ifq by. */
struct zcrx {
	struct ring ring;
	struct ifq *ifq;
	__u32 id;
	unsigned int events[32];	/* how many came, by type */
};

/* A stream that comes over a socket. */
struct flow {
	struct zcrx *zcrx;
	int sock;
	__u64 seed;
	__u64 len;		/* of all of it */
	__u64 got;		/* came, and is right */
	__u64 in_area[AREAS];	/* of them */
	__u64 cqes;		/* that brought them */
	struct io_uring_zcrx_rqe kept[4096];
	unsigned int nr_kept;
	bool keep;		/* do not give buffers back */
	bool ended;		/* the request did, with result */
	int result;
};

/*
 * Registers an area of so many bytes: for a queue of an interface, or without
 * one if that is NULL. event_desc is 0 or a struct zcrx_event_desc's address. A
 * queue that is not free yet is waited for. Returns 0 or -errno.
 */
int zcrx_open(struct zcrx *z, const char *ifname, unsigned int rxq,
	      size_t area_len, __u64 event_desc);
/* A further ring for the ifq of which this is a file descriptor. */
int zcrx_import(struct zcrx *z, struct ifq *ifq, int zcrx_fd);
/* Closes the ring. */
void zcrx_close(struct zcrx *z);
/* Frees the memory: no ring has it any more. */
void ifq_free(struct ifq *ifq);

/* Where statistics may be: behind the entries of such an area's ring. */
size_t zcrx_stats_offset(size_t area_len);

int zcrx_export(struct zcrx *z);	/* a file descriptor or -errno */
int zcrx_flush(struct zcrx *z);
int zcrx_arm(struct zcrx *z, __u32 type);
int zcrx_add_area(struct zcrx *z, size_t len);	/* its number is 1 */

/* Byte i of a stream. */
unsigned char stream_byte(__u64 seed, __u64 i);

/* Submits a request for what is left of it. */
int flow_arm(struct flow *flow);

/*
 * Takes the next completion, whatever it is, and compares its payload. Returns
 * 0, -ETIME if none came, -EILSEQ for a wrong byte, -EBADMSG for a wrong
 * completion.
 */
int flow_step(struct flow *flow, unsigned int timeout_ms);

/* Goes on until the request ends. Returns its result, or as flow_step(). */
int flow_finish(struct flow *flow);

/* Writes entries for all that was kept. */
void flow_return(struct flow *flow);

#endif /* UPSTREAM_ZCRX_H */
