// SPDX-License-Identifier: GPL-2.0
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "counters.h"

/* The value that stands where name stands in the line of names. */
static __s64 look_up(char *names, char *values, const char *name)
{
	char *n, *v, *next_name, *next_value;

	n = strtok_r(names, "\n ", &next_name);
	v = strtok_r(values, "\n ", &next_value);
	while (n && v) {
		if (!strcmp(n, name))
			return strtoll(v, NULL, 10);
		n = strtok_r(NULL, "\n ", &next_name);
		v = strtok_r(NULL, "\n ", &next_value);
	}
	return -1;
}

/* Looks name up in the pair of lines that begin with group and a colon. */
static __s64 look_up_group(const char *path, const char *group, size_t len,
			   const char *name)
{
	static char names[8192], values[8192];
	FILE *f = fopen(path, "re");
	__s64 value = -1;

	if (!f)
		return -1;
	while (value < 0 && fgets(names, sizeof(names), f) &&
	       fgets(values, sizeof(values), f))
		if (!strncmp(names, group, len) && names[len] == ':')
			value = look_up(names, values, name);
	fclose(f);
	return value;
}

__s64 counter_tcp(const char *name)
{
	return look_up_group("/proc/net/netstat", "TcpExt", 6, name);
}

static __s64 look_up_ipv6(const char *name)
{
	FILE *f = fopen("/proc/net/snmp6", "re");
	char line[256], *at, *next;
	__s64 value = -1;

	if (!f)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), f)) {
		at = strtok_r(line, " \t", &next);
		if (at && !strcmp(at, name))
			value = strtoll(next, NULL, 10);
	}
	fclose(f);
	return value;
}

__s64 counter_stack(const char *name)
{
	const char *colon = strchr(name, ':');
	__s64 value;

	if (!colon)
		return look_up_ipv6(name);
	value = look_up_group("/proc/net/snmp", name, colon - name, colon + 1);
	if (value >= 0)
		return value;
	return look_up_group("/proc/net/netstat", name, colon - name,
			     colon + 1);
}

static int ethtool(int fd, const char *ifname, void *cmd)
{
	struct ifreq ifr = { .ifr_data = cmd };

	memcpy(ifr.ifr_name, ifname, strlen(ifname) + 1);
	return ioctl(fd, SIOCETHTOOL, &ifr);
}

static __s64 find_stat(int fd, const char *ifname, const char *name, __u32 nr)
{
	struct ethtool_gstrings *names;
	struct ethtool_stats *stats;
	__s64 value = -1;
	__u32 i;

	names = calloc(1, sizeof(*names) + (size_t)nr * ETH_GSTRING_LEN);
	stats = calloc(1, sizeof(*stats) + nr * sizeof(stats->data[0]));
	if (!names || !stats)
		goto out;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_STATS;
	stats->cmd = ETHTOOL_GSTATS;
	if (ethtool(fd, ifname, names) || ethtool(fd, ifname, stats))
		goto out;

	for (i = 0; i < nr && i < names->len && i < stats->n_stats; i++)
		if (!strncmp((char *)names->data + i * ETH_GSTRING_LEN, name,
			     ETH_GSTRING_LEN))
			value = stats->data[i];
out:
	free(stats);
	free(names);
	return value;
}

__s64 counter_nic(const char *ifname, const char *name)
{
	struct ethtool_drvinfo drv = { .cmd = ETHTOOL_GDRVINFO };
	__s64 value = -1;
	int fd;

	if (strlen(ifname) >= IFNAMSIZ)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (!ethtool(fd, ifname, &drv))
		value = find_stat(fd, ifname, name, drv.n_stats);
	close(fd);
	return value;
}
