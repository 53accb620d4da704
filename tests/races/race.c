// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/netdev.h"
#include "lib/pins.h"
#include "lib/wire.h"
#include "queue.h"
#include "race.h"

#define UNCHECKED_MAX	16

struct stream race_stream;

__u64 chance(struct run *run, __u64 n)
{
	return prng_below(&run->prng, n);
}

enum area_kind chance_kind(struct run *run)
{
	bool udmabuf = chance(run, 2);

	if (run->kind >= 0)
		return run->kind;
	return udmabuf ? AREA_UDMABUF : AREA_USER;
}

const char *chance_addr(struct run *run)
{
	return chance(run, 2) ? WIRE_V6 : WIRE_V4;
}

unsigned int chance_delay(struct run *run)
{
	static const unsigned int longest[] = { 50, 500, 5000, 20000 };

	return 1000 * chance(run, longest[chance(run, 4)]);
}

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void delay(const struct run *run, unsigned int ns)
{
	const struct timespec ts = {
		.tv_sec = ns / 1000000000,
		.tv_nsec = ns % 1000000000,
	};
	__u64 until = now_ns() + ns;

	/* a timer is no more precise than that */
	if (!run->smp || ns > 500000) {
		nanosleep(&ts, NULL);
		return;
	}
	while (now_ns() < until)
		;
}

int failed(const char *what, int ret)
{
	if (ret)
		fprintf(stderr, "# %s: %d (%s)\n", what, ret,
			ret < 0 ? strerror(-ret) : "not what it has to be");
	return ret > 0 ? -EPROTO : ret;
}

int nothing_left(void)
{
	unsigned int ifindex = if_nametoindex(WIRE_IF);
	int ret;
	long pins;

	ret = queue_wait_free(ifindex, WIRE_RXQ, WIRE_PATIENCE_MS);
	if (ret)
		return failed("the queue is not free", ret);
	ret = netdev_wait_no_pools(ifindex, WIRE_PATIENCE_MS);
	if (ret)
		return failed("a page_pool is left", ret);
	pins = pins_wait(0, WIRE_PATIENCE_MS);
	if (pins) {
		fprintf(stderr, "# %ld pages are pinned\n", pins);
		return -EBUSY;
	}
	return 0;
}

int ring_gone(struct run *run)
{
	int ret;

	if (++run->unchecked == UNCHECKED_MAX) {
		run->unchecked = 0;
		return nothing_left();
	}
	ret = queue_wait_free(if_nametoindex(WIRE_IF), WIRE_RXQ,
			      WIRE_PATIENCE_MS);
	return failed("the queue is not free", ret);
}

int receive_stream(struct run *run, struct zc *zc, const char *addr, __u64 len)
{
	struct receiver rx = { .zc = zc, .stream = &race_stream };
	struct wire wire;
	int ret, peer;

	ret = wire_open(&wire, addr, &race_stream, len, false);
	if (ret)
		return failed("connection of a new stream", ret);
	rx.sock = wire.sock;
	ret = receive_all(&rx);
	run->bytes += rx.bytes;
	/* the peer would wait for who does not receive any more */
	if (ret != RECEIVE_END)
		return failed("a new stream", ret);
	run->lost += len - rx.bytes;
	peer = wire_close(&wire);
	if (rx.bytes != len)
		return failed("the end of a new stream", -EPIPE);
	return failed("the peer of a new stream", peer);
}

int receive_on_new_ring(struct run *run, enum area_kind kind)
{
	const char *addr = chance_addr(run);
	__u64 len = 64 * KIB + chance(run, 64 * KIB);
	struct zc zc;
	int ret;

	ret = wire_bind(&zc, kind, 4 * MIB);
	if (ret)
		return ret;
	ret = receive_stream(run, &zc, addr, len);
	zc_close(&zc);
	return ret ? ret : ring_gone(run);
}

static void *actor_run(void *arg)
{
	struct actor *actor = arg;

	delay(actor->run, actor->delay);
	actor->ret = actor->act(actor);
	__atomic_store_n(&actor->done, true, __ATOMIC_RELEASE);
	return NULL;
}

int actor_start(struct actor *actor, struct run *run)
{
	actor->run = run;
	actor->delay = chance_delay(run);
	actor->done = false;
	return -pthread_create(&actor->thread, NULL, actor_run, actor);
}

bool actor_done(const struct actor *actor)
{
	return __atomic_load_n(&actor->done, __ATOMIC_ACQUIRE);
}

int actor_join(struct actor *actor)
{
	pthread_join(actor->thread, NULL);
	return actor->ret;
}
