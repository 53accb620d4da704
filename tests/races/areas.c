// SPDX-License-Identifier: GPL-2.0
/*
 * Areas come and go while a stream comes in: nothing of it is lost, and nothing is
 * left of what went.
 */
#include <errno.h>

#include "lib/wire.h"
#include "race.h"

#define NOTICE		0x90e0000000000000ULL

size_t areas_unit = MIB;

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
	struct area area;

	if (!leaving || !live->rx.noticed)
		return;
	area = zc_forget_area(&live->zc, leaves);
	area_close(&area);
	leaving = false;
}

static int add_one(struct run *run, struct zc *zc)
{
	enum area_kind kind = chance_kind(run);
	struct area area;
	const char *what;
	int ret;

	run->at = "one more area";
	if (!chance(run, 3))
		kind = kind == AREA_USER ? AREA_HEAP : AREA_USER;
	ret = area_open(&area, kind, (1 + chance(run, 2)) * areas_unit, &what);
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
	run->at = "one area less";
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

/*
 * What left comes home once the sockets have let go of it, and the refill rings were
 * read: the one of a queue that is idle may not be for long. Little at a time, as a
 * debug kernel takes 7 ms and more for each page that it copies into a udmabuf.
 */
static int all_home(struct run *run, struct live *live)
{
	unsigned int i;
	int ret = 0;

	run->at = "an area that has yet to go";
	for (i = 0; !ret && leaving && i < 1024; i++) {
		ret = live_receive(live, 16 * KIB);
		if (!ret && i % 4 == 3)
			ret = zc_flush(&live->zc);
		take_notice(live);
	}
	if (!ret && leaving)
		ret = -ETIME;
	return failed("an area that never goes", ret);
}

int areas_act(struct run *run, struct live *live)
{
	unsigned int nr = count(&live->zc);

	take_notice(live);
	/* its slot is free before the notice was seen */
	if (leaving)
		return all_home(run, live);
	if (nr == 1 || (nr < 5 && chance(run, 2)))
		return add_one(run, &live->zc);
	return remove_one(run, live);
}

int areas_after(struct run *run, struct live *live)
{
	int ret = 0;

	if (leaving && !chance(run, 4))
		ret = all_home(run, live);
	if (!ret)
		ret = lasting_end(run, false);
	if (!lasting_is_open())
		leaving = false;
	return ret;
}

static int areas_round(struct run *run)
{
	struct live *live;
	int ret, end;

	live = lasting_begin(run, &ret);
	if (ret)
		return ret;
	ret = lasting_act(run, areas_act);
	if (ret < 0)
		return ret;
	end = areas_after(run, live);
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
