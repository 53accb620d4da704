// SPDX-License-Identifier: GPL-2.0
/*
 * The upstream interface, in numbers: compiled against the kernel's headers and
 * against liburing's, and run against neither. A number here is upstream's;
 * one that has to be changed to make this compile is a bug of ours.
 */
#include <assert.h>
#include <stddef.h>

#ifdef OF_LIBURING
#include <liburing/io_uring.h>
#include <liburing/io_uring/zcrx.h>
#else
#include <linux/io_uring.h>
#include <linux/io_uring/query.h>
#include <linux/io_uring/zcrx.h>
#include <linux/netdev.h>
#endif

/* Withdrawn before it was released: whoever has it as a macro or in an enum clashes. */
#ifdef ZCRX_REFILL
#error "ZCRX_REFILL is not of upstream's interface"
#endif
extern int ZCRX_REFILL;

#define IS(what, number)						\
	static_assert((unsigned long long)(what) == (number), #what)
#define SIZE(type, size)	IS(sizeof(struct type), size)
/* Where each field is, and so how long the one before. */
#define AT(type, member, off)	IS(offsetof(struct type, member), off)

IS(IORING_OP_RECV_ZC, 58);
IS(IORING_REGISTER_ZCRX_IFQ, 32);
IS(IORING_REGISTER_ZCRX_CTRL, 36);
IS(IORING_RECVSEND_POLL_FIRST, 1);
IS(IORING_RECV_MULTISHOT, 2);
IS(IORING_SETUP_CQE32, 1 << 11);
IS(IORING_CQE_F_MORE, 2);
IS(IORING_MEM_REGION_TYPE_USER, 1);
IS(IORING_ZCRX_AREA_SHIFT, 48);
IS(IORING_ZCRX_AREA_MASK, 0xffff000000000000ULL);
IS(IORING_ZCRX_AREA_DMABUF, 1);
IS(ZCRX_REG_IMPORT, 1);
IS(ZCRX_REG_NODEV, 2);
IS(ZCRX_FEATURE_RX_PAGE_SIZE, 1);
IS(ZCRX_FEATURE_EVENT, 2);
IS(ZCRX_CTRL_FLUSH_RQ, 0);
IS(ZCRX_CTRL_EXPORT, 1);
IS(ZCRX_CTRL_ARM_EVENT, 2);
IS(ZCRX_CTRL_ADD_AREA, 3);
IS(__ZCRX_CTRL_LAST, 4);
IS(ZCRX_EVENT_ALLOC_FAIL, 0);
IS(ZCRX_EVENT_COPY, 1);
IS(__ZCRX_EVENT_TYPE_LAST, 2);
IS(ZCRX_EVENT_DESC_FLAG_STATS, 1);

SIZE(io_uring_sqe, 64);
AT(io_uring_sqe, ioprio, 2);
AT(io_uring_sqe, fd, 4);
AT(io_uring_sqe, addr, 16);
AT(io_uring_sqe, len, 24);
AT(io_uring_sqe, zcrx_ifq_idx, 44);
AT(io_uring_sqe, addr3, 48);

SIZE(io_uring_zcrx_rqe, 16);
AT(io_uring_zcrx_rqe, off, 0);
AT(io_uring_zcrx_rqe, len, 8);
AT(io_uring_zcrx_rqe, __pad, 12);

SIZE(io_uring_zcrx_cqe, 16);
AT(io_uring_zcrx_cqe, off, 0);
AT(io_uring_zcrx_cqe, __pad, 8);

SIZE(io_uring_zcrx_offsets, 32);
AT(io_uring_zcrx_offsets, head, 0);
AT(io_uring_zcrx_offsets, tail, 4);
AT(io_uring_zcrx_offsets, rqes, 8);
AT(io_uring_zcrx_offsets, __resv2, 12);
AT(io_uring_zcrx_offsets, __resv, 16);

SIZE(io_uring_zcrx_area_reg, 48);
AT(io_uring_zcrx_area_reg, addr, 0);
AT(io_uring_zcrx_area_reg, len, 8);
AT(io_uring_zcrx_area_reg, rq_area_token, 16);
AT(io_uring_zcrx_area_reg, flags, 24);
AT(io_uring_zcrx_area_reg, dmabuf_fd, 28);
AT(io_uring_zcrx_area_reg, __resv2, 32);

SIZE(io_uring_zcrx_ifq_reg, 96);
AT(io_uring_zcrx_ifq_reg, if_idx, 0);
AT(io_uring_zcrx_ifq_reg, if_rxq, 4);
AT(io_uring_zcrx_ifq_reg, rq_entries, 8);
AT(io_uring_zcrx_ifq_reg, flags, 12);
AT(io_uring_zcrx_ifq_reg, area_ptr, 16);
AT(io_uring_zcrx_ifq_reg, region_ptr, 24);
AT(io_uring_zcrx_ifq_reg, offsets, 32);
AT(io_uring_zcrx_ifq_reg, zcrx_id, 64);
AT(io_uring_zcrx_ifq_reg, rx_buf_len, 68);
AT(io_uring_zcrx_ifq_reg, event_desc, 72);
AT(io_uring_zcrx_ifq_reg, __resv, 80);

SIZE(io_uring_region_desc, 64);
AT(io_uring_region_desc, user_addr, 0);
AT(io_uring_region_desc, size, 8);
AT(io_uring_region_desc, flags, 16);
AT(io_uring_region_desc, id, 20);
AT(io_uring_region_desc, mmap_offset, 24);
AT(io_uring_region_desc, __resv, 32);

SIZE(zcrx_ctrl, 72);
AT(zcrx_ctrl, zcrx_id, 0);
AT(zcrx_ctrl, op, 4);
AT(zcrx_ctrl, __resv, 8);
AT(zcrx_ctrl, zc_export, 24);
AT(zcrx_ctrl, zc_export.zcrx_fd, 24);
AT(zcrx_ctrl, zc_flush, 24);
AT(zcrx_ctrl, zc_arm_event, 24);
AT(zcrx_ctrl, zc_arm_event.event_type, 24);
AT(zcrx_ctrl, zc_area, 24);
AT(zcrx_ctrl, zc_area.area_ptr, 24);

SIZE(zcrx_event_desc, 96);
AT(zcrx_event_desc, user_data, 0);
AT(zcrx_event_desc, type_mask, 8);
AT(zcrx_event_desc, flags, 12);
AT(zcrx_event_desc, stats_offset, 16);
AT(zcrx_event_desc, __resv2, 24);

SIZE(zcrx_stats, 16);
AT(zcrx_stats, copy_count, 0);
AT(zcrx_stats, copy_bytes, 8);

#ifndef OF_LIBURING
IS(IORING_OP_LAST, 59);
IS(IORING_REGISTER_QUERY, 35);
IS(IORING_MAP_OFF_ZCRX_REGION, 0x30000000);

IS(IO_URING_QUERY_OPCODES, 0);
IS(IO_URING_QUERY_ZCRX, 1);
IS(IO_URING_QUERY_SCQ, 2);
IS(IO_URING_QUERY_ZCRX_EVENT, 3);

SIZE(io_uring_query_hdr, 40);
AT(io_uring_query_hdr, next_entry, 0);
AT(io_uring_query_hdr, query_data, 8);
AT(io_uring_query_hdr, query_op, 16);
AT(io_uring_query_hdr, size, 20);
AT(io_uring_query_hdr, result, 24);
AT(io_uring_query_hdr, __resv, 28);

SIZE(io_uring_query_opcode, 48);
AT(io_uring_query_opcode, nr_request_opcodes, 0);
AT(io_uring_query_opcode, nr_register_opcodes, 4);
AT(io_uring_query_opcode, feature_flags, 8);
AT(io_uring_query_opcode, ring_setup_flags, 16);
AT(io_uring_query_opcode, enter_flags, 24);
AT(io_uring_query_opcode, sqe_flags, 32);
AT(io_uring_query_opcode, nr_query_opcodes, 40);
AT(io_uring_query_opcode, __pad, 44);

SIZE(io_uring_query_zcrx, 40);
AT(io_uring_query_zcrx, register_flags, 0);
AT(io_uring_query_zcrx, area_flags, 8);
AT(io_uring_query_zcrx, nr_ctrl_opcodes, 16);
AT(io_uring_query_zcrx, features, 20);
AT(io_uring_query_zcrx, rq_hdr_size, 24);
AT(io_uring_query_zcrx, rq_hdr_alignment, 28);
AT(io_uring_query_zcrx, __resv2, 32);

SIZE(io_uring_query_zcrx_event, 48);
AT(io_uring_query_zcrx_event, event_flags, 0);
AT(io_uring_query_zcrx_event, stats_size, 4);
AT(io_uring_query_zcrx_event, stats_off_alignment, 8);
AT(io_uring_query_zcrx_event, __resv1, 12);
AT(io_uring_query_zcrx_event, __resv2, 16);

SIZE(io_uring_query_scq, 16);
AT(io_uring_query_scq, hdr_size, 0);
AT(io_uring_query_scq, hdr_alignment, 8);

IS(NETDEV_A_QUEUE_IO_URING, 6);
IS(NETDEV_A_PAGE_POOL_IO_URING, 8);
IS(NETDEV_A_IO_URING_PROVIDER_INFO_RX_BUF_LEN, 1);
#endif
