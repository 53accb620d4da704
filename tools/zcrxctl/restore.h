/* SPDX-License-Identifier: GPL-2.0 */
#ifndef ZCRXCTL_RESTORE_H
#define ZCRXCTL_RESTORE_H

#include "record.h"

/*
 * Puts back what the record has, as far as it is not so already, step by step, and
 * removes it at the end; with -n it says what it would do. Returns 0 or EXIT_NO, having
 * said why. May be called again, wherever it ended before.
 */
int put_back(const struct options *opt, const struct nic *nic,
	     const struct record *record);

/* What setup and restore begin with, with words: */

/* open_nic() and record_lock(). Returns an fd, or a negative number. */
int lock_nic(struct nic *nic, const char *ifname);

/*
 * EXIT_NO if the interface is down, or a queue of it has a provider and still has it
 * after three seconds, as one that was just stopped would not; `what` is what is to be
 * done to it.
 */
int refuse_if_busy(const struct nic *nic, const char *what);

/* record_load(): -ENOENT is left to the caller, all else that fails is EXIT_NO. */
int load_record(struct record *record, const struct nic *nic);

#endif /* ZCRXCTL_RESTORE_H */
