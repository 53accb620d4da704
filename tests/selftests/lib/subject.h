/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_SUBJECT_H
#define TESTS_SUBJECT_H

#include <linux/types.h>

#include "area.h"
#include "zc.h"

#define SUBJECT_AREA_LEN	(4 * 1024 * 1024)
#define SUBJECT_RQ_ENTRIES	1024

/*
 * A ring, an area and a refill ring, ready to be registered for WIRE_RXQ of an
 * interface, and to be spoilt before.
 */
struct subject {
	struct io_uring ring;
	struct area area;
	struct zc_reg reg;
	void *region;
	size_t region_len;
	unsigned int ifindex;
};

/* Waits until the queue is free. Returns 0 or -errno. */
int subject_open(struct subject *s, const char *ifname, enum area_kind kind);
void subject_close(struct subject *s);

/* Registers it, spoilt or not. Returns 0 or -errno. */
int subject_register(struct subject *s);

/* Takes back all that was spoilt, and registers it. */
int subject_register_good(struct subject *s);

/*
 * Memory of which the last page that can be read ends in the middle of a copy
 * of what; 0 if there is none.
 */
__u64 half_readable(const void *what, size_t len);

#endif /* TESTS_SUBJECT_H */
