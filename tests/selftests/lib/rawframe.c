// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"
#include "rawframe.h"
#include "sh.h"
#include "wire.h"

#define PEER_IF		"eth1"
#define VLAN_ID		77
/* IPv6: unknown, and to be skipped then (RFC 4727) */
#define OPTION6_SKIP	0x1e
#define OPTION6_MAX	255

static const uint8_t raw_mac[ETH_ALEN] = { 0x52, 0x54, 0, 0, 0, 3 };
static const uint8_t wire_mac[ETH_ALEN] = { 0x52, 0x54, 0, 0, 0, 1 };

/* Fragments of one packet have the same. */
static uint16_t ip_id;

static uint32_t sum(const void *buf, size_t len, uint32_t start)
{
	const uint8_t *p = buf;
	uint32_t s = start;
	size_t i;

	for (i = 0; i < len; i++)
		s += i % 2 ? p[i] : p[i] << 8;
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return htons(~s);
}

static uint32_t pseudo_header(const struct rawframe *f, int proto, size_t len)
{
	struct in6_addr a6[2];
	struct in_addr a[2];

	if (f->v6) {
		inet_pton(AF_INET6, RAW_V6, &a6[0]);
		inet_pton(AF_INET6, WIRE_V6, &a6[1]);
		return sum(a6, sizeof(a6), proto + len);
	}
	inet_pton(AF_INET, RAW_V4, &a[0]);
	inet_pton(AF_INET, WIRE_V4, &a[1]);
	return sum(a, sizeof(a), proto + len);
}

static size_t put_tags(const struct rawframe *f, uint8_t *p, uint16_t ethertype)
{
	size_t len = 0;
	unsigned int i;

	memcpy(p, wire_mac, ETH_ALEN);
	memcpy(p + ETH_ALEN, raw_mac, ETH_ALEN);
	len = 2 * ETH_ALEN;
	for (i = 0; i < 2 && f->tpid[i]; i++) {
		uint16_t tag[2] = { htons(f->tpid[i]), htons(VLAN_ID) };

		memcpy(p + len, tag, sizeof(tag));
		len += sizeof(tag);
	}
	ethertype = htons(ethertype);
	memcpy(p + len, &ethertype, sizeof(ethertype));
	return len + sizeof(ethertype);
}

static size_t put_ipv4(const struct rawframe *f, uint8_t *p, int proto,
		       size_t l4_len)
{
	size_t len = sizeof(struct iphdr) + f->ip_options;
	struct iphdr ip = {
		.version = 4,
		.ihl = len / 4,
		.tot_len = htons(len + l4_len + f->ip_len_by),
		.id = htons(ip_id),
		.frag_off = htons(f->fragment_at / 8 | (f->more ? IP_MF : 0)),
		.ttl = 64,
		.protocol = proto,
	};
	uint16_t check;

	inet_pton(AF_INET, RAW_V4, &ip.saddr);
	inet_pton(AF_INET, WIRE_V4, &ip.daddr);
	memcpy(p, &ip, sizeof(ip));
	memset(p + sizeof(ip), IPOPT_NOP, f->ip_options);
	check = fold(sum(p, len, 0)) ^ (f->bad_ip_csum ? 0x5555 : 0);
	memcpy(p + offsetof(struct iphdr, check), &check, sizeof(check));
	return len;
}

void rawframe_options6(void *buf, size_t len, __u8 next)
{
	uint8_t *p = buf;
	size_t at = 2;

	memset(p, 0, len);
	p[0] = next;
	p[1] = len / 8 - 1;
	while (at < len) {
		size_t n = len - at - 2;

		/* what is left must hold an option */
		if (n > OPTION6_MAX)
			n = OPTION6_MAX - 1;
		p[at] = OPTION6_SKIP;
		p[at + 1] = n;
		at += 2 + n;
	}
}

static size_t put_ipv6(const struct rawframe *f, uint8_t *p, int proto,
		       size_t l4_len)
{
	size_t len = sizeof(struct ip6_hdr), options = f->ip_options;
	size_t frag_len = f->fragment ? sizeof(struct ip6_frag) : 0;
	struct ip6_hdr ip = {
		.ip6_flow = htonl(6 << 28),
		.ip6_plen = htons(options + frag_len + l4_len + f->ip_len_by),
		.ip6_nxt = options ? IPPROTO_DSTOPTS :
			   frag_len ? IPPROTO_FRAGMENT : proto,
		.ip6_hlim = 64,
	};
	struct ip6_frag frag = {
		.ip6f_nxt = proto,
		.ip6f_offlg = htons(f->fragment_at) |
			      (f->more ? IP6F_MORE_FRAG : 0),
		.ip6f_ident = htonl(ip_id),
	};

	inet_pton(AF_INET6, RAW_V6, &ip.ip6_src);
	inet_pton(AF_INET6, WIRE_V6, &ip.ip6_dst);
	memcpy(p, &ip, sizeof(ip));
	if (options)
		rawframe_options6(p + len, options,
				  frag_len ? IPPROTO_FRAGMENT : proto);
	len += options;
	memcpy(p + len, &frag, frag_len);
	return len + frag_len;
}

/* Returns where the checksum is, or -1; and the length of the header. */
static int put_l4_header(const struct rawframe *f, int proto, uint8_t *p,
			 size_t *len)
{
	struct tcphdr tcp = {
		.source = htons(f->sport),
		.dest = htons(f->dport),
		.seq = htonl(f->seq),
		.ack_seq = htonl(f->ack),
		.window = htons(65535),
	};
	struct udphdr udp = {
		.source = htons(f->sport),
		.dest = htons(f->dport),
		.len = htons(sizeof(udp) + f->len),
	};
	struct icmphdr icmp = {
		.type = f->v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
	};

	switch (proto) {
	case IPPROTO_TCP:
		*len = sizeof(tcp) + f->tcp_options;
		tcp.doff = f->words ? (f->words < 0 ? 0 : f->words) :
			   (int)*len / 4;
		tcp.th_flags = f->flags;
		memcpy(p, &tcp, sizeof(tcp));
		memset(p + sizeof(tcp), TCPOPT_NOP, f->tcp_options);
		return offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		*len = sizeof(udp);
		memcpy(p, &udp, sizeof(udp));
		return offsetof(struct udphdr, check);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		*len = sizeof(icmp);
		memcpy(p, &icmp, sizeof(icmp));
		return offsetof(struct icmphdr, checksum);
	default:
		*len = 0;
		return -1;
	}
}

static size_t put_l4(const struct rawframe *f, int proto, uint8_t *p)
{
	bool pseudo = proto != IPPROTO_ICMP;
	int check_at = -1;
	size_t len = 0;
	uint16_t check;

	if (!f->fragment_at)
		check_at = put_l4_header(f, proto, p, &len);
	if (f->data)
		memcpy(p + len, f->data, f->len);
	else
		memset(p + len, 0, f->len);
	len += f->len;
	if (check_at < 0)
		return len;

	check = fold(sum(p, len, pseudo ?
			 pseudo_header(f, proto, len + f->ip_len_by) : 0));
	check ^= f->bad_csum ? 0x5555 : 0;
	memcpy(p + check_at, &check, sizeof(check));
	return len;
}

/* A frame around a part of what IP carries. */
static size_t put_frame(const struct rawframe *f, uint8_t *p, int proto,
			const uint8_t *l4, size_t len)
{
	size_t at;

	if (f->v6) {
		at = put_tags(f, p, ETHERTYPE_IPV6);
		at += put_ipv6(f, p + at, proto, len);
	} else {
		at = put_tags(f, p, ETHERTYPE_IP);
		at += put_ipv4(f, p + at, proto, len);
	}
	memcpy(p + at, l4, len);
	memset(p + at + len, 0xa5, f->padding);
	return at + len + f->padding;
}

static int send_frame(int fd, const uint8_t *buf, size_t len)
{
	return send(fd, buf, len, 0) == (ssize_t)len ? 0 : -errno;
}

/* Cuts in parts of equal length, but for the last. */
static int send_in_fragments(int fd, const struct rawframe *f, int proto,
			     const uint8_t *l4, size_t len)
{
	size_t part = (len / f->fragments + 8) & ~7UL;
	struct rawframe one = *f;
	uint8_t buf[RAWFRAME_MAX];
	size_t at, n;
	int ret = 0;

	one.fragment = true;
	for (at = 0; at < len && !ret; at += part) {
		n = len - at < part ? len - at : part;
		one.fragment_at = at;
		one.more = at + n < len;
		ret = send_frame(fd, buf, put_frame(&one, buf, proto, l4 + at,
						    n));
	}
	return ret;
}

int raw_introduce(void)
{
	return sh("ip neigh replace " RAW_V4 " lladdr " RAW_MAC
		  " dev " WIRE_IF " nud permanent && "
		  "ip neigh replace " RAW_V6 " lladdr " RAW_MAC
		  " dev " WIRE_IF " nud permanent") ? -EIO : 0;
}

/* Only what is for RAW_MAC, though the interface takes in all. */
static int listen_for_raw_mac(int fd, int ifindex)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x52540000, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0003, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, RAWFRAME_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};
	struct packet_mreq promisc = {
		.mr_ifindex = ifindex,
		.mr_type = PACKET_MR_PROMISC,
	};
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
		       sizeof(filter)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc,
		       sizeof(promisc)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return 0;
}

static int open_here(void)
{
	int fd, ret;

	/* deaf until it is bound */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = listen_for_raw_mac(fd, if_nametoindex(PEER_IF));
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

int raw_open(void)
{
	int here, there, fd = -1;

	here = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	there = open(PEER_NETNS, O_RDONLY | O_CLOEXEC);
	if (here < 0 || there < 0 || setns(there, CLONE_NEWNET)) {
		fd = -errno;
	} else {
		fd = open_here();
		/* all that follows would be about the wrong machine */
		if (setns(here, CLONE_NEWNET))
			abort();
	}
	close(here);
	close(there);
	return fd;
}

int raw_send(int fd, const struct rawframe *f)
{
	int proto = f->proto ? f->proto : IPPROTO_TCP;
	uint8_t l4[RAWFRAME_MAX], buf[RAWFRAME_MAX];
	size_t len;

	if (f->ethertype) {
		len = put_tags(f, buf, f->ethertype);
		memcpy(buf + len, f->data, f->len);
		return send_frame(fd, buf, len + f->len);
	}
	ip_id++;
	len = put_l4(f, proto, l4);
	proto &= 0xff;
	if (f->fragments)
		return send_in_fragments(fd, f, proto, l4, len);
	return send_frame(fd, buf, put_frame(f, buf, proto, l4, len));
}

int raw_recv(int fd, void *buf, size_t len, unsigned int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int ret = poll(&p, 1, timeout_ms);
	ssize_t n;

	if (ret <= 0)
		return ret ? -errno : -ETIMEDOUT;
	n = recv(fd, buf, len, 0);
	return n < 0 ? -errno : n;
}
