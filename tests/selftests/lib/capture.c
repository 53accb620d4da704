// SPDX-License-Identifier: GPL-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"

#define BLOCK_LEN	(256 * 1024)
#define BLOCKS		16
#define BLOCK_MS	10

static int map_ring(struct capture *cap)
{
	struct tpacket_req3 req = {
		.tp_block_size = BLOCK_LEN,
		.tp_block_nr = BLOCKS,
		.tp_frame_size = 2048,
		.tp_frame_nr = BLOCKS * BLOCK_LEN / 2048,
		.tp_retire_blk_tov = BLOCK_MS,
	};
	int version = TPACKET_V3;

	if (setsockopt(cap->fd, SOL_PACKET, PACKET_VERSION, &version,
		       sizeof(version)) ||
	    setsockopt(cap->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)))
		return -errno;
	cap->ring = mmap(NULL, BLOCKS * BLOCK_LEN, PROT_READ | PROT_WRITE,
			 MAP_SHARED, cap->fd, 0);
	if (cap->ring == MAP_FAILED)
		return -errno;
	return 0;
}

int capture_open(struct capture *cap, unsigned int ifindex, bool ring)
{
	struct packet_mreq promisc = {
		.mr_ifindex = ifindex,
		.mr_type = PACKET_MR_PROMISC,
	};
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	int ret = 0;

	*cap = (struct capture) { .fd = -1 };
	/* deaf until it is bound */
	cap->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (cap->fd < 0)
		return -errno;
	if (ring)
		ret = map_ring(cap);
	if (!ret && (setsockopt(cap->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
				&promisc, sizeof(promisc)) ||
		     bind(cap->fd, (struct sockaddr *)&addr, sizeof(addr))))
		ret = -errno;
	if (ret)
		close(cap->fd);
	return ret;
}

void capture_close(struct capture *cap)
{
	if (cap->ring)
		munmap(cap->ring, BLOCKS * BLOCK_LEN);
	close(cap->fd);
}

/* Counts a frame of which caplen bytes were captured. */
static void add(const void *frame, size_t caplen, __u16 port,
		struct capture_seen *seen)
{
	const struct ether_header *eth = frame;
	const struct ip6_hdr *ip6 = frame + sizeof(*eth);
	const struct iphdr *ip = frame + sizeof(*eth);
	const struct tcphdr *tcp;
	size_t l4, wire, headers;

	/* the least that holds the headers of either family */
	if (caplen < sizeof(*eth) + sizeof(*ip6))
		return;
	if (eth->ether_type == htons(ETHERTYPE_IP)) {
		l4 = sizeof(*eth) + 4 * ip->ihl;
		wire = sizeof(*eth) + ntohs(ip->tot_len);
		if (ip->protocol != IPPROTO_TCP)
			return;
	} else if (eth->ether_type == htons(ETHERTYPE_IPV6)) {
		l4 = sizeof(*eth) + sizeof(*ip6);
		wire = l4 + ntohs(ip6->ip6_plen);
		if (ip6->ip6_nxt != IPPROTO_TCP)
			return;
	} else {
		return;
	}
	if (caplen < l4 + sizeof(*tcp))
		return;
	tcp = frame + l4;
	headers = l4 + 4 * tcp->doff;
	if (tcp->dest != htons(port) || wire <= headers)
		return;

	seen->frames++;
	seen->payload += wire - headers;
	seen->headers += caplen == headers;
	if (caplen > headers)
		seen->captured += caplen - headers;
}

static void look_into_block(struct tpacket_block_desc *block, __u16 port,
			    struct capture_seen *seen)
{
	const struct tpacket_hdr_v1 *h = &block->hdr.bh1;
	const struct tpacket3_hdr *frame;
	__u32 i;

	frame = (void *)block + h->offset_to_first_pkt;
	for (i = 0; i < h->num_pkts; i++) {
		add((void *)frame + frame->tp_mac, frame->tp_snaplen, port,
		    seen);
		frame = (void *)frame + frame->tp_next_offset;
	}
}

static void look_into_ring(struct capture *cap, __u16 port,
			   struct capture_seen *seen)
{
	for (;;) {
		struct tpacket_block_desc *block =
			cap->ring + cap->block * BLOCK_LEN;
		__u32 *status = &block->hdr.bh1.block_status;

		if (!(__atomic_load_n(status, __ATOMIC_ACQUIRE) &
		      TP_STATUS_USER))
			return;
		look_into_block(block, port, seen);
		__atomic_store_n(status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		cap->block = (cap->block + 1) % BLOCKS;
	}
}

void capture_look(struct capture *cap, __u16 port, struct capture_seen *seen)
{
	static char frame[128 * 1024];
	ssize_t n;

	if (cap->ring) {
		look_into_ring(cap, port, seen);
		return;
	}
	while ((n = recv(cap->fd, frame, sizeof(frame), MSG_DONTWAIT)) > 0)
		add(frame, n, port, seen);
}

void capture_await(struct capture *cap, __u16 port, struct capture_seen *seen,
		   __u64 payload, unsigned int timeout_ms)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	unsigned int waited;

	capture_look(cap, port, seen);
	for (waited = 0; seen->payload <= payload && waited < timeout_ms;
	     waited += 10) {
		nanosleep(&ms10, NULL);
		capture_look(cap, port, seen);
	}
}
