/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_NIC_H
#define ZCRXCTL_NIC_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * An interface, and those of its settings that zero-copy receive needs. What can be
 * changed has a get and a set; all return 0 or -errno, and -EOPNOTSUPP if the driver
 * does not have it. nl_why() has the kernel's words, if there are any.
 */
struct nic {
	char name[IFNAMSIZ];
	uint32_t index;
	unsigned int mtu;
	bool up;
	bool xdp;		/* has an XDP program */
	char driver[32];
	char bus[32];		/* where the device is, as 0000:00:03.0 */
};

/* -ENODEV if there is no such interface. */
int nic_open(struct nic *nic, const char *name);

struct nic_channels {
	uint32_t rx, tx, combined;
	uint32_t max_rx, max_tx, max_combined;
};

int nic_get_channels(const struct nic *nic, struct nic_channels *channels);
int nic_set_channels(const struct nic *nic, const struct nic_channels *channels);

/* How many RX queues there may be, and are now. */
uint32_t nic_max_rx_queues(const struct nic_channels *channels);
int nic_rx_queues(const struct nic *nic, uint32_t *queues);

struct nic_rings {
	uint32_t rx;		/* descriptors of each RX queue; 0: unknown */
	bool can_split;
	bool split;		/* tcp-data-split */
};

int nic_get_rings(const struct nic *nic, struct nic_rings *rings);
int nic_set_split(const struct nic *nic, bool on);

/* The RSS indirection table: which queue a hash leads to. */
struct nic_rss {
	uint32_t size;
	uint32_t *queue;
};

/* nic_free_rss() frees it. */
int nic_get_rss(const struct nic *nic, struct nic_rss *rss);
void nic_free_rss(struct nic_rss *rss);
int nic_set_rss(const struct nic *nic, const struct nic_rss *rss);

/* What the driver has without anybody's wish: over all queues alike. */
int nic_default_rss(const struct nic *nic);
bool nic_rss_is_default(const struct nic_rss *rss, uint32_t queues);

/* Whether the NIC verifies checksums, and whether it takes rules for flows. */
int nic_get_rx_csum(const struct nic *nic, bool *on);
int nic_get_ntuple(const struct nic *nic, bool *on);
int nic_set_ntuple(const struct nic *nic, bool on);

/* A rule that leads TCP to a port to a queue. */
struct nic_rule {
	uint32_t location;	/* in the NIC's table */
	bool ipv6;
	uint16_t port;
	uint32_t queue;
};

/*
 * Finds the last free location: -ENOSPC if there is none. The places of rules that are
 * in `taken` are not free either.
 */
int nic_free_location(const struct nic *nic, const struct nic_rule *taken,
		      unsigned int nr_taken, uint32_t *location);
int nic_add_rule(const struct nic *nic, const struct nic_rule *rule);

/* 1 if it is there, 0 if its place is empty, -EEXIST if it has another. */
int nic_has_rule(const struct nic *nic, const struct nic_rule *rule);
int nic_del_rule(const struct nic *nic, const struct nic_rule *rule);

/* How many rules of any kind there are, and how many of them lead to the queue. */
int nic_count_rules(const struct nic *nic);
int nic_rules_to(const struct nic *nic, uint32_t queue);

#endif /* ZCRXCTL_NIC_H */
