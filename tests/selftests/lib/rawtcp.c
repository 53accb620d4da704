// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rawtcp.h"

#define PORT		33333
#define ISS		0xfffff000	/* sequence numbers wrap soon */
/* What may be on its way, well below the receiver's first window. */
#define WINDOW		(24 * 1024)
#define PATIENCE	100		/* rounds without progress */
#define RTO_MS		300

struct rawtcp {
	int fd;
	const struct peer_send *job;
	const struct rawtcp_looks *looks;
	uint32_t rcv_nxt;
	uint64_t acked;		/* bytes of the stream */
	bool connected, peer_ended;
};

/* The place of a byte of the stream. */
static uint32_t seq_of(uint64_t off)
{
	return ISS + 1 + (uint32_t)off;
}

static int send_shape(const struct rawtcp *t, const struct rawframe *shape,
		      uint8_t flags, uint32_t seq, const void *data, size_t len)
{
	struct rawframe f = *shape;

	f.v6 = t->looks->v6;
	f.sport = PORT;
	f.dport = t->job->port;
	f.flags |= flags;
	f.seq = seq;
	f.ack = t->rcv_nxt;
	f.data = data;
	f.len = len;
	return raw_send(t->fd, &f);
}

static int send_plain(const struct rawtcp *t, uint8_t flags, uint32_t seq)
{
	static const struct rawframe plain;

	return send_shape(t, &plain, flags, seq, NULL, 0);
}

/* TCP's header and how much follows, if the frame is for us; or NULL. */
static const struct tcphdr *parse(const struct rawtcp *t, const uint8_t *frame,
				  size_t len, size_t *payload)
{
	const struct ether_header *eth = (const void *)frame;
	const struct iphdr *ip = (const void *)(eth + 1);
	const struct ip6_hdr *ip6 = (const void *)(eth + 1);
	const struct tcphdr *tcp;
	size_t l4, end;

	if (len < sizeof(*eth) + sizeof(*ip6) + sizeof(*tcp) - 20)
		return NULL;
	if (eth->ether_type == htons(ETHERTYPE_IP) &&
	    ip->protocol == IPPROTO_TCP) {
		l4 = sizeof(*eth) + 4 * ip->ihl;
		end = sizeof(*eth) + ntohs(ip->tot_len);
	} else if (eth->ether_type == htons(ETHERTYPE_IPV6) &&
		   ip6->ip6_nxt == IPPROTO_TCP) {
		l4 = sizeof(*eth) + sizeof(*ip6);
		end = l4 + ntohs(ip6->ip6_plen);
	} else {
		return NULL;
	}
	tcp = (const void *)(frame + l4);
	if (end > len || l4 + sizeof(*tcp) > end ||
	    tcp->dest != htons(PORT) || tcp->source != htons(t->job->port))
		return NULL;
	*payload = end - l4 - 4 * tcp->doff;
	return tcp;
}

/*
 * Takes in what comes for a while, or until there is something new. Returns 0,
 * -ETIMEDOUT, -ECONNRESET or another -errno.
 */
static int listen_a_while(struct rawtcp *t)
{
	static uint8_t frame[RAWFRAME_MAX];
	const struct tcphdr *tcp;
	uint32_t ahead;
	size_t payload;
	int n;

	for (;;) {
		n = raw_recv(t->fd, frame, sizeof(frame), RTO_MS);
		if (n < 0)
			return n;
		tcp = parse(t, frame, n, &payload);
		if (!tcp)
			continue;
		if (tcp->rst)
			return -ECONNRESET;
		if (tcp->syn) {
			t->rcv_nxt = ntohl(tcp->seq) + 1;
			t->connected = true;
			return 0;
		}
		/* it has nothing to say but that it ends, too */
		if (payload)
			return -EPROTO;
		if (tcp->fin) {
			t->rcv_nxt = ntohl(tcp->seq) + 1;
			t->peer_ended = true;
			return 0;
		}
		ahead = ntohl(tcp->ack_seq) - seq_of(t->acked);
		if (ahead && ahead <= WINDOW + 1) {
			t->acked += ahead;
			return 0;
		}
	}
}

static int connect_raw(struct rawtcp *t)
{
	int i, ret;

	for (i = 0; i < PATIENCE; i++) {
		ret = send_plain(t, TH_SYN, ISS);
		if (ret)
			return ret;
		ret = listen_a_while(t);
		if (t->connected)
			return send_plain(t, TH_ACK, seq_of(0));
		if (ret && ret != -ETIMEDOUT)
			return ret;
	}
	return -ETIMEDOUT;
}

static size_t len_of(const struct rawtcp *t, unsigned int nr, uint64_t off)
{
	size_t len = t->looks->shapes[nr % t->looks->nr_shapes].len;

	return len < t->job->len - off ? len : t->job->len - off;
}

static int send_segment(struct rawtcp *t, unsigned int nr, uint64_t off,
			size_t len)
{
	const struct rawtcp_looks *looks = t->looks;
	const struct rawframe *twin;
	static uint8_t buf[RAWFRAME_MAX];
	size_t i;
	int ret;

	stream_fill(t->job->stream, off, buf, len);
	if (looks->nr_twins) {
		twin = &looks->twins[nr % looks->nr_twins];
		for (i = 0; i < len; i++)
			buf[i] ^= 0xff;
		ret = send_shape(t, twin, TH_ACK, seq_of(off), buf, twin->len);
		if (ret)
			return ret;
		for (i = 0; i < len; i++)
			buf[i] ^= 0xff;
	}
	return send_shape(t, &looks->shapes[nr % looks->nr_shapes],
			  TH_ACK | TH_PUSH, seq_of(off), buf, len);
}

/*
 * A window of segments, and again what of it is not acknowledged in time. The
 * receiver acknowledges whole segments, as it has room for all of them.
 */
static int send_all(struct rawtcp *t)
{
	unsigned int first = 0, nr, waits = 0;
	uint64_t start = 0, off;
	int ret;

	while (start < t->job->len) {
		for (nr = first, off = start;
		     off < t->job->len &&
		     off - start + len_of(t, nr, off) <= WINDOW; nr++) {
			ret = send_segment(t, nr, off, len_of(t, nr, off));
			if (ret)
				return ret;
			off += len_of(t, nr, off);
		}
		while (t->acked < off) {
			ret = listen_a_while(t);
			if (ret == -ETIMEDOUT)
				break;
			if (ret)
				return ret;
		}
		waits = t->acked > start ? 0 : waits + 1;
		if (waits > PATIENCE)
			return -ETIMEDOUT;
		while (start < t->acked) {
			start += len_of(t, first, start);
			first++;
		}
	}
	return 0;
}

static int end(struct rawtcp *t)
{
	uint64_t fin = t->job->len;
	int i, ret;

	for (i = 0; i < PATIENCE && !t->peer_ended; i++) {
		if (t->acked <= fin) {
			ret = send_plain(t, TH_FIN | TH_ACK, seq_of(fin));
			if (ret)
				return ret;
		}
		ret = listen_a_while(t);
		if (ret && ret != -ETIMEDOUT)
			return ret;
	}
	if (!t->peer_ended)
		return -ETIMEDOUT;
	return send_plain(t, TH_ACK, seq_of(fin + 1));
}

int rawtcp_send_stream(const struct peer_send *job,
		       const struct rawtcp_looks *looks)
{
	struct rawtcp t = { .job = job, .looks = looks };
	int ret;

	t.fd = raw_open();
	if (t.fd < 0) {
		fprintf(stderr, "# rawtcp: no socket: %s\n", strerror(-t.fd));
		return 1;
	}
	ret = connect_raw(&t);
	if (!ret)
		ret = send_all(&t);
	if (!ret)
		ret = end(&t);
	if (ret)
		fprintf(stderr, "# rawtcp: %s after %llu bytes\n",
			strerror(-ret), (unsigned long long)t.acked);
	close(t.fd);
	return ret ? 1 : 0;
}
