/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_JUDGE_H
#define TESTS_JUDGE_H

#include <linux/types.h>

#include "area.h"

#define JUDGE_ABOVE_MAX	4

/*
 * What the NIC can reach of an area, as the tables of the IOMMU say; see
 * tests/kernel/zcrx_judge.h. It goes on telling when the area is closed.
 */
struct judge {
	int fd;
	__u32 rid;	/* WIRE_IF's, that had it when the judge came */
	/* The ports it was behind: in its group, so they have its table. */
	__u32 above[JUDGE_ABOVE_MAX];
	unsigned int nr_above;
	__u32 pages;
};

/* Watches the whole area. Returns 0 or -errno. */
int judge_open(struct judge *judge, const struct area *area);
void judge_close(struct judge *judge);

/*
 * Pages that the NIC reaches now, or -errno; -EXDEV if a page is mapped twice
 * or another device reaches it, be it only because it shares the NIC's table.
 */
long judge_mapped(const struct judge *judge);

/*
 * Waits until no device reaches any page. Returns how many the NIC reaches in
 * the end, or -errno.
 */
long judge_wait_unmapped(const struct judge *judge, unsigned int timeout_ms);

/*
 * Copies what is in the memory now, whoever still has it mapped. Returns 0 or
 * -errno.
 */
int judge_read(const struct judge *judge, __u64 off, void *buf, size_t len);

/* Where the NIC finds a page. Returns 0 or -errno. */
int judge_find(const struct judge *judge, __u32 page, __u64 *iova);

/* 8 bytes as the NIC addresses them; -ENOENT if it would get a fault. */
int judge_peek(const struct judge *judge, __u64 iova, __u64 *value);
int judge_poke(const struct judge *judge, __u64 iova, __u64 value);

#endif /* TESTS_JUDGE_H */
