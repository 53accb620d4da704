/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_CAPTURE_H
#define TESTS_CAPTURE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* A look at the wire as tcpdump has it: AF_PACKET, promiscuous. */
struct capture {
	int fd;
	void *ring;		/* of TPACKET_V3, or NULL: recv() */
	unsigned int block;	/* next of the ring */
};

/* What the frames of a capture had in common. */
struct capture_seen {
	unsigned int frames;	/* TCP to the port, with payload */
	unsigned int headers;	/* of these, just the headers, and all */
	__u64 payload;		/* bytes that were on the wire, says IP */
	__u64 captured;		/* of these, in the capture */
};

/* Returns 0 or -errno. */
int capture_open(struct capture *cap, unsigned int ifindex, bool ring);
void capture_close(struct capture *cap);

/* Adds what has been captured of frames to the port until now. */
void capture_look(struct capture *cap, __u16 port, struct capture_seen *seen);

/*
 * The same until it is more payload than that, or for so long: the ring hands
 * a block over when it is full, or when a timer says so.
 */
void capture_await(struct capture *cap, __u16 port, struct capture_seen *seen,
		   __u64 payload, unsigned int timeout_ms);

#endif /* TESTS_CAPTURE_H */
