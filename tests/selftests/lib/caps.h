/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_CAPS_H
#define TESTS_CAPS_H

/*
 * Takes a capability (CAP_*) out of the effective set of this process. Returns
 * 0 or -errno.
 */
int caps_drop(int cap);

#endif /* TESTS_CAPS_H */
