/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_RECV_H
#define TESTS_RECV_H

#include "wire.h"

/*
 * For tests of IORING_OP_RECV_ZC itself: a ring without a NIC and a connection
 * over loopback of which the test has both ends, so that it says what is there
 * to receive, and when. Each byte is compared.
 */
struct recv_pair {
	struct zc zc;
	struct receiver rx;
	int peer;	/* the sender's end, or -1 if that was closed */
	__u64 sent;
};

/* What is to come has come by then; what is not, does not come so soon. */
#define RECV_SOON_MS	10000
#define RECV_QUIET_MS	50

/*
 * Connects two sockets: the receiver's and the sender's. The latter takes
 * RECV_SENDS_MAX bytes without being read. Returns 0 or -errno.
 */
#define RECV_SENDS_MAX	(1024 * 1024)
int recv_connect(int fd[2]);

/*
 * Opens all, without a request. What cfg says of the interface does not
 * matter; NULL is a good one. Returns 0 or -errno, and says what failed.
 */
int recv_pair_open(struct recv_pair *p, const struct zc_config *cfg,
		   const struct stream *stream);
void recv_pair_close(struct recv_pair *p);

/*
 * A ring with an SQ of one entry, as a CQ must not be smaller, and with a CQ of
 * cq_entries.
 */
int recv_pair_open_small(struct recv_pair *p, __u32 cq_entries,
			 size_t area_len, const struct stream *stream);

/* Sends the next bytes of the stream. Returns 0 or -errno. */
int recv_pair_send(struct recv_pair *p, size_t len);

/* The same, and waits until the receiver's socket holds them. */
int recv_pair_send_there(struct recv_pair *p, size_t len);

/* No more will be sent. */
void recv_pair_fin(struct recv_pair *p);
/* The connection is reset, once the receiver has all that was sent. */
int recv_pair_rst(struct recv_pair *p);

/*
 * A good request, alone on the ring: ends the stream and receives what is left
 * of it. Returns 0 if all that was sent has come, and the request ended well.
 */
int recv_pair_finish(struct recv_pair *p);

/* The same for a request that is armed already. */
int recv_pair_drain(struct recv_pair *p);

/* A request without a limit, as the receiver's requests are. */
struct io_uring_sqe recv_sqe(const struct recv_pair *p);

/* A completion, of a ring whose completions have 32 bytes. */
union recv_cqe {
	struct io_uring_cqe cqe;
	__u64 word[4];
};

/*
 * Takes the next completion out of the ring. Returns 0, or -ETIME if there is
 * none in time.
 */
int recv_next(struct zc *zc, union recv_cqe *c, unsigned int timeout_ms);

/* Compares payload and gives it back. Returns 0 or -errno. */
int recv_take(struct receiver *rx, const union recv_cqe *c);

/*
 * Takes the payload of the receiver's request from the ring, until at least so
 * many bytes have come. Returns 0, -EPROTO if another completion comes, or
 * -errno.
 */
int recv_bytes(struct receiver *rx, __u64 bytes);

/* Takes payload until another completion comes, and that goes to *c. */
int recv_until(struct receiver *rx, union recv_cqe *c);

/* The next completion is the last of a request, with that result. */
#define EXPECT_RESULT(ring, id, result)					\
	do {								\
		struct zc *__zc = (ring);				\
		union recv_cqe __c = {};				\
									\
		EXPECT_EQ(0, recv_next(__zc, &__c, RECV_SOON_MS));	\
		EXPECT_EQ((__u64)(id), __c.cqe.user_data);		\
		EXPECT_EQ(result, __c.cqe.res);				\
		EXPECT_EQ(0, __c.cqe.flags);				\
	} while (0)

/* There is no completion, and none comes. */
#define EXPECT_QUIET(ring)						\
	do {								\
		struct zc *__zc = (ring);				\
		union recv_cqe __c = {};				\
									\
		EXPECT_EQ(-ETIME, recv_next(__zc, &__c, RECV_QUIET_MS))	\
			TH_LOG("of %llx: %d", __c.word[0],		\
			       __c.cqe.res);				\
	} while (0)

#endif /* TESTS_RECV_H */
