/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_RAWFRAME_H
#define TESTS_RAWFRAME_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Frames as no TCP would send them, on the wire to WIRE_IF. They come from a
 * third machine that only a program of this library plays: the kernel of the
 * network namespace `peer` has none of its addresses, and does not answer what
 * is sent to it.
 */
#define RAW_MAC		"52:54:00:00:00:03"
#define RAW_V4		"10.0.0.3"
#define RAW_V6		"fd00::3"

/* All headers included, and before it is cut into fragments. */
#define RAWFRAME_MAX	(9000 + 64)

/* ip_protocol: no L4 header, just the data */
#define RAW_NO_HEADER(proto)	((proto) | 0x100)

/*
 * What a frame is made of. Zeroed, it is a TCP segment over IPv4 without
 * flags, options and payload, of which all is right.
 */
struct rawframe {
	bool v6;
	__u16 tpid[2];		/* of tags with VLAN id 77 in front, or 0 */
	__u16 ethertype;	/* neither IP nor TCP: just the data; or 0 */

	int proto;		/* IPPROTO_*, or RAW_NO_HEADER(); 0: TCP */
	__u16 sport, dport;
	__u32 seq, ack;
	__u8 flags;		/* TCP's, as in its header */

	/*
	 * Bytes of options: of IPv4 (up to 40) or in a destination options
	 * header (a multiple of 8), and of TCP (up to 40). A multiple of 4.
	 */
	unsigned int ip_options, tcp_options;

	const void *data;	/* NULL: zeros */
	unsigned int len;
	unsigned int padding;	/* bytes behind the end that IP tells */

	/* One frame for each so many fragments; 0: it is none. */
	unsigned int fragments;
	/* Or a fragment that lacks the others, with an L4 header if at 0. */
	bool fragment, more;
	unsigned int fragment_at;	/* bytes, a multiple of 8 */

	/* Lies. The checksums are right if they are not among them. */
	int ip_len_by;		/* add to the length that IP tells */
	int words;		/* of TCP's header; -1 for 0 */
	bool bad_csum, bad_ip_csum;
};

/*
 * A destination options header of len bytes, a multiple of 8, in front of the
 * protocol next, that everybody skips.
 */
void rawframe_options6(void *buf, size_t len, __u8 next);

/* Tells WIRE_IF's kernel where the third machine is. Returns 0 or -errno. */
int raw_introduce(void);

/*
 * The third machine's wire: a socket in the network namespace `peer`, wherever
 * it is called. It receives all that is sent to RAW_MAC, and nothing else.
 * Returns the socket or -errno.
 */
int raw_open(void);

/* Returns 0 or -errno. */
int raw_send(int fd, const struct rawframe *f);

/* Returns the length of the next frame, or -ETIMEDOUT, or -errno. */
int raw_recv(int fd, void *buf, size_t len, unsigned int timeout_ms);

#endif /* TESTS_RAWFRAME_H */
