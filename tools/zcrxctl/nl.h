/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_NL_H
#define ZCRXCTL_NL_H

#include <stdint.h>

#include <libmnl/libmnl.h>

#define NL_BUF_SIZE	8192

/* A request, and a socket for it alone. Attributes are put behind nlh. */
struct nl_request {
	struct nlmsghdr *nlh;
	struct mnl_socket *sock;
	char buf[NL_BUF_SIZE];
};

/*
 * Begins a request to a family of generic netlink; flags: NLM_F_DUMP or 0. Or one to
 * routing netlink, with a header of its own. Returns 0 or -errno: -ENOENT if the kernel
 * has no such family. After 0, nl_send() has to be called.
 */
int nl_begin(struct nl_request *req, const char *family, uint8_t cmd,
	     uint16_t flags);
int nl_begin_route(struct nl_request *req, uint16_t type, size_t header);

/*
 * Sends the request, gives each answer to cb, which may be NULL, until the kernel has
 * said how it went, and closes the socket. Returns 0 or -errno.
 */
int nl_send(struct nl_request *req, mnl_cb_t cb, void *data);

/* The kernel's own words for the last refusal; an empty string if it had none. */
const char *nl_why(void);
void nl_forget_why(void);

#endif /* ZCRXCTL_NL_H */
