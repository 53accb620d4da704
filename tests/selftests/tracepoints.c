// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints: each is hit, and what they tell one by one adds up to what the
 * counters say.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "lib/events.h"
#include "lib/flow.h"
#include "lib/netdev.h"
#include "lib/pins.h"
#include "lib/recv.h"
#include "lib/text.h"
#include "queue.h"
#include "tcp.h"

#define TIMEOUT		120
#define TRACEFS		"/sys/kernel/tracing/"
#define BUFFER_KB	"16384"
#define MIB		(1024 * 1024ULL)
#define AREA_LEN	(2 * MIB)
#define STREAM_LEN	(3 * MIB)
#define NOTICE		0x90e

static struct stream stream;

static int write_to(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), TRACEFS "%s", name);
	return write_text(path, value);
}

static int trace_begin(void)
{
	int ret = 0;

	if (access(TRACEFS "trace", F_OK) &&
	    mount("tracefs", TRACEFS, "tracefs", 0, NULL))
		return -errno;
	ret = write_to("buffer_size_kb", BUFFER_KB);
	if (!ret)
		ret = write_to("trace", "");
	return ret ? ret : write_to("events/zcrx/enable", "1");
}

static int trace_end(void)
{
	return write_to("events/zcrx/enable", "0");
}

/*
 * The sum of key's numbers over the events of that name which have a word in them;
 * without a key, how many there are. -1 if some are lost.
 */
static long long trace_sum(const char *event, const char *word, const char *key)
{
	char name[64], pattern[64], line[512];
	FILE *f = fopen(TRACEFS "trace", "re");
	long long sum = 0;

	snprintf(name, sizeof(name), " %s: ", event);
	snprintf(pattern, sizeof(pattern), " %s=", key ? key : "");
	while (f && fgets(line, sizeof(line), f)) {
		const char *at = strstr(line, name);

		if (strstr(line, "LOST"))
			sum = -1000000000;
		if (!at || (word && !strstr(at, word)))
			continue;
		if (!key) {
			sum++;
			continue;
		}
		at = strstr(at, pattern);
		if (at)
			sum += strtoll(at + strlen(pattern), NULL, 0);
	}
	if (f)
		fclose(f);
	return sum;
}

FIXTURE(trace)
{
	unsigned int ifindex;
	struct zc zc;
};

FIXTURE_SETUP(trace)
{
	self->ifindex = if_nametoindex(WIRE_IF);
	ASSERT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	stream_init(&stream, 97);
	ASSERT_EQ(0, flow_widen());
	ASSERT_EQ(0, flow_steer(WIRE_RXQ, WIRE_RXQ));
	ASSERT_EQ(0, trace_begin());
	ASSERT_EQ(0, wire_bind(&self->zc, AREA_USER, AREA_LEN));
}

FIXTURE_TEARDOWN(trace)
{
	trace_end();
	zc_close(&self->zc);
	EXPECT_EQ(0, netdev_wait_no_pools(self->ifindex, WIRE_PATIENCE_MS));
	EXPECT_EQ(0, pins_wait(0, WIRE_PATIENCE_MS));
}

TEST_F_TIMEOUT(trace, adds_up, TIMEOUT)
{
	struct zc *zc = &self->zc;
	struct receiver rx = { .zc = zc, .stream = &stream, .id = 0x77 };
	struct wire wire;
	char buf[1000];
	int here[2];

	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx.sock = wire.sock;
	ASSERT_EQ(RECEIVE_END, receive_all(&rx));
	EXPECT_EQ(0, wire_close(&wire));
	/* and a copy */
	ASSERT_EQ(0, loopback_open(here));
	rx = (struct receiver) {
		.zc = zc, .stream = &stream, .id = 0x78, .sock = here[0] };
	ASSERT_EQ(0, zc_recv(zc, here[0], 0, rx.id));
	stream_fill(&stream, 0, buf, sizeof(buf));
	ASSERT_EQ(0, tcp_send_all(here[1], buf, sizeof(buf)));
	ASSERT_EQ(0, recv_bytes(&rx, sizeof(buf)));
	close(here[1]);
	ASSERT_EQ(RECEIVE_END, receive(&rx, UINT64_MAX - MIB));
	close(here[0]);
	EXPECT_EQ(0, zc_flush(zc));
	ASSERT_EQ(0, trace_end());

	EXPECT_EQ(STREAM_LEN, trace_sum("zcrx_recv", NULL, "delivered"));
	EXPECT_EQ(STREAM_LEN, trace_sum("zcrx_recv", "user_data=0x77 ",
					"delivered"));
	EXPECT_EQ(1000, trace_sum("zcrx_recv", "user_data=0x78 ", "copied"));
	EXPECT_EQ(zc_fdinfo(zc, "cqes"), trace_sum("zcrx_recv", NULL, "cqes"));
	EXPECT_EQ(1000, trace_sum("zcrx_copy", "reason=3 ", "done"));
	EXPECT_EQ(1, trace_sum("zcrx_copy", NULL, NULL));
	EXPECT_EQ(zc_fdinfo(zc, "cqes"),
		  trace_sum("zcrx_refill", NULL, "entries"));
	EXPECT_EQ(0, trace_sum("zcrx_refill", NULL, "invalid"));
	EXPECT_EQ(zc_fdinfo_queue(zc, WIRE_RXQ, "from_ring"),
		  trace_sum("zcrx_alloc", NULL, "ring"));
	EXPECT_EQ(zc_fdinfo_queue(zc, WIRE_RXQ, "from_free"),
		  trace_sum("zcrx_alloc", NULL, "free"));
	EXPECT_EQ(0, trace_sum("zcrx_alloc", NULL, "others"));
	EXPECT_EQ(zc_fdinfo_queue(zc, WIRE_RXQ, "alloc_failed"),
		  trace_sum("zcrx_alloc_fail", NULL, NULL));
	EXPECT_EQ(1, trace_sum("zcrx_queue", "rxq=1 open ret=0", NULL));
}

/* What comes and goes. */
TEST_F_TIMEOUT(trace, changes, TIMEOUT)
{
	struct zc *zc = &self->zc;
	struct zc_queue further;
	struct area more, gone;
	const char *failed;

	ASSERT_EQ(0, area_open(&more, AREA_USER, AREA_LEN, &failed));
	ASSERT_EQ(0, zc_add_area(zc, &more, NULL));
	ASSERT_EQ(0, zc_bind_queue(zc, &further, FLOW_FURTHER_RXQ, false));
	ASSERT_EQ(0, zc_remove_area(zc, 0, NOTICE));
	ASSERT_EQ(0, zc_flush(zc));
	EXPECT_RESULT(zc, NOTICE, 0);
	gone = zc_forget_area(zc, 0);
	area_close(&gone);
	ASSERT_EQ(0, zc_unbind_queue(zc, &further));
	EXPECT_EQ(-ENOENT, zc_remove_area(zc, 0, 0));
	ASSERT_EQ(0, trace_end());

	EXPECT_EQ(2, trace_sum("zcrx_area", " add ret=0", NULL));
	EXPECT_EQ(1024, trace_sum("zcrx_area", " add ret=0", "niovs"));
	EXPECT_EQ(1, trace_sum("zcrx_area", "token=0x0 niovs=512 remove ret=0",
			       NULL));
	EXPECT_EQ(1, trace_sum("zcrx_area", " gone ret=0", NULL));
	EXPECT_EQ(2, trace_sum("zcrx_queue", " open ret=0", NULL));
	EXPECT_EQ(2, trace_sum("zcrx_queue", " restart ret=0", NULL));
	EXPECT_EQ(1, trace_sum("zcrx_queue", "rxq=2 close ret=0", NULL));
	EXPECT_EQ(1, trace_sum("zcrx_queue", " close ", NULL));
}

/* A queue that goes without. */
TEST_F_TIMEOUT(trace, dry, TIMEOUT)
{
	struct receiver rx = { .zc = &self->zc, .stream = &stream, .keep = true };
	struct hold hold = {};
	struct wire wire;
	unsigned int i;

	rx.hold = &hold;
	ASSERT_EQ(0, wire_open(&wire, WIRE_V4, &stream, STREAM_LEN, false));
	rx.sock = wire.sock;
	ASSERT_EQ(0, zc_recv(&self->zc, rx.sock, 0, 0));
	for (i = 0; i < 1000 &&
	     zc_fdinfo_queue(&self->zc, WIRE_RXQ, "alloc_failed") <= 0; i++)
		receive_round(&rx, 1, 50);
	hold_release(&hold, &self->zc);
	rx.keep = false;
	ASSERT_EQ(RECEIVE_END, receive(&rx, UINT64_MAX - STREAM_LEN));
	EXPECT_EQ(STREAM_LEN, rx.bytes);
	EXPECT_EQ(0, wire_close(&wire));
	ASSERT_EQ(0, trace_end());
	EXPECT_LT(0, trace_sum("zcrx_alloc_fail", "rxq=1", NULL));
	EXPECT_EQ(zc_fdinfo_queue(&self->zc, WIRE_RXQ, "alloc_failed"),
		  trace_sum("zcrx_alloc_fail", NULL, NULL));
}

TEST_HARNESS_MAIN
