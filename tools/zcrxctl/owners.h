/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_OWNERS_H
#define ZCRXCTL_OWNERS_H

#include <stdint.h>
#include <sys/types.h>

/* A process with a ring that has an ifq, as its fdinfo tells. */
struct owner {
	pid_t pid;
	char comm[32];			/* any bytes */
	char shown[32];			/* none that a terminal takes for commands */
	int64_t held, in_flight;	/* buffers */
};

/*
 * The first process in this network namespace whose ifq has the queue. Returns 0 or
 * -errno: -ENOENT if there is none, or none that may be looked into.
 */
int owner_of(struct owner *owner, uint32_t ifindex, uint32_t queue);

#endif /* ZCRXCTL_OWNERS_H */
