// SPDX-License-Identifier: GPL-2.0
/*
 * tcp-data-split DEV [on|off|auto]: set or show a NIC's header split, as
 * `ethtool -G DEV tcp-data-split on` does from ethtool 6.4 on. Debian 12 has
 * 6.1.
 */
#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUF_SIZE	8192

struct request {
	struct nlmsghdr nlh;
	struct genlmsghdr genl;
	char attrs[256];
};

static struct nlattr *put(struct request *req, int type, const void *data,
			  size_t len)
{
	struct nlattr *attr = (void *)((char *)req +
				       NLMSG_ALIGN(req->nlh.nlmsg_len));

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + len;
	memcpy((char *)attr + NLA_HDRLEN, data, len);
	req->nlh.nlmsg_len = NLMSG_ALIGN(req->nlh.nlmsg_len) +
			     NLA_ALIGN(attr->nla_len);
	return attr;
}

static void init_request(struct request *req, int type, int flags, int cmd)
{
	memset(req, 0, sizeof(*req));
	req->nlh.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	req->nlh.nlmsg_type = type;
	req->nlh.nlmsg_flags = NLM_F_REQUEST | flags;
	req->genl.cmd = cmd;
	req->genl.version = 1;
}

static const struct nlattr *find(const void *from, size_t len, int type)
{
	const struct nlattr *attr = from;

	while (len >= NLA_HDRLEN && attr->nla_len >= NLA_HDRLEN &&
	       attr->nla_len <= len) {
		if ((attr->nla_type & NLA_TYPE_MASK) == type)
			return attr;
		if ((size_t)NLA_ALIGN(attr->nla_len) >= len)
			break;
		len -= NLA_ALIGN(attr->nla_len);
		attr = (const void *)((const char *)attr +
				      NLA_ALIGN(attr->nla_len));
	}
	return NULL;
}

static const void *payload(const struct nlattr *attr)
{
	return (const char *)attr + NLA_HDRLEN;
}

/* The kernel's own words for a refusal, behind the request it quotes. */
static const char *extack(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = NLMSG_DATA(nlh);
	size_t skip = NLMSG_LENGTH(sizeof(*err));
	const struct nlattr *msg;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(err->msg.nlmsg_len) - NLMSG_HDRLEN;
	if (skip >= nlh->nlmsg_len)
		return NULL;
	msg = find((const char *)nlh + skip, nlh->nlmsg_len - skip,
		   NLMSGERR_ATTR_MSG);
	return msg ? payload(msg) : NULL;
}

static void send_request(int fd, const struct request *req, const char *what)
{
	if (send(fd, req, req->nlh.nlmsg_len, 0) < 0) {
		fprintf(stderr, "%s: send: %m\n", what);
		exit(1);
	}
}

/* Take one answer; one that is an error ends the program. */
static const struct nlmsghdr *answer(int fd, char *buf, const char *what)
{
	const struct nlmsghdr *nlh = (const void *)buf;
	ssize_t len = recv(fd, buf, BUF_SIZE, 0);
	const struct nlmsgerr *err;
	const char *words;

	if (len < (ssize_t)sizeof(*nlh) || nlh->nlmsg_len > len) {
		fprintf(stderr, "%s: not a proper reply: %m\n", what);
		exit(1);
	}
	if (nlh->nlmsg_type != NLMSG_ERROR)
		return nlh;
	err = NLMSG_DATA(nlh);
	if (!err->error)
		return nlh;
	words = extack(nlh);
	fprintf(stderr, "%s: %s%s%s\n", what, strerror(-err->error),
		words ? ": " : "", words ? words : "");
	exit(1);
}

static const void *genl_attrs(const struct nlmsghdr *nlh, size_t *len)
{
	*len = nlh->nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN);
	return (const char *)NLMSG_DATA(nlh) + GENL_HDRLEN;
}

static int ethtool_family(int fd, char *buf)
{
	const struct nlmsghdr *nlh;
	const struct nlattr *attr;
	struct request req;
	const void *attrs;
	uint16_t id;
	size_t len;

	init_request(&req, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY);
	put(&req, CTRL_ATTR_FAMILY_NAME, ETHTOOL_GENL_NAME,
	    sizeof(ETHTOOL_GENL_NAME));
	send_request(fd, &req, "netlink family ethtool");
	nlh = answer(fd, buf, "netlink family ethtool");
	attrs = genl_attrs(nlh, &len);
	attr = find(attrs, len, CTRL_ATTR_FAMILY_ID);
	if (!attr) {
		fprintf(stderr, "netlink family ethtool: no id\n");
		exit(1);
	}
	memcpy(&id, payload(attr), sizeof(id));
	return id;
}

static void put_device(struct request *req, const char *dev)
{
	char nest[NLA_HDRLEN + NLA_ALIGN(IFNAMSIZ)] = {};
	struct nlattr *attr = (void *)nest;

	attr->nla_type = ETHTOOL_A_HEADER_DEV_NAME;
	attr->nla_len = NLA_HDRLEN + strlen(dev) + 1;
	memcpy(nest + NLA_HDRLEN, dev, strlen(dev) + 1);
	put(req, ETHTOOL_A_RINGS_HEADER | NLA_F_NESTED, nest,
	    NLA_ALIGN(attr->nla_len));
}

int main(int argc, char **argv)
{
	/* By the values of ETHTOOL_TCP_DATA_SPLIT_*. */
	static const char * const states[] = { "auto", "off", "on" };
	char buf[BUF_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlattr *attr;
	struct request req;
	const void *attrs;
	uint8_t state;
	int fd, on = 1;
	size_t len;

	if (argc < 2 || argc > 3 || strlen(argv[1]) >= IFNAMSIZ) {
		fprintf(stderr, "usage: %s DEV [on|off|auto]\n", argv[0]);
		return 2;
	}
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0 || setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on,
				 sizeof(on))) {
		fprintf(stderr, "netlink: %m\n");
		return 1;
	}

	if (argc == 2) {
		init_request(&req, ethtool_family(fd, buf), 0,
			     ETHTOOL_MSG_RINGS_GET);
		put_device(&req, argv[1]);
		send_request(fd, &req, argv[1]);
		attrs = genl_attrs(answer(fd, buf, argv[1]), &len);
		attr = find(attrs, len, ETHTOOL_A_RINGS_TCP_DATA_SPLIT);
		state = attr ? *(const uint8_t *)payload(attr) : 0;
		puts(!attr ? "unsupported" : state < 3 ? states[state] : "?");
		return 0;
	}

	for (state = 0; state < 3; state++)
		if (!strcmp(argv[2], states[state]))
			break;
	if (state == 3) {
		fprintf(stderr, "%s: not on, off or auto\n", argv[2]);
		return 2;
	}
	init_request(&req, ethtool_family(fd, buf), NLM_F_ACK,
		     ETHTOOL_MSG_RINGS_SET);
	put_device(&req, argv[1]);
	put(&req, ETHTOOL_A_RINGS_TCP_DATA_SPLIT, &state, sizeof(state));
	send_request(fd, &req, argv[1]);
	answer(fd, buf, argv[1]);
	return 0;
}
