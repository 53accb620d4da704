/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of zero-copy receive: what the counters of an ifq add up, one by one.
 * None is hit for each buffer. They are no ABI.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM zcrx

#if !defined(_TRACE_ZCRX_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_ZCRX_H

#include <linux/tracepoint.h>

/* A page_pool was given buffers: by its own refill ring, from the free lists, by
 * refill rings of other queues.
 */
TRACE_EVENT(zcrx_alloc,
	TP_PROTO(u32 serial, unsigned int rxq, unsigned int ring,
		 unsigned int free, unsigned int others),
	TP_ARGS(serial, rxq, ring, free, others),
	TP_STRUCT__entry(
		__field(u32, serial)
		__field(unsigned int, rxq)
		__field(unsigned int, ring)
		__field(unsigned int, free)
		__field(unsigned int, others)
	),
	TP_fast_assign(
		__entry->serial = serial;
		__entry->rxq = rxq;
		__entry->ring = ring;
		__entry->free = free;
		__entry->others = others;
	),
	TP_printk("ifq=%u rxq=%u ring=%u free=%u others=%u",
		  __entry->serial, __entry->rxq, __entry->ring, __entry->free,
		  __entry->others)
);

/* There was none for it. */
TRACE_EVENT(zcrx_alloc_fail,
	TP_PROTO(u32 serial, unsigned int rxq),
	TP_ARGS(serial, rxq),
	TP_STRUCT__entry(
		__field(u32, serial)
		__field(unsigned int, rxq)
	),
	TP_fast_assign(
		__entry->serial = serial;
		__entry->rxq = rxq;
	),
	TP_printk("ifq=%u rxq=%u", __entry->serial, __entry->rxq)
);

/* Entries of a queue's refill ring were taken. */
TRACE_EVENT(zcrx_refill,
	TP_PROTO(u32 serial, unsigned int rxq, u32 entries, u32 invalid),
	TP_ARGS(serial, rxq, entries, invalid),
	TP_STRUCT__entry(
		__field(u32, serial)
		__field(unsigned int, rxq)
		__field(u32, entries)
		__field(u32, invalid)
	),
	TP_fast_assign(
		__entry->serial = serial;
		__entry->rxq = rxq;
		__entry->entries = entries;
		__entry->invalid = invalid;
	),
	TP_printk("ifq=%u rxq=%u entries=%u invalid=%u", __entry->serial,
		  __entry->rxq, __entry->entries, __entry->invalid)
);

/* Payload was copied, or some of it, for an enum zcrx_stats_reason. */
TRACE_EVENT(zcrx_copy,
	TP_PROTO(u32 serial, unsigned int reason, int len, int done, int err),
	TP_ARGS(serial, reason, len, done, err),
	TP_STRUCT__entry(
		__field(u32, serial)
		__field(unsigned int, reason)
		__field(int, len)
		__field(int, done)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->serial = serial;
		__entry->reason = reason;
		__entry->len = len;
		__entry->done = done;
		__entry->err = err;
	),
	TP_printk("ifq=%u reason=%u len=%d done=%d err=%d", __entry->serial,
		  __entry->reason, __entry->len, __entry->done, __entry->err)
);

/* A request looked at its socket, and posted what it found. */
TRACE_EVENT(zcrx_recv,
	TP_PROTO(u32 serial, u64 user_data, u64 delivered, u64 copied,
		 unsigned int cqes, int ret),
	TP_ARGS(serial, user_data, delivered, copied, cqes, ret),
	TP_STRUCT__entry(
		__field(u64, user_data)
		__field(u64, delivered)
		__field(u64, copied)
		__field(u32, serial)
		__field(unsigned int, cqes)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->user_data = user_data;
		__entry->delivered = delivered;
		__entry->copied = copied;
		__entry->serial = serial;
		__entry->cqes = cqes;
		__entry->ret = ret;
	),
	TP_printk("ifq=%u user_data=%#llx delivered=%llu copied=%llu cqes=%u ret=%d",
		  __entry->serial, __entry->user_data, __entry->delivered,
		  __entry->copied, __entry->cqes, __entry->ret)
);

/* An area came or went. */
TRACE_EVENT(zcrx_area,
	TP_PROTO(u32 serial, u64 token, u32 niovs, const char *what, int ret),
	TP_ARGS(serial, token, niovs, what, ret),
	TP_STRUCT__entry(
		__field(u64, token)
		__field(u32, serial)
		__field(u32, niovs)
		__string(what, what)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->token = token;
		__entry->serial = serial;
		__entry->niovs = niovs;
		__assign_str(what);
		__entry->ret = ret;
	),
	TP_printk("ifq=%u token=%#llx niovs=%u %s ret=%d", __entry->serial,
		  __entry->token, __entry->niovs, __get_str(what),
		  __entry->ret)
);

/* A queue was bound, restarted or given back. */
TRACE_EVENT(zcrx_queue,
	TP_PROTO(u32 serial, int ifindex, unsigned int rxq, const char *what,
		 int ret),
	TP_ARGS(serial, ifindex, rxq, what, ret),
	TP_STRUCT__entry(
		__field(u32, serial)
		__field(int, ifindex)
		__field(unsigned int, rxq)
		__string(what, what)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->serial = serial;
		__entry->ifindex = ifindex;
		__entry->rxq = rxq;
		__assign_str(what);
		__entry->ret = ret;
	),
	TP_printk("ifq=%u ifindex=%d rxq=%u %s ret=%d", __entry->serial,
		  __entry->ifindex, __entry->rxq, __get_str(what),
		  __entry->ret)
);

#endif /* _TRACE_ZCRX_H */

#include <trace/define_trace.h>
