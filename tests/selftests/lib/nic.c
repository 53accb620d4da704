// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "genl.h"
#include "nic.h"
#include "peer.h"
#include "tcp.h"

static int ethtool(const char *ifname, void *cmd)
{
	struct ifreq ifr = { .ifr_data = cmd };
	int fd, ret;

	if (strlen(ifname) >= sizeof(ifr.ifr_name))
		return -ENODEV;
	memcpy(ifr.ifr_name, ifname, strlen(ifname) + 1);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, SIOCETHTOOL, &ifr) ? -errno : 0;
	close(fd);
	return ret;
}

/* Only netlink has this one. */
int nic_set_data_split(const char *ifname, bool on)
{
	__u8 state = on ? ETHTOOL_TCP_DATA_SPLIT_ENABLED :
			  ETHTOOL_TCP_DATA_SPLIT_DISABLED;
	struct genl_request req;
	struct nlattr *header;
	struct genl genl;
	int ret;

	ret = genl_open(&genl, ETHTOOL_GENL_NAME);
	if (ret)
		return ret;
	genl_begin(&genl, &req, ETHTOOL_MSG_RINGS_SET, 0);
	header = genl_nest(&req, ETHTOOL_A_RINGS_HEADER);
	genl_put(&req, ETHTOOL_A_HEADER_DEV_NAME, ifname, strlen(ifname) + 1);
	genl_nest_end(&req, header);
	genl_put(&req, ETHTOOL_A_RINGS_TCP_DATA_SPLIT, &state, sizeof(state));
	ret = genl_ask(&genl, &req, NULL, NULL);
	genl_close(&genl);
	return ret;
}

int nic_set_channels(const char *ifname, unsigned int combined)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };
	int ret;

	ret = ethtool(ifname, &ch);
	if (ret)
		return ret;
	ch.cmd = ETHTOOL_SCHANNELS;
	ch.combined_count = combined;
	return ethtool(ifname, &ch);
}

int nic_steer(const char *ifname, unsigned int rxq)
{
	struct ethtool_rxfh_indir size = { .cmd = ETHTOOL_GRXFHINDIR };
	struct ethtool_rxfh_indir *indir;
	unsigned int i;
	int ret;

	ret = ethtool(ifname, &size);
	if (ret)
		return ret;
	indir = calloc(1, sizeof(*indir) +
			  size.size * sizeof(indir->ring_index[0]));
	if (!indir)
		return -ENOMEM;
	indir->cmd = ETHTOOL_SRXFHINDIR;
	indir->size = size.size;
	for (i = 0; i < size.size; i++)
		indir->ring_index[i] = rxq;
	ret = ethtool(ifname, indir);
	free(indir);
	return ret;
}

int nic_steer_default(const char *ifname)
{
	/* an empty table asks for the default */
	struct ethtool_rxfh_indir indir = { .cmd = ETHTOOL_SRXFHINDIR };

	return ethtool(ifname, &indir);
}

int nic_set_mtus(const char *ifname, int mtu)
{
	pid_t peer;
	int ret;

	ret = net_set_mtu(ifname, mtu);
	if (ret)
		return ret;
	peer = peer_start(peer_set_mtu, &mtu);
	if (peer < 0)
		return peer;
	return peer_wait(peer) ? -EIO : 0;
}

int nic_change_mtus(const char *ifname, int from, int to)
{
	return from == to ? 0 : nic_set_mtus(ifname, to);
}

int nic_rx_ring(const char *ifname)
{
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };
	int ret = ethtool(ifname, &ring);

	return ret ? ret : (int)ring.rx_pending;
}

int nic_channels(const char *ifname)
{
	struct ethtool_channels ch = { .cmd = ETHTOOL_GCHANNELS };
	int ret = ethtool(ifname, &ch);

	return ret ? ret : (int)ch.combined_count;
}

int nic_rx_csum(const char *ifname)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GRXCSUM };
	int ret = ethtool(ifname, &value);

	return ret ? ret : (int)value.data;
}

long nic_sysfs(const char *ifname, const char *name)
{
	char path[128], text[32];
	FILE *f;
	long n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", ifname, name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	/* in decimal, or in hexadecimal with 0x */
	n = fgets(text, sizeof(text), f) ? strtol(text, NULL, 0) : -EIO;
	fclose(f);
	return n;
}

int nic_pci_address(const char *ifname, char *addr, size_t size)
{
	char path[64], device[PATH_MAX] = "";

	snprintf(path, sizeof(path), "/sys/class/net/%s/device", ifname);
	if (readlink(path, device, sizeof(device) - 1) < 0)
		return -errno;
	snprintf(addr, size, "%s", basename(device));
	return 0;
}

int nic_wait_carrier(const char *ifname, unsigned int timeout_ms)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	unsigned int waited;

	for (waited = 0; waited <= timeout_ms; waited += 10) {
		if (nic_sysfs(ifname, "carrier") == 1)
			return 0;
		nanosleep(&ms10, NULL);
	}
	return -ETIMEDOUT;
}
