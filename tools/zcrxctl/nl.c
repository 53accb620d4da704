// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "nl.h"

static char why[256];

const char *nl_why(void)
{
	return why;
}

void nl_forget_why(void)
{
	why[0] = '\0';
}

static void put_header(struct nl_request *req, uint16_t type, uint16_t flags,
		       size_t header)
{
	req->nlh = mnl_nlmsg_put_header(req->buf);
	req->nlh->nlmsg_type = type;
	req->nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	req->nlh->nlmsg_seq = time(NULL);
	mnl_nlmsg_put_extra_header(req->nlh, header);
}

static void put_genl(struct nl_request *req, uint16_t family, uint8_t cmd,
		     uint16_t flags)
{
	struct genlmsghdr *genl;

	put_header(req, family, flags, sizeof(*genl));
	genl = mnl_nlmsg_get_payload(req->nlh);
	genl->cmd = cmd;
	genl->version = 1;
}

static int why_cb(const struct nlattr *attr, void *data)
{
	(void)data;
	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(why, sizeof(why), "%s", mnl_attr_get_str(attr));
	return MNL_CB_OK;
}

/* Behind the error are the request it quotes, and the kernel's words. */
static int error_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	unsigned int skip = sizeof(*err);

	(void)data;
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*err)) {
		errno = EBADMSG;
		return MNL_CB_ERROR;
	}
	if (!err->error)
		return MNL_CB_STOP;
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS) {
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			skip += NLMSG_ALIGN(err->msg.nlmsg_len) - NLMSG_HDRLEN;
		mnl_attr_parse(nlh, skip, why_cb, NULL);
	}
	errno = -err->error;
	return MNL_CB_ERROR;
}

/* The end of a dump has how it went; libmnl does not look. */
static int done_cb(const struct nlmsghdr *nlh, void *data)
{
	int err = 0;

	(void)data;
	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(err))
		memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	if (!err)
		return MNL_CB_STOP;
	errno = -err;
	return MNL_CB_ERROR;
}

static int talk(struct nl_request *req, mnl_cb_t cb, void *data)
{
	/* what is not in it libmnl sees to */
	static mnl_cb_t control[NLMSG_DONE + 1] = {
		[NLMSG_ERROR] = error_cb,
		[NLMSG_DONE] = done_cb,
	};
	char buf[2 * NL_BUF_SIZE];
	ssize_t len;
	int ret;

	nl_forget_why();
	if (mnl_socket_sendto(req->sock, req->nlh, req->nlh->nlmsg_len) < 0)
		return -errno;
	do {
		len = mnl_socket_recvfrom(req->sock, buf, sizeof(buf));
		if (len < 0)
			return -errno;
		ret = mnl_cb_run2(buf, len, req->nlh->nlmsg_seq,
				  mnl_socket_get_portid(req->sock), cb, data,
				  control, NLMSG_DONE + 1);
	} while (ret > MNL_CB_STOP);
	return ret == MNL_CB_ERROR ? -errno : 0;
}

static int id_cb(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
		*(uint16_t *)data = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

static int family_cb(const struct nlmsghdr *nlh, void *data)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), id_cb, data);
}

static int find_family(struct nl_request *req, const char *name, uint16_t *family)
{
	int ret;

	*family = 0;
	put_genl(req, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(req->nlh, CTRL_ATTR_FAMILY_NAME, name);
	ret = talk(req, family_cb, family);
	if (!ret && !*family)
		ret = -ENOENT;
	return ret;
}

static int open_socket(struct nl_request *req, int protocol)
{
	int on = 1, ret;

	req->sock = mnl_socket_open2(protocol, SOCK_CLOEXEC);
	if (!req->sock)
		return -errno;
	/* older kernels have no words of their own; nothing depends on them */
	mnl_socket_setsockopt(req->sock, NETLINK_EXT_ACK, &on, sizeof(on));
	if (mnl_socket_bind(req->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		mnl_socket_close(req->sock);
		return ret;
	}
	return 0;
}

int nl_begin(struct nl_request *req, const char *family, uint8_t cmd,
	     uint16_t flags)
{
	uint16_t id;
	int ret;

	ret = open_socket(req, NETLINK_GENERIC);
	if (ret)
		return ret;
	ret = find_family(req, family, &id);
	if (ret) {
		mnl_socket_close(req->sock);
		return ret;
	}
	put_genl(req, id, cmd, flags);
	return 0;
}

int nl_begin_route(struct nl_request *req, uint16_t type, size_t header)
{
	int ret = open_socket(req, NETLINK_ROUTE);

	if (!ret)
		put_header(req, type, 0, header);
	return ret;
}

int nl_send(struct nl_request *req, mnl_cb_t cb, void *data)
{
	int ret = talk(req, cb, data);

	mnl_socket_close(req->sock);
	return ret;
}
