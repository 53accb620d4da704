/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_QUERY_H
#define TESTS_QUERY_H

#include <linux/io_uring/query.h>
#include <linux/types.h>
#include <stdbool.h>

/* liburing 2.9 does not know it */
#define REGISTER_QUERY	35

/* in no mapping, and not 0 either */
#define BAD_PTR		8
/* Longer than any answer: a size that still says so was not written to. */
#define ROOM		128
#define NR_OPS		4

union answer {
	struct io_uring_query_opcode opcode;
	struct io_uring_query_zcrx zcrx;
	struct io_uring_query_scq scq;
	struct io_uring_query_zcrx_event event;
	__u8 bytes[ROOM];
};

/* How long the answer to each question is. */
extern const __u32 answer_size[NR_OPS];

/* Who is asked: a ring, by its file descriptor or number, or nobody. */
struct via {
	unsigned int fd;
	unsigned int opcode;
};

extern const struct via blind;

int ask_chain(const struct via *via, const void *first);
struct io_uring_query_hdr question(__u32 op, void *data, __u32 size);

union answer nothing_written(void);
bool is_untouched(const union answer *a);

/* All of the answer to each question, blindly. Returns 0 or -errno. */
int ask_all(union answer a[NR_OPS]);

#endif /* TESTS_QUERY_H */
