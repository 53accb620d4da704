/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_STEPS_H
#define ZCRXCTL_STEPS_H

#include "nic.h"
#include "zcrxctl.h"

/*
 * What setup and restore change, one at a time, told before it is done: as lines, or as
 * JSON. With -n that is all.
 */
void steps_begin(const struct options *opt, const struct nic *nic,
		 const char *command);
void steps_end(bool done);

/* The command is what does the same by hand. */
void step(const char *what, const char *from, const char *to,
	  const char *command, ...) __attribute__((format(printf, 4, 5)));
void step_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The queues that a table has, as "0-3" or "1,3". The buffer is the caller's. */
const char *rss_queues(char *buf, unsigned int size, const struct nic_rss *rss);
#define RSS_QUEUES_SIZE	512

/* How ethtool would be told to make the like of a table. */
const char *rss_command(char *buf, unsigned int size, const struct nic *nic,
			const struct nic_rss *rss);
#define RSS_COMMAND_SIZE	1024

#endif /* ZCRXCTL_STEPS_H */
