/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_NL_H
#define ZCRXCTL_NL_H

#include <stdint.h>

#include <libmnl/libmnl.h>

/* A socket to one family of generic netlink, or to routing netlink. */
struct nl {
	struct mnl_socket *sock;
	uint32_t seq;
	uint16_t family;	/* 0: routing */
};

#define NL_BUF_SIZE	8192

/*
 * Returns 0 or -errno: -ENOENT if the kernel has no such family. NULL stands for
 * routing netlink.
 */
int nl_open(struct nl *nl, const char *family);
void nl_close(struct nl *nl);

/* A request to a generic family, in buf of NL_BUF_SIZE; flags: NLM_F_DUMP or 0. */
struct nlmsghdr *nl_request(struct nl *nl, void *buf, uint8_t cmd,
			    uint16_t flags);

/*
 * Sends the request, and gives each answer to cb, which may be NULL, until the kernel
 * has said how it went. Returns 0 or -errno.
 */
int nl_talk(struct nl *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *data);

/* The kernel's own words for the last refusal; an empty string if it had none. */
const char *nl_why(void);
void nl_forget_why(void);

#endif /* ZCRXCTL_NL_H */
