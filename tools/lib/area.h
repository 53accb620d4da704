/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_AREA_H
#define LIB_AREA_H

#include <stddef.h>

struct io_uring_zcrx_area_reg;

/* Memory to receive into, and the mapping of it that payload is read from. */
enum area_kind {
	AREA_USER,	/* anonymous memory of the process */
	AREA_UDMABUF,	/* a dma-buf over a memfd, from /dev/udmabuf */
};

struct area {
	enum area_kind kind;
	void *base;
	size_t len;
	int dmabuf_fd;	/* -1 for AREA_USER */
};

/*
 * len must be a multiple of the page size. Returns 0 or -errno. On failure
 * *failed names what did.
 */
int area_open(struct area *area, enum area_kind kind, size_t len,
	      const char **failed);
void area_close(struct area *area);

/* Fills in what registers the whole of the area. */
void area_describe(const struct area *area,
		   struct io_uring_zcrx_area_reg *reg);

#endif /* LIB_AREA_H */
