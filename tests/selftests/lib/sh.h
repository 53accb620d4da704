/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_SH_H
#define TESTS_SH_H

/*
 * Runs a command line. Returns its exit status, or -1 if it did not come to
 * one; says on stderr what failed.
 */
__attribute__((format(printf, 1, 2)))
int sh(const char *fmt, ...);

#endif /* TESTS_SH_H */
