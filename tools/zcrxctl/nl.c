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

struct nlmsghdr *nl_request(struct nl *nl, void *buf, uint8_t cmd,
			    uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = nl->family;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = 1;
	return nlh;
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

int nl_talk(struct nl *nl, struct nlmsghdr *nlh, mnl_cb_t cb, void *data)
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
	nlh->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		len = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));
		if (len < 0)
			return -errno;
		ret = mnl_cb_run2(buf, len, nl->seq,
				  mnl_socket_get_portid(nl->sock), cb, data,
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

static int find_family(struct nl *nl, const char *name)
{
	char buf[NL_BUF_SIZE];
	struct nlmsghdr *nlh;
	int ret;

	nl->family = GENL_ID_CTRL;
	nlh = nl_request(nl, buf, CTRL_CMD_GETFAMILY, 0);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, name);
	nl->family = 0;
	ret = nl_talk(nl, nlh, family_cb, &nl->family);
	if (!ret && !nl->family)
		ret = -ENOENT;
	return ret;
}

int nl_open(struct nl *nl, const char *family)
{
	int on = 1, ret;

	memset(nl, 0, sizeof(*nl));
	nl->seq = time(NULL);
	nl->sock = mnl_socket_open2(family ? NETLINK_GENERIC : NETLINK_ROUTE,
				    SOCK_CLOEXEC);
	if (!nl->sock)
		return -errno;
	/* older kernels have no words of their own; nothing depends on them */
	mnl_socket_setsockopt(nl->sock, NETLINK_EXT_ACK, &on, sizeof(on));
	if (mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		goto err_close;
	}
	if (family) {
		ret = find_family(nl, family);
		if (ret)
			goto err_close;
	}
	return 0;

err_close:
	mnl_socket_close(nl->sock);
	return ret;
}

void nl_close(struct nl *nl)
{
	mnl_socket_close(nl->sock);
}
