// SPDX-License-Identifier: GPL-2.0
/*
 * How the network of both ends of the wire is tuned, so that rounds are short:
 * a frame that a NIC misses is sent again in ms, not in fifths of seconds, and little
 * waits in a socket.
 */
#include <errno.h>
#include <stdio.h>

#include "lib/text.h"
#include "peer.h"
#include "race.h"

#define IPV4	"/proc/sys/net/ipv4/"
#define IPV6	"/proc/sys/net/ipv6/"

/*
 * With the link the neighbours go, and the first question of a link that is up
 * again may get lost: the next one would come a second later.
 */
int tune(void)
{
	static const struct {
		const char *path, *value;
	} settings[] = {
		/* what waits may have to be copied: a debug kernel takes 7 ms a page */
		{ IPV4 "tcp_rmem", "4096 131072 1048576\n" },
		/* addresses stay when the link goes down */
		{ IPV6 "conf/all/keep_addr_on_down", "1\n" },
		{ IPV4 "neigh/eth0/retrans_time_ms", "20\n" },
		{ IPV6 "neigh/eth0/retrans_time_ms", "20\n" },
		/* for when eth0 is made anew */
		{ IPV4 "neigh/default/retrans_time_ms", "20\n" },
		{ IPV6 "neigh/default/retrans_time_ms", "20\n" },
	};
	size_t i;
	int ret;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		ret = write_text(settings[i].path, settings[i].value);
		if (ret)
			return failed(settings[i].path, ret);
	}
	return 0;
}

int set_patience(const char *rto_min_us)
{
	return write_text(IPV4 "tcp_rto_min_us", rto_min_us);
}

static int set_in_peer(void *rto_min_us)
{
	int ret = set_patience(rto_min_us);

	if (!ret)
		ret = write_text(IPV4 "tcp_thin_linear_timeouts", "1\n");
	return ret ? 1 : 0;
}

int set_peer_patience(const char *rto_min_us)
{
	pid_t peer = peer_start(set_in_peer, (void *)rto_min_us);

	return failed("tuning the peer", peer < 0 ? peer : peer_wait(peer));
}
