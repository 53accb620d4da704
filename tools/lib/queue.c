// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netdev.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "queue.h"

struct message {
	struct nlmsghdr nl;
	struct genlmsghdr genl;
	char attrs[8192];
};

static void begin(struct message *m, uint16_t family, uint8_t cmd)
{
	memset(m, 0, sizeof(*m));
	m->nl.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	m->nl.nlmsg_type = family;
	m->nl.nlmsg_flags = NLM_F_REQUEST;
	m->genl.cmd = cmd;
	m->genl.version = 1;
}

static void put(struct message *m, uint16_t type, const void *data, size_t len)
{
	struct nlattr *a = (void *)m + NLMSG_ALIGN(m->nl.nlmsg_len);

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memcpy((void *)a + NLA_HDRLEN, data, len);
	m->nl.nlmsg_len = NLMSG_ALIGN(m->nl.nlmsg_len) + NLA_ALIGN(a->nla_len);
}

/* Sends *m and receives its one answer into *m. */
static int ask(int fd, struct message *m)
{
	const struct nlmsgerr *err;
	ssize_t n;

	if (send(fd, m, m->nl.nlmsg_len, 0) < 0)
		return -errno;
	n = recv(fd, m, sizeof(*m), 0);
	if (n < 0)
		return -errno;
	if (!NLMSG_OK(&m->nl, (size_t)n))
		return -EPROTO;
	if (m->nl.nlmsg_type == NLMSG_ERROR) {
		err = NLMSG_DATA(&m->nl);
		return err->error ? err->error : -EPROTO;
	}
	return 0;
}

static const struct nlattr *find(const struct message *m, uint16_t type)
{
	const void *p = m->attrs, *end = (const void *)m + m->nl.nlmsg_len;

	while (p + NLA_HDRLEN <= end) {
		const struct nlattr *a = p;

		if (a->nla_len < NLA_HDRLEN || p + a->nla_len > end)
			break;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		p += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

static int netdev_family(int fd, struct message *m)
{
	const struct nlattr *a;
	uint16_t id;
	int ret;

	begin(m, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	put(m, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY_NAME,
	    sizeof(NETDEV_FAMILY_NAME));
	ret = ask(fd, m);
	if (ret)
		return ret;
	a = find(m, CTRL_ATTR_FAMILY_ID);
	if (!a)
		return -EPROTO;
	memcpy(&id, (const void *)a + NLA_HDRLEN, sizeof(id));
	return id;
}

int queue_provider(uint32_t ifindex, uint32_t rxq)
{
	uint32_t rx = NETDEV_QUEUE_TYPE_RX;
	struct message m;
	int fd, ret;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (fd < 0)
		return -errno;

	ret = netdev_family(fd, &m);
	if (ret < 0)
		goto out;

	begin(&m, ret, NETDEV_CMD_QUEUE_GET);
	put(&m, NETDEV_A_QUEUE_ID, &rxq, sizeof(rxq));
	put(&m, NETDEV_A_QUEUE_TYPE, &rx, sizeof(rx));
	put(&m, NETDEV_A_QUEUE_IFINDEX, &ifindex, sizeof(ifindex));
	ret = ask(fd, &m);
	if (ret)
		goto out;

	if (find(&m, NETDEV_A_QUEUE_IO_URING))
		ret = QUEUE_IO_URING;
	else if (find(&m, NETDEV_A_QUEUE_DMABUF))
		ret = QUEUE_DMABUF;
	else
		ret = QUEUE_PAGES;
out:
	close(fd);
	return ret;
}

int queue_wait_free(uint32_t ifindex, uint32_t rxq, unsigned int timeout_ms)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	unsigned int waited;
	int ret;

	for (waited = 0; waited <= timeout_ms; waited += 10) {
		ret = queue_provider(ifindex, rxq);
		if (ret < 0)
			return ret;
		if (ret == QUEUE_PAGES)
			return 0;
		nanosleep(&ms10, NULL);
	}
	return -ETIMEDOUT;
}
