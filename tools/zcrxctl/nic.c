// SPDX-License-Identifier: GPL-2.0
/* What ethtool and routing netlink tell, and take. */
#include <errno.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "nic.h"
#include "nic_ioctl.h"
#include "nl.h"

static int xdp_cb(const struct nlattr *attr, void *data)
{
	struct nic *nic = data;

	if (mnl_attr_get_type(attr) == IFLA_XDP_ATTACHED)
		nic->xdp = mnl_attr_get_u8(attr) != XDP_ATTACHED_NONE;
	return MNL_CB_OK;
}

static int link_attr_cb(const struct nlattr *attr, void *data)
{
	struct nic *nic = data;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		/* it may have been asked for by another name that it has */
		snprintf(nic->name, sizeof(nic->name), "%s",
			 mnl_attr_get_str(attr));
		break;
	case IFLA_MTU:
		nic->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_XDP:
		return mnl_attr_parse_nested(attr, xdp_cb, nic);
	}
	return MNL_CB_OK;
}

static int link_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct nic *nic = data;

	nic->index = ifi->ifi_index;
	nic->up = ifi->ifi_flags & IFF_UP;
	return mnl_attr_parse(nlh, sizeof(*ifi), link_attr_cb, nic);
}

int nic_open(struct nic *nic, const char *name)
{
	struct nl_request req;
	int ret;

	memset(nic, 0, sizeof(*nic));
	if (strlen(name) >= sizeof(nic->name))
		return -ENODEV;
	snprintf(nic->name, sizeof(nic->name), "%s", name);

	ret = nl_begin_route(&req, RTM_GETLINK, sizeof(struct ifinfomsg));
	if (ret)
		return ret;
	mnl_attr_put_strz(req.nlh, IFLA_IFNAME, name);
	ret = nl_send(&req, link_cb, nic);
	if (ret)
		return ret;

	nic_ioctl_driver(nic);
	return 0;
}

/*
 * ethtool's family: each request has the interface in its first attribute, of which
 * the number is the same for all of them.
 */
static int ethtool_begin(struct nl_request *req, const struct nic *nic,
			 uint8_t cmd)
{
	struct nlattr *header;
	int ret = nl_begin(req, ETHTOOL_GENL_NAME, cmd, 0);

	if (ret)
		return ret;
	header = mnl_attr_nest_start(req->nlh, ETHTOOL_A_RINGS_HEADER);
	mnl_attr_put_u32(req->nlh, ETHTOOL_A_HEADER_DEV_INDEX, nic->index);
	mnl_attr_nest_end(req->nlh, header);
	return 0;
}

struct attrs {
	mnl_attr_cb_t cb;
	void *data;
};

static int attrs_cb(const struct nlmsghdr *nlh, void *data)
{
	const struct attrs *attrs = data;

	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), attrs->cb,
			      attrs->data);
}

static int ethtool_get(const struct nic *nic, uint8_t cmd, mnl_attr_cb_t cb,
		       void *data)
{
	struct attrs attrs = { cb, data };
	struct nl_request req;
	int ret = ethtool_begin(&req, nic, cmd);

	return ret ? ret : nl_send(&req, attrs_cb, &attrs);
}

static int channels_cb(const struct nlattr *attr, void *data)
{
	struct nic_channels *c = data;
	uint32_t *to;

	switch (mnl_attr_get_type(attr)) {
	case ETHTOOL_A_CHANNELS_RX_MAX:
		to = &c->max_rx;
		break;
	case ETHTOOL_A_CHANNELS_TX_MAX:
		to = &c->max_tx;
		break;
	case ETHTOOL_A_CHANNELS_COMBINED_MAX:
		to = &c->max_combined;
		break;
	case ETHTOOL_A_CHANNELS_RX_COUNT:
		to = &c->rx;
		break;
	case ETHTOOL_A_CHANNELS_TX_COUNT:
		to = &c->tx;
		break;
	case ETHTOOL_A_CHANNELS_COMBINED_COUNT:
		to = &c->combined;
		break;
	default:
		return MNL_CB_OK;
	}
	*to = mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

int nic_get_channels(const struct nic *nic, struct nic_channels *channels)
{
	memset(channels, 0, sizeof(*channels));
	return ethtool_get(nic, ETHTOOL_MSG_CHANNELS_GET, channels_cb, channels);
}

/* Kinds that the driver does not have are not sent: it would refuse them. */
int nic_set_channels(const struct nic *nic, const struct nic_channels *c)
{
	struct nl_request req;
	int ret = ethtool_begin(&req, nic, ETHTOOL_MSG_CHANNELS_SET);

	if (ret)
		return ret;
	if (c->max_rx)
		mnl_attr_put_u32(req.nlh, ETHTOOL_A_CHANNELS_RX_COUNT, c->rx);
	if (c->max_tx)
		mnl_attr_put_u32(req.nlh, ETHTOOL_A_CHANNELS_TX_COUNT, c->tx);
	if (c->max_combined)
		mnl_attr_put_u32(req.nlh, ETHTOOL_A_CHANNELS_COMBINED_COUNT,
				 c->combined);
	return nl_send(&req, NULL, NULL);
}

uint32_t nic_max_rx_queues(const struct nic_channels *channels)
{
	return channels->max_combined ? channels->max_combined : channels->max_rx;
}

int nic_rx_queues(const struct nic *nic, uint32_t *queues)
{
	struct nic_channels channels;
	int ret;

	ret = nic_ioctl_rx_queues(nic, queues);
	if (ret != -EOPNOTSUPP)
		return ret;
	ret = nic_get_channels(nic, &channels);
	if (!ret)
		*queues = channels.combined + channels.rx;
	return ret;
}

static int rings_cb(const struct nlattr *attr, void *data)
{
	struct nic_rings *rings = data;
	uint8_t split;

	switch (mnl_attr_get_type(attr)) {
	case ETHTOOL_A_RINGS_RX:
		rings->rx = mnl_attr_get_u32(attr);
		break;
	case ETHTOOL_A_RINGS_TCP_DATA_SPLIT:
		split = mnl_attr_get_u8(attr);
		rings->can_split = split != ETHTOOL_TCP_DATA_SPLIT_UNKNOWN;
		rings->split = split == ETHTOOL_TCP_DATA_SPLIT_ENABLED;
		break;
	}
	return MNL_CB_OK;
}

int nic_get_rings(const struct nic *nic, struct nic_rings *rings)
{
	memset(rings, 0, sizeof(*rings));
	return ethtool_get(nic, ETHTOOL_MSG_RINGS_GET, rings_cb, rings);
}

int nic_set_split(const struct nic *nic, bool on)
{
	struct nl_request req;
	int ret = ethtool_begin(&req, nic, ETHTOOL_MSG_RINGS_SET);

	if (ret)
		return ret;
	mnl_attr_put_u8(req.nlh, ETHTOOL_A_RINGS_TCP_DATA_SPLIT,
			on ? ETHTOOL_TCP_DATA_SPLIT_ENABLED :
			     ETHTOOL_TCP_DATA_SPLIT_DISABLED);
	return nl_send(&req, NULL, NULL);
}
