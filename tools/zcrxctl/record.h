/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_RECORD_H
#define ZCRXCTL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "nic.h"
#include "zcrxctl.h"

/*
 * Gone with a reboot, as what it tells of. A record is named after the network namespace
 * and the number of the interface in it. A later namespace may get the number of one that
 * has gone: so the record has the cookie as well, which none gets again.
 */
#define RECORD_DIR	"/run/zcrx"

#define MAX_RULES	(2 * MAX_PORTS)

/*
 * What an interface had before the first setup, and the rules that setups add. It is
 * written before anything is changed, so a setup that was killed can be undone.
 */
struct record {
	unsigned long long netns;	/* its cookie, 0 if that is not known */
	uint32_t ifindex;
	char bus[32];		/* of the device, so that it is not put on another */
	bool has_channels, has_split, has_ntuple, has_rss;
	struct nic_channels channels;
	bool split, ntuple;
	struct nic_rss rss;
	struct nic_rule rule[MAX_RULES];
	unsigned int nr_rules;
	/* the queues that the table was made to lead to, if not rules did */
	uint32_t table[MAX_QUEUES];
	unsigned int nr_table;
};

/*
 * Only one setup or restore of an interface at a time: an fd to keep, or -errno. -EPERM
 * if somebody else than root may write there.
 */
int record_lock(const struct nic *nic);

/* What the interface has now. Returns 0 or -errno; record_free() frees it. */
int record_take(struct record *record, const struct nic *nic);

/*
 * -ENOENT: there is none, or one of a namespace that has gone. -EINVAL: it is not one, or
 * of a later version.
 */
int record_load(struct record *record, const struct nic *nic);
int record_save(const struct record *record, const struct nic *nic);
int record_remove(const struct nic *nic);
const char *record_path(const struct nic *nic);
void record_free(struct record *record);

/* It is of this very device, and not of one that had its name before. */
bool record_is_of(const struct record *record, const struct nic *nic);

#endif /* ZCRXCTL_RECORD_H */
