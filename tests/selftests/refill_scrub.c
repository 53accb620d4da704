// SPDX-License-Identifier: GPL-2.0
/*
 * The ring goes while the NIC's NAPI reads a refill ring that is full: what the
 * kernel takes back from the user at that moment, and what comes back through
 * an entry, is the same buffer, and comes back once.
 */
#include <net/if.h>

#include "kselftest_harness.h"

#include "lib/netdev.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "peer.h"
#include "queue.h"

#define TIMEOUT		240
#define MIB		(1024 * 1024)
#define AREA_LEN	(32 * MIB)
/* More than anybody waits for: the NAPI is busy when the ring goes. */
#define ENDLESS		(1024ULL * 1024 * MIB)
/* What is held, and given back all at once. */
#define HELD		(8 * MIB)
#define ROUNDS		10

static struct stream stream;

FIXTURE(scrub)
{
	unsigned int ifindex;
};

FIXTURE_VARIANT(scrub)
{
	enum area_kind kind;
};

FIXTURE_VARIANT_ADD(scrub, user)
{
	.kind = AREA_USER,
};

FIXTURE_VARIANT_ADD(scrub, udmabuf)
{
	.kind = AREA_UDMABUF,
};

FIXTURE_SETUP(scrub)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
				     WIRE_PATIENCE_MS));
	ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	stream_init(&stream, 31);
}

FIXTURE_TEARDOWN(scrub)
{
}

/* Returns 0 or -errno. */
static int leave_with_entries(enum area_kind kind)
{
	struct hold hold = { };
	struct receiver rx = {
		.stream = &stream,
		.hold = &hold,
		.keep = true,
	};
	struct wire wire;
	struct zc zc;
	int ret;

	ret = wire_bind(&zc, kind, AREA_LEN);
	if (ret)
		return ret;
	ret = wire_open(&wire, WIRE_V4, &stream, ENDLESS, true);
	if (ret)
		return ret;
	rx.zc = &zc;
	rx.sock = wire.sock;
	ret = zc_recv(&zc, wire.sock, 0, 0);
	if (!ret)
		ret = receive(&rx, HELD);
	hold_release(&hold, &zc);
	zc_close(&zc);
	free(hold.rqe);
	return wire_close(&wire) ? -EIO : ret;
}

TEST_F_TIMEOUT(scrub, each_buffer_comes_home_once, TIMEOUT)
{
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(RECEIVE_MORE, leave_with_entries(variant->kind));
		ASSERT_EQ(0, queue_wait_free(self->ifindex, WIRE_RXQ,
					     WIRE_PATIENCE_MS));
		/* else somebody waits for one that is never to come */
		ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex,
						  WIRE_PATIENCE_MS));
		ASSERT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
	}
}

TEST_HARNESS_MAIN
