// SPDX-License-Identifier: GPL-2.0
/*
 * ZCRX_CTRL_REMOVE_AREA: what is refused, and that an area goes under traffic:
 * nothing of the stream is lost, what is held stays as it is, a notice comes when
 * the last buffer is back and not before, and nobody writes there any more.
 */
#include <linux/io_uring/zcrx_ext.h>
#include <net/if.h>
#include <string.h>

#include "kselftest_harness.h"

#include "lib/copies.h"
#include "lib/held.h"
#include "lib/nodev.h"
#include "lib/pins.h"
#include "lib/recv.h"
#include "lib/senders.h"
#include "queue.h"

#define TIMEOUT		120
#define MIB		(1024 * 1024ULL)
#define PAGE		4096
#define TOKEN(id)	((__u64)(id) << IORING_ZCRX_AREA_SHIFT)
#define AREA_LEN	(4 * MIB)
#define STREAM_LEN	(12 * MIB)
#define NOTICE		0x90e
#define HELD		16
#define PATTERN		0x5a

static struct stream stream;

/* Receives all, and a notice at some time. Returns 0 or -errno. */
static int receive_with_notice(struct receiver *rx, __u64 user_data)
{
	bool noticed = false, ended = false;
	union recv_cqe c;
	int ret;

	while (!ended || !noticed) {
		ret = recv_next(rx->zc, &c, RECV_SOON_MS);
		if (ret)
			return ret;
		if (c.cqe.user_data == user_data)
			noticed = true;
		else if (!(c.cqe.flags & IORING_CQE_F_MORE))
			ended = true;
		else
			ret = recv_take(rx, &c);
		if (ret)
			return ret;
	}
	return 0;
}

FIXTURE(area)
{
	unsigned int ifindex;
	struct zc zc;
	struct area more;
	struct receiver rx;
	struct held held[HELD];
};

FIXTURE_VARIANT(area)
{
	enum area_kind kind;
	enum area_kind more;
	bool nodev;
};

FIXTURE_VARIANT_ADD(area, user) { AREA_USER, AREA_USER };
FIXTURE_VARIANT_ADD(area, udmabuf) { AREA_UDMABUF, AREA_UDMABUF };
FIXTURE_VARIANT_ADD(area, heap) { AREA_HEAP, AREA_HEAP };
FIXTURE_VARIANT_ADD(area, user_of_mixed) { AREA_USER, AREA_HEAP };
FIXTURE_VARIANT_ADD(area, heap_of_mixed) { AREA_HEAP, AREA_USER };
FIXTURE_VARIANT_ADD(area, nodev_user) { AREA_USER, AREA_USER, true };
FIXTURE_VARIANT_ADD(area, nodev_heap) { AREA_HEAP, AREA_HEAP, true };

FIXTURE_SETUP(area)
{
	struct zc_config cfg = {
		.nodev = true,
		.kind = variant->kind,
		.area_len = AREA_LEN,
	};
	const char *failed;

	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 81);
	ASSERT_EQ(0, variant->nodev ?
		     zc_open(&self->zc, &cfg) :
		     wire_bind(&self->zc, variant->kind, AREA_LEN));
	ASSERT_EQ(0, area_open(&self->more, variant->more, AREA_LEN, &failed));
	ASSERT_EQ(0, zc_add_area(&self->zc, &self->more, NULL));
	self->rx = (struct receiver) {
		.zc = &self->zc,
		.stream = &stream,
	};
}

FIXTURE_TEARDOWN(area)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

/* A request is armed; without a NIC, a copy may find no buffer. */
static int receive_rest(struct receiver *rx, bool nodev)
{
	int ret = receive(rx, UINT64_MAX - rx->bytes);

	return nodev && ret == -ENOMEM ? receive_all_copied(rx) : ret;
}

TEST_F_TIMEOUT(area, under_traffic, TIMEOUT)
{
	const __u64 pages = AREA_LEN / PAGE;
	struct receiver *rx = &self->rx;
	struct zc *zc = &self->zc;
	const char *failed;
	struct area gone;
	struct wire wire;
	uint64_t token;
	long pins;
	size_t i;

	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx->sock = wire.sock;
	ASSERT_EQ(0, zc_recv(zc, rx->sock, 0, rx->id));
	ASSERT_EQ(0, held_take(rx, self->held, HELD));
	ASSERT_EQ(RECEIVE_MORE, receive(rx, MIB));

	pins = pins_now();
	ASSERT_EQ(0, zc_remove_area(zc, TOKEN(0), NOTICE));
	EXPECT_EQ(-ENOENT, zc_remove_area(zc, TOKEN(0), NOTICE));
	EXPECT_EQ(-EBUSY, zc_remove_area(zc, TOKEN(1), NOTICE));
	ASSERT_EQ(RECEIVE_END, receive_rest(rx, variant->nodev));
	EXPECT_EQ(STREAM_LEN, rx->bytes);
	EXPECT_EQ(0, wire_close(&wire));

	/* what is held is all that is missing */
	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_QUIET(zc);
	EXPECT_EQ(2 * pages, zc_fdinfo(zc, "buffers"));
	EXPECT_EQ(HELD, zc_fdinfo(zc, "held"));
	EXPECT_TRUE(held_as_it_was(rx, self->held, HELD));
	held_give_back(zc, self->held, HELD - 1);
	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_QUIET(zc);
	EXPECT_TRUE(held_as_it_was(rx, self->held + HELD - 1, 1));
	held_give_back(zc, self->held + HELD - 1, 1);
	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_RESULT(zc, NOTICE, 0);

	EXPECT_EQ(pages, zc_fdinfo(zc, "buffers"));
	EXPECT_EQ(0, zc_fdinfo(zc, "invalid"));
	if (variant->kind == AREA_USER)
		EXPECT_EQ(pins - (long)pages, pins_now());

	/* Nobody writes there; its number does not come again. */
	gone = zc_forget_area(zc, TOKEN(0));
	memset(gone.base, PATTERN, AREA_LEN);
	ASSERT_EQ(0, area_open(&self->more, variant->kind, AREA_LEN, &failed));
	ASSERT_EQ(0, zc_add_area(zc, &self->more, &token));
	EXPECT_EQ(TOKEN(ZC_AREAS_MAX), token);
	rx->bytes = 0;
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx->sock = wire.sock;
	ASSERT_EQ(0, zc_recv(zc, rx->sock, 0, rx->id));
	ASSERT_EQ(RECEIVE_END, receive_rest(rx, variant->nodev));
	EXPECT_EQ(STREAM_LEN, rx->bytes);
	EXPECT_EQ(0, wire_close(&wire));
	EXPECT_EQ(0, zc_fdinfo(zc, "invalid"));
	for (i = 0; i < AREA_LEN && ((__u8 *)gone.base)[i] == PATTERN; i++)
		;
	EXPECT_EQ(AREA_LEN, i);
	area_close(&gone);
	/* the other one goes as well */
	ASSERT_EQ(0, zc_remove_area(zc, TOKEN(1), NOTICE));
	EXPECT_EQ(0, zc_flush(zc));
	EXPECT_RESULT(zc, NOTICE, 0);
}

/*
 * What a copy filled comes home by the refill ring, with the NIC's new page_pool at
 * its other end, and is not for it.
 */
TEST_F_TIMEOUT(area, what_copies_filled, TIMEOUT)
{
	/* without a NIC: as much as there is room for in the other one, however slow */
	const __u64 len = variant->nodev ? MIB : STREAM_LEN;
	struct receiver *rx = &self->rx;
	struct zc *zc = &self->zc;
	struct wire wire;

	ASSERT_EQ(0, wire_open_with(&wire, LOOPBACK_V4, &stream, MIB, false,
				    copies_send_over_loopback));
	rx->sock = wire.sock;
	ASSERT_EQ(0, zc_recv(zc, rx->sock, 0, rx->id));
	ASSERT_EQ(0, copies_go(&wire));
	ASSERT_EQ(0, held_take(rx, self->held, HELD));
	ASSERT_EQ(RECEIVE_END, receive(rx, UINT64_MAX - rx->bytes));
	EXPECT_EQ(MIB, zc_fdinfo(zc, "copied"));
	EXPECT_EQ(0, wire_close(&wire));

	ASSERT_EQ(0, zc_remove_area(zc, TOKEN(0), NOTICE));
	EXPECT_TRUE(held_as_it_was(rx, self->held, HELD));
	held_give_back(zc, self->held, HELD);
	/* nor does anybody look at the ring then, before there are few */
	if (variant->nodev)
		ASSERT_EQ(0, zc_flush(zc));
	rx->bytes = 0;
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, len, false));
	rx->sock = wire.sock;
	ASSERT_EQ(0, zc_recv(zc, rx->sock, 0, rx->id));
	ASSERT_EQ(0, receive_with_notice(rx, NOTICE));
	EXPECT_EQ(len, rx->bytes);
	EXPECT_EQ(0, wire_close(&wire));
}

/*
 * What is refused, without a NIC
 */
FIXTURE(refused)
{
	struct zc zc;
	struct area more;
};

FIXTURE_SETUP(refused)
{
	const struct zc_config cfg = {
		.nodev = true,
		.kind = AREA_USER,
		.area_len = 16 * PAGE,
	};
	const char *failed;

	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	ASSERT_EQ(0, zc_open(&self->zc, &cfg));
	ASSERT_EQ(0, area_open(&self->more, AREA_USER, 16 * PAGE, &failed));
}

FIXTURE_TEARDOWN(refused)
{
	zc_close(&self->zc);
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

static int leave(struct zc *zc, struct zcrx_ctrl_leave leave)
{
	struct zcrx_ext_ctrl ctrl = {
		.op = ZCRX_CTRL_REMOVE_AREA,
		.zc_leave = leave,
	};

	return zc_ext_ctrl(zc, &ctrl);
}

TEST_F(refused, leaves_it_as_it_was)
{
	struct zcrx_ctrl_leave none = {};
	struct zc *zc = &self->zc;
	unsigned int i;

	EXPECT_EQ(-EBUSY, leave(zc, none));
	/* the NIC's last one, and a fallback is none */
	self->more.fallback = true;
	ASSERT_EQ(0, zc_add_area(zc, &self->more, NULL));
	EXPECT_EQ(-EBUSY, leave(zc, none));

	for (i = 1; i < 32; i++)
		EXPECT_EQ(-EINVAL, leave(zc, (struct zcrx_ctrl_leave) {
			.area_token = TOKEN(1), .flags = 1U << i }));
	for (i = 0; i < ARRAY_SIZE(none.__resv); i++) {
		struct zcrx_ctrl_leave bad = { .area_token = TOKEN(1) };

		bad.__resv[i] = 1;
		EXPECT_EQ(-EINVAL, leave(zc, bad));
	}
	EXPECT_EQ(-EINVAL, leave(zc, (struct zcrx_ctrl_leave) {
		.area_token = TOKEN(1), .user_data = 1 }));
	EXPECT_EQ(-ENOENT, zc_remove_area(zc, TOKEN(1) + 1, 0));
	EXPECT_EQ(-ENOENT, zc_remove_area(zc, TOKEN(2), 0));
	EXPECT_EQ(-ENOENT, zc_remove_area(zc, TOKEN(1 + ZC_AREAS_MAX), 0));
	EXPECT_EQ(-ENOENT, zc_remove_area(zc, TOKEN(65535), 0));
	EXPECT_QUIET(zc);
	EXPECT_EQ(32, zc_fdinfo(zc, "free"));

	/* a fallback needs nobody's leave */
	ASSERT_EQ(0, zc_remove_area(zc, TOKEN(1), NOTICE));
	EXPECT_RESULT(zc, NOTICE, 0);
	EXPECT_EQ(16, zc_fdinfo(zc, "free"));
	EXPECT_EQ(-ENOENT, zc_remove_area(zc, TOKEN(1), 0));
}

/* Slots are used again, ids are not. */
TEST_F(refused, no_id_twice)
{
	struct zc *zc = &self->zc;
	struct area more = self->more;
	unsigned int i;

	for (i = 0; i < 3 * ZC_AREAS_MAX; i++) {
		uint64_t token;

		ASSERT_EQ(0, zc_add_area(zc, &more, &token));
		EXPECT_EQ(TOKEN(1 + i * ZC_AREAS_MAX), token);
		ASSERT_EQ(0, zc_remove_area(zc, token, NOTICE));
		EXPECT_RESULT(zc, NOTICE, 0);
		more = zc_forget_area(zc, token);
	}
	area_close(&more);
}

TEST_HARNESS_MAIN
