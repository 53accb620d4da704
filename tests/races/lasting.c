// SPDX-License-Identifier: GPL-2.0
/*
 * A stream that lasts for several rounds. A round counts if bytes were received
 * before what happens in it, and if so many came in from the wire afterwards:
 * what was in the socket by then proves nothing. The connection knows how many they
 * are. The NIC does not: igb's watchdog may see the link while igb_down() is at work,
 * and from then on nobody adds up what its queues count.
 */
#include <errno.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/nic.h"
#include "race.h"

#define ROUNDS_MAX	32
#define STEP		(32 * KIB)
#define AFTER		(64 * KIB)
/* So many segments at most are on their way, see nic.c. */
#define THIN		3

static struct live live;
static bool is_open;
static __u64 noted;	/* bytes of it that the run knows of */
static unsigned int rounds_left;

/*
 * Segments as the peer has them. A window that is smaller than one lets the peer send
 * no more than what it probes the window with, five times a second.
 */
static int make_thin(int sock)
{
	int mss, window;
	socklen_t len = sizeof(mss);

	if (getsockopt(sock, IPPROTO_TCP, TCP_MAXSEG, &mss, &len))
		return -errno;
	window = THIN * mss;
	return setsockopt(sock, IPPROTO_TCP, TCP_WINDOW_CLAMP, &window,
			  sizeof(window)) ? -errno : 0;
}

struct live *lasting_begin(struct run *run, int *ret)
{
	enum area_kind kind;
	const char *addr;

	*ret = 0;
	if (is_open)
		return &live;
	rounds_left = 1 + chance(run, ROUNDS_MAX);
	kind = chance_kind(run);
	addr = chance_addr(run);
	run->at = "a stream begins";
	*ret = failed("a stream that lasts", live_open(&live, kind, addr));
	if (*ret)
		return NULL;
	noted = 0;
	is_open = true;
	if (chance(run, 4))
		*ret = failed("a thin stream", make_thin(live.wire.sock));
	return *ret ? NULL : &live;
}

/* In order, and whether anybody has read it or not. Returns 0 or -errno. */
static int from_wire(__u64 *bytes)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	if (getsockopt(live.wire.sock, IPPROTO_TCP, TCP_INFO, &info, &len))
		return failed("the connection's statistics", -errno);
	*bytes = info.tcpi_bytes_received;
	return 0;
}

/* Until as much came in from the wire and was received. */
static int receive_after(__u64 from)
{
	__u64 until = live.rx.bytes + AFTER, now;
	int ret;

	do {
		ret = live_receive(&live, STEP);
		if (ret)
			return failed("no bytes afterwards", ret);
		ret = from_wire(&now);
		if (ret)
			return ret;
	} while (live.rx.bytes < until || now - from < AFTER);
	return 0;
}

static int act_meanwhile(struct run *run, int (*act)(struct actor *actor),
			 unsigned long arg)
{
	struct actor actor = { .act = act, .arg = arg };
	__u64 before = live.rx.bytes, from;
	int ret, act_ret;

	run->at = "receiving before";
	ret = live_receive(&live, STEP + chance(run, 4 * STEP));
	if (ret)
		return failed("no bytes before", ret);
	if (live.rx.bytes == before)
		return ROUND_IDLE;
	run->at = "what happens to the stream";
	ret = actor_start(&actor, run);
	if (ret)
		return failed("thread", ret);
	while (!ret && !actor_done(&actor))
		ret = live_receive(&live, STEP);
	act_ret = actor_join(&actor);
	if (act_ret)
		return failed("what happens to the stream", act_ret);
	if (ret)
		return failed("receiving meanwhile", ret);
	run->at = "receiving afterwards";
	ret = from_wire(&from);
	if (!ret)
		ret = receive_after(from);
	return ret ? ret : ROUND_COUNTS;
}

static void note(struct run *run)
{
	run->bytes += live.rx.bytes - noted;
	noted = live.rx.bytes;
}

int lasting_round(struct run *run, int (*act)(struct actor *actor),
		  unsigned long arg)
{
	int ret = act_meanwhile(run, act, arg);

	note(run);
	return ret;
}

int lasting_act(struct run *run, int (*act)(struct run *run, struct live *live))
{
	__u64 from;
	int ret;

	run->at = "receiving before";
	ret = live_receive(&live, STEP + chance(run, 4 * STEP));
	if (ret)
		return failed("no bytes before", ret);
	delay(run, chance_delay(run));
	ret = from_wire(&from);
	run->at = "what happens to the stream";
	if (!ret)
		ret = act(run, &live);
	run->at = "receiving afterwards";
	if (!ret)
		ret = receive_after(from);
	note(run);
	return ret ? ret : ROUND_COUNTS;
}

bool lasting_is_open(void)
{
	return is_open;
}

int lasting_end(struct run *run, bool now)
{
	int ret;

	if (!is_open || (!now && --rounds_left))
		return 0;
	is_open = false;
	run->at = "the end of the stream";
	ret = live_end(&live);
	note(run);
	if (ret == -EPIPE && *live.sent > live.rx.bytes)
		run->lost += *live.sent - live.rx.bytes;
	run->at = "the end of its ring";
	zc_close(&live.zc);
	return ret ? failed("the end of the stream", ret) : ring_gone(run);
}
