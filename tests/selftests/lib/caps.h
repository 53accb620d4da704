/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_CAPS_H
#define TESTS_CAPS_H

#include <sys/types.h>

/*
 * Takes a capability (CAP_*) out of the effective set of this process. Returns
 * 0 or -errno.
 */
int caps_drop(int cap);

/*
 * Becomes another user, with all the capabilities that it has now but cap.
 * Returns 0 or -errno.
 */
int caps_become(uid_t uid, int cap);

#endif /* TESTS_CAPS_H */
