// SPDX-License-Identifier: GPL-2.0
/* What 6.12 has no netlink for: where flows go. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nic.h"
#include "nic_ioctl.h"
#include "nl.h"

static int ethtool(const struct nic *nic, void *cmd)
{
	struct ifreq ifr = { .ifr_data = cmd };
	int fd, ret = 0;

	nl_forget_why();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, nic->name, sizeof(ifr.ifr_name));
	if (ioctl(fd, SIOCETHTOOL, &ifr) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int get_value(const struct nic *nic, uint32_t cmd, uint32_t *value)
{
	struct ethtool_value v = { .cmd = cmd };
	int ret = ethtool(nic, &v);

	if (!ret)
		*value = v.data;
	return ret;
}

void nic_ioctl_driver(struct nic *nic)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (ethtool(nic, &info))
		return;
	snprintf(nic->driver, sizeof(nic->driver), "%.31s", info.driver);
	snprintf(nic->bus, sizeof(nic->bus), "%.31s", info.bus_info);
}

int nic_ioctl_rx_queues(const struct nic *nic, uint32_t *queues)
{
	struct ethtool_rxnfc nfc = { .cmd = ETHTOOL_GRXRINGS };
	int ret = ethtool(nic, &nfc);

	if (!ret)
		*queues = nfc.data;
	return ret;
}

static struct ethtool_rxfh_indir *new_indir(uint32_t cmd, uint32_t size)
{
	struct ethtool_rxfh_indir *indir;

	indir = calloc(1, sizeof(*indir) + size * sizeof(indir->ring_index[0]));
	if (indir) {
		indir->cmd = cmd;
		indir->size = size;
	}
	return indir;
}

int nic_get_rss(const struct nic *nic, struct nic_rss *rss)
{
	struct ethtool_rxfh_indir size = { .cmd = ETHTOOL_GRXFHINDIR };
	struct ethtool_rxfh_indir *indir;
	int ret;

	memset(rss, 0, sizeof(*rss));
	ret = ethtool(nic, &size);
	if (ret)
		return ret;
	indir = new_indir(ETHTOOL_GRXFHINDIR, size.size);
	if (!indir)
		return -ENOMEM;
	ret = ethtool(nic, indir);
	if (ret)
		goto out;

	rss->queue = calloc(size.size, sizeof(*rss->queue));
	if (!rss->queue) {
		ret = -ENOMEM;
		goto out;
	}
	rss->size = size.size;
	memcpy(rss->queue, indir->ring_index, size.size * sizeof(*rss->queue));
out:
	free(indir);
	return ret;
}

void nic_free_rss(struct nic_rss *rss)
{
	free(rss->queue);
	memset(rss, 0, sizeof(*rss));
}

int nic_set_rss(const struct nic *nic, const struct nic_rss *rss)
{
	struct ethtool_rxfh_indir *indir = new_indir(ETHTOOL_SRXFHINDIR,
						     rss->size);
	int ret;

	if (!indir)
		return -ENOMEM;
	memcpy(indir->ring_index, rss->queue, rss->size * sizeof(*rss->queue));
	ret = ethtool(nic, indir);
	free(indir);
	return ret;
}

/* No table at all: the kernel takes note that nobody wants one. */
int nic_default_rss(const struct nic *nic)
{
	struct ethtool_rxfh_indir none = { .cmd = ETHTOOL_SRXFHINDIR };

	return ethtool(nic, &none);
}

bool nic_rss_is_default(const struct nic_rss *rss, uint32_t queues)
{
	uint32_t i;

	for (i = 0; i < rss->size; i++)
		if (!queues || rss->queue[i] != i % queues)
			return false;
	return true;
}

int nic_get_rx_csum(const struct nic *nic, bool *on)
{
	uint32_t value;
	int ret = get_value(nic, ETHTOOL_GRXCSUM, &value);

	if (!ret)
		*on = value;
	return ret;
}

int nic_get_ntuple(const struct nic *nic, bool *on)
{
	uint32_t flags;
	int ret = get_value(nic, ETHTOOL_GFLAGS, &flags);

	if (!ret)
		*on = flags & ETH_FLAG_NTUPLE;
	return ret;
}

int nic_set_ntuple(const struct nic *nic, bool on)
{
	struct ethtool_value v = { .cmd = ETHTOOL_SFLAGS };
	bool is;
	int ret;

	ret = get_value(nic, ETHTOOL_GFLAGS, &v.data);
	if (ret)
		return ret;
	if (on)
		v.data |= ETH_FLAG_NTUPLE;
	else
		v.data &= ~ETH_FLAG_NTUPLE;
	ret = ethtool(nic, &v);
	/* the kernel leaves it as it is where the driver cannot, and says 0 */
	if (!ret)
		ret = nic_get_ntuple(nic, &is);
	if (!ret && is != on)
		ret = -EOPNOTSUPP;
	return ret;
}

/*
 * Rules.
 */
static void fill_rule(struct ethtool_rx_flow_spec *fs,
		      const struct nic_rule *rule)
{
	memset(fs, 0, sizeof(*fs));
	fs->location = rule->location;
	fs->ring_cookie = rule->queue;
	if (rule->ipv6) {
		fs->flow_type = TCP_V6_FLOW;
		fs->h_u.tcp_ip6_spec.pdst = htobe16(rule->port);
		fs->m_u.tcp_ip6_spec.pdst = 0xffff;
	} else {
		fs->flow_type = TCP_V4_FLOW;
		fs->h_u.tcp_ip4_spec.pdst = htobe16(rule->port);
		fs->m_u.tcp_ip4_spec.pdst = 0xffff;
	}
}

/* All locations that are taken, and how many the table has; free() it. */
static int get_locations(const struct nic *nic, struct ethtool_rxnfc **out,
			 uint32_t *size)
{
	struct ethtool_rxnfc count = { .cmd = ETHTOOL_GRXCLSRLCNT };
	struct ethtool_rxnfc *all;
	int ret;

	ret = ethtool(nic, &count);
	if (ret)
		return ret;
	all = calloc(1, sizeof(*all) + count.rule_cnt * sizeof(uint32_t));
	if (!all)
		return -ENOMEM;
	all->cmd = ETHTOOL_GRXCLSRLALL;
	all->rule_cnt = count.rule_cnt;
	ret = ethtool(nic, all);
	if (ret) {
		free(all);
		return ret;
	}
	/* some tell it here, and some there */
	*size = (all->data ?: count.data) & ~RX_CLS_LOC_SPECIAL;
	*out = all;
	return 0;
}

static bool is_taken(const struct ethtool_rxnfc *all,
		     const struct nic_rule *taken, unsigned int nr_taken,
		     uint32_t location)
{
	unsigned int i;

	for (i = 0; i < all->rule_cnt; i++)
		if (all->rule_locs[i] == location)
			return true;
	for (i = 0; i < nr_taken; i++)
		if (taken[i].location == location)
			return true;
	return false;
}

int nic_free_location(const struct nic *nic, const struct nic_rule *taken,
		      unsigned int nr_taken, uint32_t *location)
{
	struct ethtool_rxnfc *all;
	uint32_t size;
	int ret;

	ret = get_locations(nic, &all, &size);
	if (ret)
		return ret;
	/* a driver that finds places by itself */
	if (!size) {
		free(all);
		return -EOPNOTSUPP;
	}
	while (size && is_taken(all, taken, nr_taken, size - 1))
		size--;
	free(all);
	if (!size)
		return -ENOSPC;
	*location = size - 1;
	return 0;
}

int nic_add_rule(const struct nic *nic, const struct nic_rule *rule)
{
	struct ethtool_rxnfc nfc = { .cmd = ETHTOOL_SRXCLSRLINS };

	fill_rule(&nfc.fs, rule);
	return ethtool(nic, &nfc);
}

int nic_has_rule(const struct nic *nic, const struct nic_rule *rule)
{
	struct ethtool_rxnfc nfc = {
		.cmd = ETHTOOL_GRXCLSRULE,
		.fs.location = rule->location,
	};
	struct ethtool_rx_flow_spec want;
	int ret;

	ret = ethtool(nic, &nfc);
	/* drivers differ in what they call an empty place */
	if (ret == -ENOENT || ret == -EINVAL)
		return 0;
	if (ret)
		return ret;
	/* a driver may give back what nobody asked for otherwise than it got it */
	fill_rule(&want, rule);
	if ((nfc.fs.flow_type & ~(FLOW_EXT | FLOW_MAC_EXT)) != want.flow_type ||
	    nfc.fs.ring_cookie != want.ring_cookie)
		return -EEXIST;
	if (rule->ipv6 ?
	    nfc.fs.h_u.tcp_ip6_spec.pdst != want.h_u.tcp_ip6_spec.pdst :
	    nfc.fs.h_u.tcp_ip4_spec.pdst != want.h_u.tcp_ip4_spec.pdst)
		return -EEXIST;
	return 1;
}

int nic_del_rule(const struct nic *nic, const struct nic_rule *rule)
{
	struct ethtool_rxnfc nfc = {
		.cmd = ETHTOOL_SRXCLSRLDEL,
		.fs.location = rule->location,
	};

	return ethtool(nic, &nfc);
}

int nic_count_rules(const struct nic *nic)
{
	struct ethtool_rxnfc count = { .cmd = ETHTOOL_GRXCLSRLCNT };
	int ret = ethtool(nic, &count);

	return ret ? ret : (int)count.rule_cnt;
}

/* Is there TCP that it matches? */
static bool takes_tcp(const struct ethtool_rx_flow_spec *fs)
{
	__be16 proto = fs->h_u.ether_spec.h_proto;

	switch (fs->flow_type & ~(FLOW_EXT | FLOW_MAC_EXT | FLOW_RSS)) {
	case TCP_V4_FLOW:
	case TCP_V6_FLOW:
		return true;
	case IP_USER_FLOW:
		return !fs->m_u.usr_ip4_spec.proto ||
		       fs->h_u.usr_ip4_spec.proto == IPPROTO_TCP;
	case IPV6_USER_FLOW:
		return !fs->m_u.usr_ip6_spec.l4_proto ||
		       fs->h_u.usr_ip6_spec.l4_proto == IPPROTO_TCP;
	case ETHER_FLOW:
		return !fs->m_u.ether_spec.h_proto ||
		       proto == htons(ETH_P_IP) || proto == htons(ETH_P_IPV6);
	}
	return false;
}

int nic_rules_to(const struct nic *nic, uint32_t queue)
{
	struct ethtool_rxnfc *all;
	unsigned int i, found = 0;
	uint32_t size;
	int ret;

	ret = get_locations(nic, &all, &size);
	if (ret)
		return ret;
	for (i = 0; i < all->rule_cnt; i++) {
		struct ethtool_rxnfc nfc = {
			.cmd = ETHTOOL_GRXCLSRULE,
			.fs.location = all->rule_locs[i],
		};

		/* rules come and go meanwhile */
		if (!ethtool(nic, &nfc) && nfc.fs.ring_cookie == queue &&
		    takes_tcp(&nfc.fs))
			found++;
	}
	free(all);
	return found;
}
