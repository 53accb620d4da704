/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_GENL_H
#define LIB_GENL_H

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/types.h>

/* A generic netlink socket that speaks to one family. */
struct genl {
	int fd;
	__u16 family;
};

/* A request. Attributes that do not fit are a bug of the test: it aborts. */
struct genl_request {
	struct nlmsghdr nl;
	struct genlmsghdr genl;
	char attrs[1024];
};

/*
 * Given each message that came. What it returns other than 0 ends the call
 * that it was given to, and is returned by it.
 */
typedef int (*genl_fn)(const struct nlmsghdr *nlh, void *arg);

/* Returns 0 or -errno: -ENOENT if the kernel has no such family. */
int genl_open(struct genl *genl, const char *family);
void genl_close(struct genl *genl);

/* flags: NLM_F_DUMP or 0 */
void genl_begin(const struct genl *genl, struct genl_request *req, __u8 cmd,
		__u16 flags);
void genl_put(struct genl_request *req, __u16 type, const void *data,
	      size_t len);
void genl_put_u32(struct genl_request *req, __u16 type, __u32 value);
struct nlattr *genl_nest(struct genl_request *req, __u16 type);
void genl_nest_end(struct genl_request *req, struct nlattr *nest);

/*
 * Sends the request and gives each answer to fn, which may be NULL, until the
 * kernel has said how it went. Returns 0 or -errno.
 */
int genl_ask(const struct genl *genl, struct genl_request *req, genl_fn fn,
	     void *arg);

/*
 * All of it at once: opens a socket, asks with attributes of 32 bits alone,
 * the last one of type 0, and closes it again.
 */
struct genl_u32 {
	__u16 type;
	__u32 value;
};

int genl_get(const char *family, __u8 cmd, __u16 flags,
	     const struct genl_u32 *attrs, genl_fn fn, void *arg);

/* Subscribes to notifications. Returns 0 or -errno. */
int genl_join(const struct genl *genl, const char *family, const char *group);

/*
 * Gives each notification to fn until it returns something other than 0.
 * -ETIMEDOUT if it has not by then.
 */
int genl_listen(const struct genl *genl, unsigned int timeout_ms, genl_fn fn,
		void *arg);

__u8 genl_cmd(const struct nlmsghdr *nlh);

/* NULL if it is not there, or where is NULL */
const struct nlattr *genl_attr(const struct nlmsghdr *nlh, __u16 type);
const struct nlattr *genl_attr_in(const struct nlattr *nest, __u16 type);

/* The value of an attribute of 2, 4 or 8 bytes; 0 if it is NULL. */
__u64 genl_uint(const struct nlattr *attr);

#endif /* LIB_GENL_H */
