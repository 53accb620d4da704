// SPDX-License-Identifier: GPL-2.0
/*
 * What is done to a NIC that has a bound queue: more or fewer descriptors or
 * channels, another MTU, down and up. The connection and the ring live on.
 *
 * Each of them resets the NIC, and QEMU's igb then has no link for half a
 * second: a round takes that, and as long as TCP takes to try again. With few
 * segments on their way it can be told not to wait longer each time, for six
 * times: hence the thin streams of lasting.c, and an RTO with which the tries
 * last longer than the link is away. More channels, and down and up, take
 * igb twice as long.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/nic.h"
#include "peer.h"
#include "race.h"
#include "tcp.h"

#define RX_RING		256
#define CHANNELS	2
#define MTU		1500
#define MTU_MAX		9000
#define SHORT_RTO_US	"100000\n"
#define LONG_RTO_US	"250000\n"

static int nic_ioctl(unsigned long what, struct ifreq *ifr)
{
	int fd, ret;

	memcpy(ifr->ifr_name, WIRE_IF, sizeof(WIRE_IF));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, what, ifr) ? -errno : 0;
	close(fd);
	return ret;
}

/* One after the other, the last of which leaves it as it was. */
static int last_act(struct run *run, int (*act)(struct actor *actor),
		    unsigned long normal)
{
	struct actor actor = { .act = act, .arg = normal };
	int ret = lasting_end(run, true);

	act(&actor);
	return ret;
}

static int round_of(struct run *run, int (*act)(struct actor *actor),
		    unsigned long arg)
{
	int ret, end;

	lasting_begin(run, &ret);
	if (ret)
		return ret;
	ret = lasting_round(run, act, arg);
	if (ret < 0)
		return ret;
	end = lasting_end(run, false);
	return end ? end : ret;
}

static int short_begin(struct run *run)
{
	(void)run;
	return set_peer_patience(SHORT_RTO_US);
}

static int long_begin(struct run *run)
{
	(void)run;
	return set_peer_patience(LONG_RTO_US);
}

/* ethtool -G */
static int resize(struct actor *actor)
{
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };
	struct ifreq ifr = { .ifr_data = (void *)&ring };
	int ret = nic_ioctl(SIOCETHTOOL, &ifr);

	if (ret)
		return ret;
	ring.cmd = ETHTOOL_SRINGPARAM;
	ring.rx_pending = actor->arg;
	return nic_ioctl(SIOCETHTOOL, &ifr);
}

static int resize_round(struct run *run)
{
	/* igb takes multiples of 8, 80 at least; the same would do nothing */
	unsigned long len = 80 + 8 * chance(run, 119);

	if ((int)len == nic_rx_ring(WIRE_IF))
		len += 8;
	return round_of(run, resize, len);
}

static int resize_end(struct run *run)
{
	return last_act(run, resize, RX_RING);
}

/* ethtool -L; the driver forgets where flows go */
static int set_channels(struct actor *actor)
{
	int ret = nic_set_channels(WIRE_IF, actor->arg);

	return ret ? ret : nic_steer(WIRE_IF, WIRE_RXQ);
}

/* Fewer than before would cut off who is steered there: 2 or more always do. */
static int widen(struct actor *actor)
{
	int ret = nic_steer(WIRE_IF, WIRE_RXQ);

	return ret ? ret : set_channels(actor);
}

static int channels_round(struct run *run)
{
	/* the core keeps one queue more than those that are bound */
	unsigned long next = nic_channels(WIRE_IF) == CHANNELS + 2 ?
			     CHANNELS + 1 : CHANNELS + 2;

	return round_of(run, widen, next);
}

static int channels_end(struct run *run)
{
	return last_act(run, widen, CHANNELS);
}

static int set_mtu(struct actor *actor)
{
	return net_set_mtu(WIRE_IF, actor->arg);
}

/* The peer's, which is the largest frame that a stream has. */
static int peer_mtu = MTU;

static int set_peer_mtu(int mtu)
{
	pid_t peer;

	peer_mtu = mtu;
	peer = peer_start(peer_set_mtu, &mtu);
	return failed("the peer's MTU", peer < 0 ? peer : peer_wait(peer));
}

/* Both, before a stream begins, as it then is agreed on what a segment has. */
static int choose_frames(struct run *run)
{
	int mtu = chance(run, 2) ? MTU : MTU + chance(run, MTU_MAX - MTU), ret;

	if (mtu == peer_mtu)
		return 0;
	ret = failed("the MTU", net_set_mtu(WIRE_IF, MTU_MAX));
	if (!ret)
		ret = set_peer_mtu(mtu);
	/* or the first packet gets lost */
	return ret ? ret : failed("the link", nic_wait_carrier(WIRE_IF,
							WIRE_PATIENCE_MS));
}

/* Smaller than the peer's it would be deaf for the rest of the stream. */
static int mtu_round(struct run *run)
{
	unsigned long mtu;
	int ret = 0;

	if (!lasting_is_open())
		ret = choose_frames(run);
	if (ret)
		return ret;
	mtu = peer_mtu + chance(run, MTU_MAX + 1 - peer_mtu);
	if ((long)mtu == nic_sysfs(WIRE_IF, "mtu"))
		mtu++;
	return round_of(run, set_mtu, mtu);
}

static int mtu_end(struct run *run)
{
	int ret = last_act(run, set_mtu, MTU), peer_ret = set_peer_mtu(MTU);

	return ret ? ret : peer_ret;
}

static int set_link(bool up)
{
	struct ifreq ifr = { };
	int ret = nic_ioctl(SIOCGIFFLAGS, &ifr);

	if (ret)
		return ret;
	ifr.ifr_flags = up ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP;
	return nic_ioctl(SIOCSIFFLAGS, &ifr);
}

static int down_and_up(struct actor *actor)
{
	int ret = set_link(false);

	if (ret)
		return ret;
	delay(actor->run, actor->arg);
	return set_link(true);
}

static int link_round(struct run *run)
{
	return round_of(run, down_and_up, chance_delay(run));
}

static int link_end(struct run *run)
{
	return lasting_end(run, true);
}

const struct race race_resize = {
	.name = "resize",
	.begin = short_begin,
	.round = resize_round,
	.end = resize_end,
};

const struct race race_channels = {
	.name = "channels",
	.begin = long_begin,
	.round = channels_round,
	.end = channels_end,
};

const struct race race_mtu = {
	.name = "mtu",
	.begin = short_begin,
	.round = mtu_round,
	.end = mtu_end,
};

const struct race race_link = {
	.name = "link",
	.begin = long_begin,
	.round = link_round,
	.end = link_end,
};
