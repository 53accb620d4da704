// SPDX-License-Identifier: GPL-2.0
/*
 * Areas come and go while a stream comes in, and ifqs do: nothing of the stream
 * is lost as long as its ifq is there, and nothing is left of what went.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/wire.h"
#include "race.h"

#define NOTICE		0x90e0000000000000ULL
#define KINDS_OF(kind)	((kind) == AREA_USER ? AREA_HEAP : AREA_USER)

/* Which one is on its way out, or none: 0 is a token as well. */
static bool leaving;
static uint64_t leaves;

static unsigned int count(const struct zc *zc)
{
	unsigned int i, nr = 0;

	for (i = 0; i < ZC_AREAS_MAX; i++)
		nr += !!zc->areas[i].len;
	return nr;
}

/* Forgets the area that is gone, if the notice has come by now. */
static void take_notice(struct live *live)
{
	if (!leaving || !live->rx.noticed)
		return;
	zc_forget_area(&live->zc, leaves);
	leaving = false;
}

static int add_one(struct run *run, struct zc *zc)
{
	enum area_kind kind = chance_kind(run);
	struct area area;
	const char *what;
	int ret;

	if (!chance(run, 3))
		kind = KINDS_OF(kind);
	ret = area_open(&area, kind, (1 + chance(run, 2)) * MIB, &what);
	if (ret)
		return failed(what, ret);
	area.fallback = !chance(run, 8);
	ret = zc_add_area(zc, &area, NULL);
	if (ret)
		area_close(&area);
	return failed("to add an area", ret);
}

static int remove_one(struct run *run, struct live *live)
{
	unsigned int at = chance(run, count(&live->zc)), i;
	int ret;

	for (i = 0; i < ZC_AREAS_MAX; i++)
		if (live->zc.areas[i].len && !at--)
			break;
	leaves = live->zc.tokens[i];
	live->rx.notice = NOTICE;
	live->rx.noticed = false;
	ret = zc_remove_area(&live->zc, leaves, NOTICE);
	/* the others are fallbacks */
	if (ret == -EBUSY)
		return add_one(run, &live->zc);
	leaving = !ret;
	return failed("to remove an area", ret);
}

/* What left comes home once the sockets have let go of it. */
static int all_home(struct live *live)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && leaving && i < 256; i++) {
		ret = live_receive(live, 64 * KIB);
		take_notice(live);
	}
	if (!ret && leaving)
		ret = -ETIME;
	return failed("an area that never goes", ret);
}

static int add_or_remove(struct run *run, struct live *live)
{
	unsigned int nr = count(&live->zc);

	take_notice(live);
	/* its slot is free before the notice was seen */
	if (leaving)
		return all_home(live);
	if (nr == 1 || (nr < 5 && chance(run, 2)))
		return add_one(run, &live->zc);
	return remove_one(run, live);
}

static int areas_round(struct run *run)
{
	struct live *live;
	int ret, end;

	live = lasting_begin(run, &ret);
	if (ret)
		return ret;
	ret = lasting_act(run, add_or_remove);
	if (ret < 0)
		return ret;
	if (leaving && !chance(run, 4)) {
		end = all_home(live);
		if (end)
			return end;
	}
	end = lasting_end(run, false);
	if (!lasting_is_open())
		leaving = false;
	return end ? end : ret;
}

static int areas_end(struct run *run)
{
	return lasting_end(run, true);
}

const struct race race_areas = {
	.name = "areas",
	.round = areas_round,
	.end = areas_end,
};

/*
 * The ring lets go of its ifq at some moment of a stream, and of what its
 * socket holds with it. Another one of the same ring gets all of its stream.
 */

/* Until the request has ended and the notice has come. */
static int see_off(struct receiver *rx)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && !rx->ended && i < 4096; i++)
		ret = receive_round(rx, 1, WIRE_PATIENCE_MS);
	if (!ret && (!rx->ended || rx->result != -ECANCELED))
		ret = rx->ended ? rx->result : -ETIME;
	return failed("the request", ret > 0 ? -EPROTO : ret);
}

static int wait_notice(struct receiver *rx)
{
	struct io_uring_cqe *cqe;
	int ret = 0;

	while (!ret && !rx->noticed) {
		ret = zc_wait(rx->zc, WIRE_PATIENCE_MS);
		if (!ret)
			ret = io_uring_peek_cqe(&rx->zc->ring, &cqe);
		if (ret)
			break;
		rx->noticed = cqe->user_data == rx->notice;
		io_uring_cqe_seen(&rx->zc->ring, cqe);
	}
	return failed("an ifq that never goes", ret);
}

static int register_anew(struct zc *zc)
{
	struct io_uring_zcrx_ifq_reg reg = zc->reg.ifq;
	int ret;

	memset(&zc->reg.ifq.offsets, 0, sizeof(reg.offsets));
	zc->reg.ifq.zcrx_id = 0;
	zc->reg.area.rq_area_token = 0;
	ret = io_uring_register_ifq(&zc->ring, &zc->reg.ifq);
	if (ret)
		return failed("another ifq of the ring", ret);
	/* what is still to be given back is of the one that went */
	zc->stash_len = 0;
	zc_use_region(zc, zc->rq.ring_ptr);
	return 0;
}

static int leave_and_again(struct run *run, struct zc *zc)
{
	struct receiver rx = {
		.zc = zc,
		.stream = &race_stream,
		.notice = NOTICE,
	};
	struct wire wire;
	int ret;

	ret = wire_open(&wire, chance_addr(run), &race_stream, ENDLESS, true);
	if (ret)
		return failed("connection", ret);
	rx.sock = wire.sock;
	ret = zc_recv(zc, rx.sock, 0, 0);
	if (!ret)
		ret = receive(&rx, 16 * KIB + chance(run, 128 * KIB));
	run->bytes += rx.bytes;
	if (ret)
		return failed("the stream before", ret);
	delay(run, chance_delay(run));
	ret = failed("to unregister", zc_unregister(zc, NOTICE));
	if (!ret)
		ret = see_off(&rx);
	if (!ret)
		ret = failed("the peer", wire_close(&wire));
	if (!ret)
		ret = wait_notice(&rx);
	if (!ret)
		ret = register_anew(zc);
	if (!ret)
		ret = receive_stream(run, zc, chance_addr(run), 64 * KIB);
	return ret;
}

static int leave_round(struct run *run)
{
	unsigned int i, times = 1 + chance(run, 3);
	struct zc zc;
	int ret;

	ret = wire_bind(&zc, chance_kind(run), 4 * MIB);
	if (ret)
		return ret;
	for (i = 0; !ret && i < times; i++)
		ret = leave_and_again(run, &zc);
	zc_close(&zc);
	if (!ret)
		ret = ring_gone(run);
	return ret ? ret : ROUND_COUNTS;
}

const struct race race_leave = {
	.name = "leave",
	.round = leave_round,
};
