// SPDX-License-Identifier: GPL-2.0
#include <assert.h>
#include <liburing.h>
#include <stddef.h>
#include <string.h>

#include "query.h"

#define GUARD	0xa5

/*
 * The ABI: sizes, and where each field is, which leaves nothing between them
 */
#define AT(type, member, at)						\
	(offsetof(struct io_uring_query_##type, member) == (at))

static_assert(IO_URING_QUERY_OPCODES == 0 && IO_URING_QUERY_ZCRX == 1 &&
	      IO_URING_QUERY_SCQ == 2 && IO_URING_QUERY_ZCRX_EVENT == 3 &&
	      __IO_URING_QUERY_MAX == 4, "numbers");
static_assert(sizeof(struct io_uring_query_hdr) == 40 &&
	      AT(hdr, next_entry, 0) && AT(hdr, query_data, 8) &&
	      AT(hdr, query_op, 16) && AT(hdr, size, 20) &&
	      AT(hdr, result, 24) && AT(hdr, __resv, 28), "hdr");
static_assert(sizeof(struct io_uring_query_opcode) == 48 &&
	      AT(opcode, nr_request_opcodes, 0) &&
	      AT(opcode, nr_register_opcodes, 4) &&
	      AT(opcode, feature_flags, 8) &&
	      AT(opcode, ring_setup_flags, 16) &&
	      AT(opcode, enter_flags, 24) && AT(opcode, sqe_flags, 32) &&
	      AT(opcode, nr_query_opcodes, 40) && AT(opcode, __pad, 44),
	      "opcode");
static_assert(sizeof(struct io_uring_query_zcrx) == 40 &&
	      AT(zcrx, register_flags, 0) && AT(zcrx, area_flags, 8) &&
	      AT(zcrx, nr_ctrl_opcodes, 16) && AT(zcrx, features, 20) &&
	      AT(zcrx, rq_hdr_size, 24) && AT(zcrx, rq_hdr_alignment, 28) &&
	      AT(zcrx, __resv2, 32), "zcrx");
static_assert(sizeof(struct io_uring_query_scq) == 16 &&
	      AT(scq, hdr_size, 0) && AT(scq, hdr_alignment, 8), "scq");
static_assert(sizeof(struct io_uring_query_zcrx_event) == 48 &&
	      AT(zcrx_event, event_flags, 0) &&
	      AT(zcrx_event, stats_size, 4) &&
	      AT(zcrx_event, stats_off_alignment, 8) &&
	      AT(zcrx_event, __resv1, 12) && AT(zcrx_event, __resv2, 16),
	      "zcrx_event");

const __u32 answer_size[NR_OPS] = {
	[IO_URING_QUERY_OPCODES] = sizeof(struct io_uring_query_opcode),
	[IO_URING_QUERY_ZCRX] = sizeof(struct io_uring_query_zcrx),
	[IO_URING_QUERY_SCQ] = sizeof(struct io_uring_query_scq),
	[IO_URING_QUERY_ZCRX_EVENT] = sizeof(struct io_uring_query_zcrx_event),
};

const struct via blind = { .fd = -1, .opcode = REGISTER_QUERY };

int ask_chain(const struct via *via, const void *first)
{
	return io_uring_register(via->fd, via->opcode, first, 0);
}

struct io_uring_query_hdr question(__u32 op, void *data, __u32 size)
{
	return (struct io_uring_query_hdr) {
		.query_data = (uintptr_t)data,
		.query_op = op,
		.size = size,
	};
}

union answer nothing_written(void)
{
	union answer a;

	memset(&a, GUARD, sizeof(a));
	return a;
}

bool is_untouched(const union answer *a)
{
	const union answer untouched = nothing_written();

	return !memcmp(a, &untouched, sizeof(*a));
}

int ask_all(union answer a[NR_OPS])
{
	struct io_uring_query_hdr hdr;
	int ret = 0;
	__u32 op;

	for (op = 0; op < NR_OPS && !ret; op++) {
		a[op] = nothing_written();
		hdr = question(op, &a[op], ROOM);
		ret = ask_chain(&blind, &hdr);
		ret = ret ? ret : hdr.result;
	}
	return ret;
}
