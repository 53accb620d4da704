// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "genl.h"

/*
 * Building
 */

void genl_begin(const struct genl *genl, struct genl_request *req, __u8 cmd,
		__u16 flags)
{
	memset(req, 0, sizeof(*req));
	req->nl.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	req->nl.nlmsg_type = genl->family;
	req->nl.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	req->genl.cmd = cmd;
	req->genl.version = 1;
}

static struct nlattr *put(struct genl_request *req, __u16 type,
			  const void *data, size_t len)
{
	struct nlattr *attr = (void *)req + req->nl.nlmsg_len;

	if (req->nl.nlmsg_len + NLA_HDRLEN + NLA_ALIGN(len) > sizeof(*req)) {
		fprintf(stderr, "# netlink request too long\n");
		abort();
	}
	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	if (len)
		memcpy((void *)attr + NLA_HDRLEN, data, len);
	req->nl.nlmsg_len += NLA_ALIGN(attr->nla_len);
	return attr;
}

void genl_put(struct genl_request *req, __u16 type, const void *data,
	      size_t len)
{
	put(req, type, data, len);
}

void genl_put_u32(struct genl_request *req, __u16 type, __u32 value)
{
	put(req, type, &value, sizeof(value));
}

struct nlattr *genl_nest(struct genl_request *req, __u16 type)
{
	return put(req, type | NLA_F_NESTED, NULL, 0);
}

void genl_nest_end(struct genl_request *req, struct nlattr *nest)
{
	nest->nla_len = (void *)req + req->nl.nlmsg_len - (void *)nest;
}

/*
 * Taking apart
 */

static const struct nlattr *find(const void *p, const void *end, __u16 type)
{
	while (p + NLA_HDRLEN <= end) {
		const struct nlattr *attr = p;

		if (attr->nla_len < NLA_HDRLEN || p + attr->nla_len > end)
			break;
		if ((attr->nla_type & NLA_TYPE_MASK) == type)
			return attr;
		p += NLA_ALIGN(attr->nla_len);
	}
	return NULL;
}

__u8 genl_cmd(const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = NLMSG_DATA(nlh);

	return genl->cmd;
}

const struct nlattr *genl_attr(const struct nlmsghdr *nlh, __u16 type)
{
	return find(NLMSG_DATA(nlh) + GENL_HDRLEN,
		    (const void *)nlh + nlh->nlmsg_len, type);
}

const struct nlattr *genl_attr_in(const struct nlattr *nest, __u16 type)
{
	if (!nest)
		return NULL;
	return find((const void *)nest + NLA_HDRLEN,
		    (const void *)nest + nest->nla_len, type);
}

__u64 genl_uint(const struct nlattr *attr)
{
	const void *data = (const void *)attr + NLA_HDRLEN;
	__u16 v16;
	__u32 v32;
	__u64 v64;

	switch (attr ? attr->nla_len - NLA_HDRLEN : 0) {
	case sizeof(v16):
		memcpy(&v16, data, sizeof(v16));
		return v16;
	case sizeof(v32):
		memcpy(&v32, data, sizeof(v32));
		return v32;
	case sizeof(v64):
		memcpy(&v64, data, sizeof(v64));
		return v64;
	}
	return 0;
}

/*
 * Talking
 */

/* What one message says about the end: 1 if it is not the end. */
static int verdict(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = NLMSG_DATA(nlh);

	if (nlh->nlmsg_type == NLMSG_ERROR)
		return err->error;
	if (nlh->nlmsg_type == NLMSG_DONE)
		return *(const int *)NLMSG_DATA(nlh);
	return 1;
}

int genl_ask(const struct genl *genl, struct genl_request *req, genl_fn fn,
	     void *arg)
{
	static char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));

	if (send(genl->fd, req, req->nl.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		const struct nlmsghdr *nlh = (const void *)buf;
		ssize_t len = recv(genl->fd, buf, sizeof(buf), 0);

		if (len < 0)
			return -errno;
		for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			int ret = verdict(nlh);

			if (ret <= 0)
				return ret;
			ret = fn ? fn(nlh, arg) : 0;
			if (ret)
				return ret;
		}
	}
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int genl_listen(const struct genl *genl, unsigned int timeout_ms, genl_fn fn,
		void *arg)
{
	static char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	long until = now_ms() + timeout_ms, left;

	while ((left = until - now_ms()) > 0) {
		struct pollfd pfd = { .fd = genl->fd, .events = POLLIN };
		const struct nlmsghdr *nlh = (const void *)buf;
		ssize_t len;

		if (poll(&pfd, 1, left) != 1)
			continue;
		len = recv(genl->fd, buf, sizeof(buf), 0);
		if (len < 0)
			return -errno;
		for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			int ret = fn(nlh, arg);

			if (ret)
				return ret;
		}
	}
	return -ETIMEDOUT;
}

/*
 * Families and groups
 */

struct lookup {
	const char *group;
	__u32 id;
};

static int get_family(const struct nlmsghdr *nlh, void *arg)
{
	struct genl *genl = arg;

	genl->family = genl_uint(genl_attr(nlh, CTRL_ATTR_FAMILY_ID));
	return 0;
}

static int get_group(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *list = genl_attr(nlh, CTRL_ATTR_MCAST_GROUPS);
	struct lookup *lookup = arg;
	const struct nlattr *group;
	__u16 i;

	/* the list counts from 1 */
	for (i = 1; (group = genl_attr_in(list, i)); i++) {
		const struct nlattr *name =
			genl_attr_in(group, CTRL_ATTR_MCAST_GRP_NAME);
		const struct nlattr *id =
			genl_attr_in(group, CTRL_ATTR_MCAST_GRP_ID);

		if (name && !strcmp((const void *)name + NLA_HDRLEN,
				    lookup->group))
			lookup->id = genl_uint(id);
	}
	return 0;
}

static int ask_for_family(const struct genl *genl, const char *family,
			  genl_fn fn, void *arg)
{
	const struct genl ctrl = { .fd = genl->fd, .family = GENL_ID_CTRL };
	struct genl_request req;

	genl_begin(&ctrl, &req, CTRL_CMD_GETFAMILY, 0);
	genl_put(&req, CTRL_ATTR_FAMILY_NAME, family, strlen(family) + 1);
	return genl_ask(&ctrl, &req, fn, arg);
}

int genl_open(struct genl *genl, const char *family)
{
	int ret;

	genl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (genl->fd < 0)
		return -errno;
	ret = ask_for_family(genl, family, get_family, genl);
	if (ret)
		close(genl->fd);
	return ret;
}

void genl_close(struct genl *genl)
{
	close(genl->fd);
}

int genl_get(const char *family, __u8 cmd, __u16 flags,
	     const struct genl_u32 *attrs, genl_fn fn, void *arg)
{
	struct genl_request req;
	struct genl genl;
	int ret;

	ret = genl_open(&genl, family);
	if (ret)
		return ret;
	genl_begin(&genl, &req, cmd, flags);
	for (; attrs->type; attrs++)
		genl_put_u32(&req, attrs->type, attrs->value);
	ret = genl_ask(&genl, &req, fn, arg);
	genl_close(&genl);
	return ret;
}

int genl_join(const struct genl *genl, const char *family, const char *group)
{
	struct lookup lookup = { .group = group };
	int ret;

	ret = ask_for_family(genl, family, get_group, &lookup);
	if (ret)
		return ret;
	if (!lookup.id)
		return -ENOENT;
	if (setsockopt(genl->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
		       &lookup.id, sizeof(lookup.id)))
		return -errno;
	return 0;
}
