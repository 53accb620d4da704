/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_AREA_H
#define LIB_AREA_H

#include <stdbool.h>
#include <stddef.h>

struct io_uring_zcrx_area_reg;

/* Memory to receive into, and the mapping of it that payload is read from. */
enum area_kind {
	AREA_USER,	/* anonymous memory of the process */
	AREA_UDMABUF,	/* a dma-buf over a memfd, from /dev/udmabuf */
	AREA_THP,	/* anonymous memory in transparent huge pages */
	AREA_HUGETLB,	/* anonymous memory in hugetlb pages */
	AREA_UDMABUF_HUGETLB,	/* a dma-buf over a memfd of hugetlb pages */
	AREA_USER_REPEATED,	/* the same pages again and again: see below */
	AREA_UDMABUF_REPEATED,	/* a dma-buf of the kind */
	AREA_HEAP,	/* a dma-buf from /dev/dma_heap/system */
};

/*
 * A repeated area is larger than memory: it is a memfd of this length as often
 * as it takes. What lies at one offset is seen at all that are a multiple of
 * this away, so payload has to be read before as much has come again.
 *
 * It does not divide 4 GiB: an offset that lost its upper half leads to other
 * bytes.
 */
#define AREA_REPEATED_LEN	(67UL * 1024 * 1024)

struct area {
	enum area_kind kind;
	void *base;
	size_t len;
	int dmabuf_fd;	/* -1 for memory of the process */
	size_t dmabuf_off;	/* where in the dma-buf the area starts */
	bool fallback;	/* for copies alone */
};

/*
 * len must be a multiple of the page size, for huge pages of theirs, and for
 * repeated areas of AREA_REPEATED_LEN. Returns 0 or -errno. On failure
 * *failed names what did.
 */
int area_open(struct area *area, enum area_kind kind, size_t len,
	      const char **failed);
void area_close(struct area *area);

/*
 * A part of a dma-buf as an area of its own, which is closed by itself. off and
 * len must be multiples of the page size. Returns 0 or -errno.
 */
int area_open_range(struct area *range, const struct area *whole, size_t off,
		    size_t len);

/* Fills in what registers all of the area. */
void area_describe(const struct area *area,
		   struct io_uring_zcrx_area_reg *reg);

/* For area_open(): the kinds that are a dma-buf, or lie in a memfd. */
int area_open_fd(struct area *area, const char **failed);

#endif /* LIB_AREA_H */
