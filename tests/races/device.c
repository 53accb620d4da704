// SPDX-License-Identifier: GPL-2.0
/*
 * The NIC goes, and comes again: its driver is taken off it, it is unplugged,
 * or it moves to a network namespace that is deleted. The connection lives on,
 * and its stream ends without a byte missing; or the ring is closed while the NIC
 * goes, when both want to end what binds it to the queue. nic-set-up waits for the
 * NIC and sets it up as tests/vm/net.sh had.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/nic.h"
#include "peer.h"
#include "queue.h"
#include "race.h"

/* What a command took last, and no more than delay() takes. */
#define COMMAND_NS_MAX	(4000 * 1000 * 1000U)

#define UNBIND	"echo %s >/sys/bus/pci/drivers/igb/unbind && " \
		"echo %s >/sys/bus/pci/drivers/igb/bind && nic-set-up"
#define REPLUG	"echo 1 >/sys/bus/pci/devices/%s/remove && " \
		"echo 1 >/sys/bus/pci/rescan && nic-set-up"
#define MOVE	"ip netns add other && ip link set eth0 netns other && " \
		"ip -n other link set eth0 up && ip netns del other && " \
		"nic-set-up"

/* Receives for a random while, so that the command starts at any point. */
static int before(struct run *run, struct live *live)
{
	int ret = live_receive(live, chance(run, 512 * KIB));

	delay(run, chance_delay(run));
	return ret;
}

/* The stream outlives what the command does. */
static int outlive(struct run *run, struct live *live, const char *cmd,
		   int provider)
{
	int ret;

	ret = live_run(live, cmd);
	if (ret)
		return failed(cmd, ret);
	ret = queue_provider(if_nametoindex(WIRE_IF), WIRE_RXQ);
	if (ret != provider)
		return failed("the queue's provider", ret ? ret : -ENOENT);
	ret = live_receive(live, 64 * KIB);
	if (!ret)
		ret = live_end(live);
	if (ret == -EPIPE && *live->sent > live->rx.bytes)
		run->lost += *live->sent - live->rx.bytes;
	zc_close(&live->zc);
	return failed("the stream afterwards", ret);
}

static unsigned int command_ns = COMMAND_NS_MAX / 10;

static int act_command(struct actor *actor)
{
	struct timespec from, to;
	__u64 ns;
	int ret;

	clock_gettime(CLOCK_MONOTONIC, &from);
	ret = run((const char *)actor->arg);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ns = (to.tv_sec - from.tv_sec) * 1000000000ULL + to.tv_nsec -
	     from.tv_nsec;
	command_ns = ns < COMMAND_NS_MAX ? ns : COMMAND_NS_MAX;
	return ret;
}

/* The ring is closed at some moment of the command, and with it the socket. */
static int close_within(struct run *run, struct live *live, const char *cmd)
{
	struct actor actor = { .act = act_command, .arg = (unsigned long)cmd };
	int ret, end;

	ret = actor_start(&actor, run);
	if (ret)
		return failed("a thread", ret);
	delay(run, chance(run, command_ns));
	zc_close(&live->zc);
	close(live->wire.sock);
	ret = failed(cmd, actor_join(&actor));
	end = failed("the peer", peer_wait(live->wire.peer));
	return ret ? ret : end;
}

/* fmt names the PCI address of the NIC, if it does. */
static int device_round(struct run *run, const char *fmt, int provider)
{
	char slot[32], cmd[1024];
	struct live live;
	int ret, end;

	ret = nic_pci_address(WIRE_IF, slot, sizeof(slot));
	if (ret)
		return failed("the NIC's address", ret);
	snprintf(cmd, sizeof(cmd), fmt, slot, slot);

	ret = live_open(&live, chance_kind(run), chance_addr(run));
	if (ret)
		return failed("a stream", ret);
	ret = before(run, &live);
	if (ret)
		return failed("no bytes before", ret);
	if (chance(run, 2))
		ret = outlive(run, &live, cmd, provider);
	else
		ret = close_within(run, &live, cmd);
	run->bytes += live.rx.bytes;
	if (ret)
		return ret;
	end = nothing_left();
	if (!end)
		end = receive_on_new_ring(run, chance_kind(run));
	return end ? end : ROUND_COUNTS;
}

static int unbind_round(struct run *run)
{
	return device_round(run, UNBIND, QUEUE_PAGES);
}

static int unplug_round(struct run *run)
{
	return device_round(run, REPLUG, QUEUE_PAGES);
}

/* A device that only moves stays bound. */
static int netns_round(struct run *run)
{
	return device_round(run, MOVE, QUEUE_IO_URING);
}

const struct race race_unbind = {
	.name = "unbind",
	.rare = true,
	.round = unbind_round,
};

const struct race race_unplug = {
	.name = "unplug",
	.rare = true,
	.round = unplug_round,
};

const struct race race_netns = {
	.name = "netns",
	.rare = true,
	.round = netns_round,
};
