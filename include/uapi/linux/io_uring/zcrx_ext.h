/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * io_uring zero-copy receive: what this kernel can do and upstream's cannot.
 *
 * A program that wants to run on other kernels as well asks first, with
 * IORING_REGISTER_QUERY and IO_URING_QUERY_ZCRX_EXT: a kernel without any of it
 * answers -EOPNOTSUPP. One that does not ask finds linux/io_uring/zcrx.h to hold
 * as it stands.
 *
 * Numbers stay out of the way of those that upstream will hand out: flags from
 * bit 31 down, operations from 0x5a00 up.
 */
#ifndef LINUX_IO_ZCRX_EXT_H
#define LINUX_IO_ZCRX_EXT_H

#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A query operation, beside &enum io_uring_query_op. */
#define IO_URING_QUERY_ZCRX_EXT		0x5a00

/**
 * enum zcrx_ext_features - extensions, as told by IO_URING_QUERY_ZCRX_EXT
 * @ZCRX_EXT_DMABUF_COPY: payload that the NIC did not put into the dma-buf, as
 *	that of an unsplit packet, is copied into it if its exporter lets the CPU
 *	in. Upstream ends the request with -ENOMEM
 * @ZCRX_EXT_DMABUF_RANGE: &io_uring_zcrx_area_reg.addr may be any page aligned
 *	offset into the dma-buf, &io_uring_zcrx_area_reg.len up to what is left of
 *	it; ranges of one dma-buf may be several areas
 * @ZCRX_EXT_DMABUF_NODEV: ZCRX_REG_NODEV takes dma-bufs that let the CPU in
 * @ZCRX_EXT_FALLBACK_AREA: ZCRX_CTRL_ADD_AREA takes
 *	IORING_ZCRX_AREA_FALLBACK
 * @ZCRX_EXT_MIXED_AREAS: an ifq may have areas of both kinds, memory of the
 *	process and dma-bufs
 */
enum zcrx_ext_features {
	ZCRX_EXT_DMABUF_COPY		= 1 << 0,
	ZCRX_EXT_DMABUF_RANGE		= 1 << 1,
	ZCRX_EXT_DMABUF_NODEV		= 1 << 2,
	ZCRX_EXT_FALLBACK_AREA		= 1 << 3,
	ZCRX_EXT_MIXED_AREAS		= 1 << 4,
};

/**
 * struct io_uring_query_zcrx_ext - the answer to IO_URING_QUERY_ZCRX_EXT
 * @features: &enum zcrx_ext_features that are there
 * @area_flags: flags of an area, beside those of
 *	&io_uring_query_zcrx.area_flags
 * @__resv: 0
 */
struct io_uring_query_zcrx_ext {
	__u64	features;
	__u64	area_flags;
	__u64	__resv[6];
};

/*
 * A flag of an area that is added: the NIC gets none of it, only copies go there,
 * when no other area that takes copies has a free buffer. It may be memory of
 * the process, or a dma-buf that lets the CPU in. It is not for the area of a
 * registration (-EINVAL).
 */
#define IORING_ZCRX_AREA_FALLBACK	0x80000000U

#ifdef __cplusplus
}
#endif

#endif /* LINUX_IO_ZCRX_EXT_H */
