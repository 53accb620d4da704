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

/* record_lock(), and refusals, with words. */
int lock_nic(const struct nic *nic);
int refuse_if_down(const struct nic *nic);

/* Says which queue of the interface has a provider, if one does: EXIT_NO, else 0. */
int refuse_if_bound(const struct nic *nic, const char *what);

#endif /* ZCRXCTL_RESTORE_H */
