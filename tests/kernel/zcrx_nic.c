// SPDX-License-Identifier: GPL-2.0
/*
 * zc_nic: a network interface for tests with all the settings that zcrxctl changes,
 * rules for flows among them, which igb does not have for TCP. It keeps what it is
 * told, and passes no packets.
 *
 * The parameter fail_after makes one of the next settings fail with -EIO: with 1 the
 * next one. 0 means none, and is what it is afterwards.
 */

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/module.h>
#include <linux/netdevice.h>

#define ZC_QUEUES	8
#define ZC_TABLE	64
#define ZC_RULES	32

static unsigned int fail_after;
module_param(fail_after, uint, 0600);
MODULE_PARM_DESC(fail_after, "the setting that fails, counted from 1");

/* All of it under RTNL, as are ethtool's operations. */
struct zc_nic {
	u32 channels;
	u8 split;
	u32 table[ZC_TABLE];
	bool used[ZC_RULES];
	struct ethtool_rx_flow_spec rule[ZC_RULES];
};

static struct net_device *zc_netdev;

static int zc_fails(void)
{
	return fail_after && !--fail_after ? -EIO : 0;
}

/* Each queue has its share, in one piece: not what ethtool calls the default. */
static void zc_spread(struct zc_nic *nic)
{
	unsigned int i;

	for (i = 0; i < ZC_TABLE; i++)
		nic->table[i] = i * nic->channels / ZC_TABLE;
}

static netdev_tx_t zc_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

/* As igb does, all rules go when it is to take no more. */
static int zc_set_features(struct net_device *netdev, netdev_features_t features)
{
	struct zc_nic *nic = netdev_priv(netdev);
	int err = zc_fails();

	if (!err && !(features & NETIF_F_NTUPLE))
		memset(nic->used, 0, sizeof(nic->used));
	return err;
}

static const struct net_device_ops zc_netdev_ops = {
	.ndo_start_xmit		= zc_xmit,
	.ndo_set_features	= zc_set_features,
};

static void zc_get_drvinfo(struct net_device *netdev,
			   struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "zcrx_nic", sizeof(info->driver));
	strscpy(info->bus_info, "nowhere", sizeof(info->bus_info));
}

static void zc_get_channels(struct net_device *netdev,
			    struct ethtool_channels *channels)
{
	struct zc_nic *nic = netdev_priv(netdev);

	channels->max_combined = ZC_QUEUES;
	channels->combined_count = nic->channels;
}

static int zc_set_channels(struct net_device *netdev,
			   struct ethtool_channels *channels)
{
	struct zc_nic *nic = netdev_priv(netdev);
	int err = zc_fails();

	if (err)
		return err;
	err = netif_set_real_num_queues(netdev, channels->combined_count,
					channels->combined_count);
	if (err)
		return err;
	nic->channels = channels->combined_count;
	zc_spread(nic);
	return 0;
}

static void zc_get_ringparam(struct net_device *netdev,
			     struct ethtool_ringparam *ring,
			     struct kernel_ethtool_ringparam *kernel_ring,
			     struct netlink_ext_ack *extack)
{
	struct zc_nic *nic = netdev_priv(netdev);

	ring->rx_max_pending = 1024;
	ring->rx_pending = 1024;
	kernel_ring->tcp_data_split = nic->split;
}

static int zc_set_ringparam(struct net_device *netdev,
			    struct ethtool_ringparam *ring,
			    struct kernel_ethtool_ringparam *kernel_ring,
			    struct netlink_ext_ack *extack)
{
	struct zc_nic *nic = netdev_priv(netdev);
	int err = zc_fails();

	if (err) {
		NL_SET_ERR_MSG(extack, "zc_nic was told to fail");
		return err;
	}
	if (kernel_ring->tcp_data_split)
		nic->split = kernel_ring->tcp_data_split;
	return 0;
}

static u32 zc_get_rxfh_indir_size(struct net_device *netdev)
{
	return ZC_TABLE;
}

static int zc_get_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh)
{
	struct zc_nic *nic = netdev_priv(netdev);

	rxfh->hfunc = ETH_RSS_HASH_TOP;
	if (rxfh->indir)
		memcpy(rxfh->indir, nic->table, sizeof(nic->table));
	return 0;
}

static int zc_set_rxfh(struct net_device *netdev, struct ethtool_rxfh_param *rxfh,
		       struct netlink_ext_ack *extack)
{
	struct zc_nic *nic = netdev_priv(netdev);
	int err = zc_fails();

	if (err)
		return err;
	if (rxfh->indir)
		memcpy(nic->table, rxfh->indir, sizeof(nic->table));
	return 0;
}

static int zc_list_rules(struct zc_nic *nic, struct ethtool_rxnfc *nfc,
			 u32 *locations)
{
	u32 i, nr = 0;

	for (i = 0; i < ZC_RULES; i++) {
		if (!nic->used[i])
			continue;
		if (locations) {
			if (nr == nfc->rule_cnt)
				return -EMSGSIZE;
			locations[nr] = i;
		}
		nr++;
	}
	nfc->rule_cnt = nr;
	nfc->data = ZC_RULES;
	return 0;
}

static int zc_get_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *nfc,
			u32 *locations)
{
	struct zc_nic *nic = netdev_priv(netdev);
	u32 location = nfc->fs.location;

	switch (nfc->cmd) {
	case ETHTOOL_GRXRINGS:
		nfc->data = nic->channels;
		return 0;
	case ETHTOOL_GRXCLSRLCNT:
		return zc_list_rules(nic, nfc, NULL);
	case ETHTOOL_GRXCLSRLALL:
		return zc_list_rules(nic, nfc, locations);
	case ETHTOOL_GRXCLSRULE:
		if (location >= ZC_RULES || !nic->used[location])
			return -ENOENT;
		nfc->fs = nic->rule[location];
		return 0;
	}
	return -EOPNOTSUPP;
}

static int zc_set_rxnfc(struct net_device *netdev, struct ethtool_rxnfc *nfc)
{
	struct zc_nic *nic = netdev_priv(netdev);
	u32 location = nfc->fs.location;
	int err = zc_fails();

	if (err)
		return err;
	if (location >= ZC_RULES)
		return -EINVAL;
	switch (nfc->cmd) {
	case ETHTOOL_SRXCLSRLINS:
		if (!(netdev->features & NETIF_F_NTUPLE))
			return -EOPNOTSUPP;
		if (nfc->fs.ring_cookie >= nic->channels)
			return -ERANGE;
		nic->rule[location] = nfc->fs;
		nic->used[location] = true;
		return 0;
	case ETHTOOL_SRXCLSRLDEL:
		if (!nic->used[location])
			return -ENOENT;
		nic->used[location] = false;
		return 0;
	}
	return -EOPNOTSUPP;
}

static const struct ethtool_ops zc_ethtool_ops = {
	.supported_ring_params	= ETHTOOL_RING_USE_TCP_DATA_SPLIT,
	.get_drvinfo		= zc_get_drvinfo,
	.get_channels		= zc_get_channels,
	.set_channels		= zc_set_channels,
	.get_ringparam		= zc_get_ringparam,
	.set_ringparam		= zc_set_ringparam,
	.get_rxfh_indir_size	= zc_get_rxfh_indir_size,
	.get_rxfh		= zc_get_rxfh,
	.set_rxfh		= zc_set_rxfh,
	.get_rxnfc		= zc_get_rxnfc,
	.set_rxnfc		= zc_set_rxnfc,
};

static int __init zc_nic_init(void)
{
	struct zc_nic *nic;
	int err;

	zc_netdev = alloc_netdev_mqs(sizeof(*nic), "zc_nic", NET_NAME_USER,
				     ether_setup, ZC_QUEUES, ZC_QUEUES);
	if (!zc_netdev)
		return -ENOMEM;

	nic = netdev_priv(zc_netdev);
	nic->channels = 1;
	nic->split = ETHTOOL_TCP_DATA_SPLIT_DISABLED;
	zc_spread(nic);

	zc_netdev->netdev_ops = &zc_netdev_ops;
	zc_netdev->ethtool_ops = &zc_ethtool_ops;
	zc_netdev->hw_features = NETIF_F_NTUPLE | NETIF_F_RXCSUM;
	zc_netdev->features = NETIF_F_RXCSUM;
	eth_hw_addr_random(zc_netdev);
	err = netif_set_real_num_queues(zc_netdev, nic->channels, nic->channels);
	if (!err)
		err = register_netdev(zc_netdev);
	if (err)
		free_netdev(zc_netdev);
	return err;
}
module_init(zc_nic_init);

static void __exit zc_nic_exit(void)
{
	unregister_netdev(zc_netdev);
	free_netdev(zc_netdev);
}
module_exit(zc_nic_exit);

MODULE_DESCRIPTION("a network interface with settings and rules for flows, for tests");
MODULE_LICENSE("GPL");
