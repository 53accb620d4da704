// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/netdev.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/param.h>
#include <sys/socket.h>
#include <unistd.h>

#include "flow.h"
#include "netdev.h"
#include "nic.h"
#include "peer.h"
#include "queue.h"
#include "tcp.h"

/* The peer's addresses; tests/vm/net.sh sets them. */
#define PEER_V4		"10.0.0.2"
#define PEER_V6		"fd00::2"

/* Below what the kernel gives to others. */
#define FIRST_PORT	10000
#define LAST_PORT	30000

#define QUEUES_MAX	16

/* What the hash is over, in network order. */
struct tuple {
	__u8 bytes[36];
	unsigned int len;
};

__u32 flow_hash(const __u8 *key, const void *input, unsigned int len)
{
	const __u8 *in = input;
	__u32 window, hash = 0;
	unsigned int bit;

	window = (__u32)key[0] << 24 | key[1] << 16 | key[2] << 8 | key[3];
	for (bit = 0; bit < 8 * len; bit++) {
		unsigned int next = bit + 32;

		if (in[bit / 8] & (0x80 >> bit % 8))
			hash ^= window;
		window <<= 1;
		if (key[next / 8] & (0x80 >> next % 8))
			window |= 1;
	}
	return hash;
}

/* The driver does not tell its key. It has taken that of all drivers. */
int flow_key(__u8 key[FLOW_KEY_LEN])
{
	FILE *f = fopen("/proc/sys/net/core/netdev_rss_key", "re");
	unsigned int i, byte;

	if (!f)
		return -errno;
	for (i = 0; i < FLOW_KEY_LEN; i++) {
		if (fscanf(f, i ? ":%x" : "%x", &byte) != 1)
			break;
		key[i] = byte;
	}
	fclose(f);
	return i == FLOW_KEY_LEN ? 0 : -EPROTO;
}

static int tuple_set(struct tuple *t, const char *from, const char *to,
		     __u16 to_port)
{
	int family = strchr(to, ':') ? AF_INET6 : AF_INET;
	unsigned int len = family == AF_INET6 ? 16 : 4;
	__be16 port = htons(to_port);

	if (inet_pton(family, from, t->bytes) != 1 ||
	    inet_pton(family, to, t->bytes + len) != 1)
		return -EINVAL;
	memcpy(t->bytes + 2 * len + 2, &port, sizeof(port));
	t->len = 2 * len + 4;
	return 0;
}

/* The next port from which the tuple leads to the entry; 0 if there is none. */
static __u16 next_port(const __u8 *key, struct tuple *t, unsigned int entry)
{
	static __u16 last = FIRST_PORT;
	unsigned int tries;

	for (tries = FIRST_PORT; tries < LAST_PORT; tries++) {
		__be16 port;

		last = last < LAST_PORT ? last + 1 : FIRST_PORT;
		port = htons(last);
		memcpy(t->bytes + t->len - 4, &port, sizeof(port));
		if (flow_hash(key, t->bytes, t->len) % FLOW_ENTRIES == entry)
			return last;
	}
	return 0;
}

/* The table, as the ioctls have it. */
union table {
	struct ethtool_rxfh_indir cmd;
	__u32 space[sizeof(struct ethtool_rxfh_indir) / 4 + FLOW_ENTRIES];
};

static int table_ioctl(union table *table, __u32 cmd)
{
	struct ifreq ifr = { .ifr_name = WIRE_IF };
	int fd, ret;

	table->cmd.cmd = cmd;
	table->cmd.size = FLOW_ENTRIES;
	ifr.ifr_data = (void *)table;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(fd);
	return ret;
}

int flow_wait_free(void)
{
	unsigned int ifindex = if_nametoindex(WIRE_IF);
	int ret = queue_wait_free(ifindex, WIRE_RXQ, WIRE_PATIENCE_MS);

	if (!ret)
		ret = queue_wait_free(ifindex, FLOW_FURTHER_RXQ,
				      WIRE_PATIENCE_MS);
	if (!ret)
		ret = netdev_wait_no_pools(ifindex, WIRE_PATIENCE_MS);
	return ret;
}

int flow_steer(unsigned int even_rxq, unsigned int odd_rxq)
{
	union table table = {};
	__u32 *entry = table.space + sizeof(table.cmd) / 4;
	unsigned int i;

	for (i = 0; i < FLOW_ENTRIES; i++)
		entry[i] = i % 2 ? odd_rxq : even_rxq;
	return table_ioctl(&table, ETHTOOL_SRXFHINDIR);
}

int flow_move(unsigned int entry, unsigned int rxq)
{
	union table table = {};
	int ret;

	ret = table_ioctl(&table, ETHTOOL_GRXFHINDIR);
	if (ret)
		return ret;
	table.space[sizeof(table.cmd) / 4 + entry] = rxq;
	return table_ioctl(&table, ETHTOOL_SRXFHINDIR);
}

int flow_queue_of(unsigned int entry)
{
	union table table = {};
	int ret;

	ret = table_ioctl(&table, ETHTOOL_GRXFHINDIR);
	return ret ? ret : (int)table.space[sizeof(table.cmd) / 4 + entry];
}

/* For peer_start(). */
struct job {
	struct peer_send send;
	const char *from;
	__u16 from_port;
};

static int bind_to(int fd, const char *addr, __u16 port)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	int one = 1, ret;

	v4.sin_port = htons(port);
	v6.sin6_port = htons(port);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		return -errno;
	if (inet_pton(AF_INET6, addr, &v6.sin6_addr) == 1)
		ret = bind(fd, (void *)&v6, sizeof(v6));
	else if (inet_pton(AF_INET, addr, &v4.sin_addr) == 1)
		ret = bind(fd, (void *)&v4, sizeof(v4));
	else
		return -EINVAL;
	return ret ? -errno : 0;
}

static int send_all(int fd, const struct peer_send *job)
{
	static char buf[64 * 1024];
	__u64 off;
	size_t n;
	int ret;

	for (off = 0; off < job->len; off += n) {
		n = MIN(job->len - off, sizeof(buf));
		stream_fill(job->stream, off, buf, n);
		ret = tcp_send_all(fd, buf, n);
		if (ret)
			return ret;
	}
	shutdown(fd, SHUT_WR);
	/* until the receiver has closed, too */
	while (recv(fd, buf, sizeof(buf), 0) > 0)
		;
	return 0;
}

static int send_from_port(void *arg)
{
	const struct job *job = arg;
	int fd, ret;

	fd = tcp_open(job->send.addr);
	if (fd < 0)
		return 1;
	ret = bind_to(fd, job->from, job->from_port);
	if (!ret)
		ret = tcp_connect_socket(fd, job->send.addr, job->send.port);
	if (ret) {
		fprintf(stderr, "# peer: connecting from port %u: %s\n",
			job->from_port, strerror(-ret));
		return 1;
	}
	ret = send_all(fd, &job->send);
	if (!ret || job->send.may_break)
		return 0;
	fprintf(stderr, "# peer: send: %s\n", strerror(-ret));
	return 1;
}

static int connect_from_peer(struct wire *wire, struct job *job, int listener)
{
	wire->peer = peer_start(send_from_port, job);
	if (wire->peer < 0)
		return wire->peer;
	wire->sock = tcp_accept(listener, WIRE_PATIENCE_MS);
	if (wire->sock >= 0)
		return 0;
	peer_wait(wire->peer);
	return wire->sock;
}

int flow_open(struct wire *wire, const char *addr, unsigned int entry,
	      const struct stream *stream, __u64 len, bool may_break)
{
	struct job job = {
		.send = {
			.stream = stream,
			.addr = addr,
			.len = len,
			.may_break = may_break,
		},
		.from = strchr(addr, ':') ? PEER_V6 : PEER_V4,
	};
	__u8 key[FLOW_KEY_LEN];
	struct tuple tuple;
	int listener, ret;

	ret = flow_key(key);
	if (ret)
		return ret;
	listener = tcp_listen(addr, 0);
	if (listener < 0)
		return listener;
	job.send.port = tcp_port(listener);
	ret = tuple_set(&tuple, job.from, addr, job.send.port);
	if (!ret) {
		job.from_port = next_port(key, &tuple, entry);
		ret = job.from_port ? connect_from_peer(wire, &job, listener) :
				      -EADDRNOTAVAIL;
	}
	close(listener);
	return ret;
}

int flow_queue_now(int sock)
{
	struct netdev_queue queues[2 * QUEUES_MAX];
	unsigned int napi_id;
	socklen_t len = sizeof(napi_id);
	int nr, i;

	if (getsockopt(sock, SOL_SOCKET, SO_INCOMING_NAPI_ID, &napi_id, &len))
		return -errno;
	nr = netdev_queues(if_nametoindex(WIRE_IF), queues, 2 * QUEUES_MAX);
	if (nr < 0)
		return nr;
	for (i = 0; i < nr; i++)
		if (queues[i].type == NETDEV_QUEUE_TYPE_RX &&
		    queues[i].napi_id == napi_id)
			return queues[i].id;
	return -ENOENT;
}

int flow_widen(void)
{
	int ret;

	if (nic_channels(WIRE_IF) > FLOW_FURTHER_RXQ)
		return 0;
	ret = nic_set_channels(WIRE_IF, FLOW_FURTHER_RXQ + 1);
	/* igb forgets where flows go */
	if (!ret)
		ret = nic_steer(WIRE_IF, WIRE_RXQ);
	return ret ? ret : nic_wait_carrier(WIRE_IF, WIRE_PATIENCE_MS);
}
