/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_DEVMEM_H
#define LIB_DEVMEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "area.h"

/* Of the headers of user space, glibc's has this one from 2.41 on. */
#ifndef MSG_SOCK_DEVMEM
#define MSG_SOCK_DEVMEM	0x2000000
#endif

/*
 * One recvmsg() of socket devmem brings this many pieces at most: the control
 * buffer has no room for more.
 */
#define DEVMEM_MAX_PIECES	4096

/* A connection that is received with socket devmem. Zeroed, it is new. */
struct devmem {
	int sock;
	const struct area *area;	/* what is bound, as a mapping */
	uint32_t dmabuf_id;		/* of the binding */

	/* given the next bytes of the stream; returns 0 or -errno */
	int (*take)(void *arg, const void *data, size_t len);
	void *arg;

	uint64_t linear;		/* bytes that came by copy */
	uint64_t syscalls;
	uint64_t returned;		/* buffers given back */
	uint64_t publishes;		/* in so many calls */
};

/*
 * Receives what is there, or waits for it, and gives the buffers back. Returns
 * what recvmsg() does, or -errno: -EPROTO or -ERANGE if what the kernel says
 * makes no sense, and what take() returned.
 */
ssize_t devmem_receive(struct devmem *dm);

#endif /* LIB_DEVMEM_H */
