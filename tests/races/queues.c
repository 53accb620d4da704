// SPDX-License-Identifier: GPL-2.0
/*
 * A further queue comes and goes while a stream comes in by it, or by the first, and
 * moves from one to the other; buffers go back by either ring, and areas come and go
 * as well.
 */
#include <errno.h>
#include <net/if.h>

#include "lib/flow.h"
#include "lib/nic.h"
#include "queue.h"
#include "race.h"

#define CHANNELS	2	/* what the VM has */

static struct zc_queue further;
static bool bound;

static int queues_begin(struct run *run)
{
	(void)run;
	/* an idle queue keeps twice its descriptors, which must not be all */
	areas_unit = 4 * MIB;
	return failed("one more queue", flow_widen());
}

static int move_flows(struct run *run)
{
	unsigned int even = chance(run, 2), odd = chance(run, 2);

	return failed("to steer", flow_steer(WIRE_RXQ + even, WIRE_RXQ + odd));
}

static int bind_one(struct run *run, struct live *live)
{
	int ret;

	run->at = "one more queue";
	ret = zc_bind_queue(&live->zc, &further, FLOW_FURTHER_RXQ, false);
	if (ret)
		return failed("to bind a queue", ret);
	bound = true;
	live->rx.by = &further;
	live->rx.by_every = chance(run, 4);
	return 0;
}

static int unbind_one(struct run *run, struct live *live)
{
	run->at = "one queue less";
	live->rx.by_every = 0;
	bound = false;
	return failed("to unbind a queue",
		      zc_unbind_queue(&live->zc, &further));
}

static int act(struct run *run, struct live *live)
{
	int ret = 0;

	if (!chance(run, 4))
		return areas_act(run, live);
	if (chance(run, 2))
		ret = move_flows(run);
	if (!ret)
		ret = bound ? unbind_one(run, live) : bind_one(run, live);
	if (!ret && chance(run, 2))
		ret = move_flows(run);
	return ret;
}

/* With the ring that had it. */
static int further_gone(void)
{
	bound = false;
	zc_queue_forget(&further);
	return failed("the further queue",
		      queue_wait_free(if_nametoindex(WIRE_IF),
				      FLOW_FURTHER_RXQ, WIRE_PATIENCE_MS));
}

static int queues_round(struct run *run)
{
	struct live *live;
	int ret, end;

	live = lasting_begin(run, &ret);
	if (ret)
		return ret;
	ret = lasting_act(run, act);
	if (ret < 0)
		return ret;
	end = areas_after(run, live);
	if (!end && !lasting_is_open())
		end = further_gone();
	return end ? end : ret;
}

/* A queue that flows are steered to cannot go. */
static int queues_end(struct run *run)
{
	int ret = lasting_end(run, true);

	if (!ret)
		ret = further_gone();
	if (!ret)
		ret = nic_steer_default(WIRE_IF);
	if (!ret)
		ret = nic_set_channels(WIRE_IF, CHANNELS);
	if (!ret)
		ret = nic_steer(WIRE_IF, WIRE_RXQ);
	return failed("the NIC as it was", ret);
}

const struct race race_queues = {
	.name = "queues",
	.begin = queues_begin,
	.round = queues_round,
	.end = queues_end,
};
