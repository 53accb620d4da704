/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_PEER_H
#define LIB_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "stream.h"

/* The network namespace at the other end of the wire. */
#define PEER_NETNS	"/run/netns/peer"

/*
 * Runs fn(arg) in a child process inside PEER_NETNS. The child has none of
 * the caller's file descriptors but 0 to 2: with a copy of the ring's it would
 * keep the ring alive. It dies with the caller. Returns its process id, or
 * -errno.
 */
pid_t peer_start(int (*fn)(void *arg), void *arg);

/* Waits for the child. Returns what fn did, or 128 + the signal it died of. */
int peer_wait(pid_t pid);

/*
 * For peer_start(): connects and sends len bytes of a stream, then ends the
 * connection and waits until the receiver has ended it, too.
 */
struct peer_send {
	const struct stream *stream;
	const char *addr;
	uint16_t port;
	uint64_t len;
	bool may_break;	/* the receiver may go away: no word about it */
};

int peer_send_stream(void *arg);

/* For peer_start(): sets the MTU of all interfaces but the loopback's. */
int peer_set_mtu(void *mtu);

#endif /* LIB_PEER_H */
