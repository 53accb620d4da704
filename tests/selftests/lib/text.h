/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_TEXT_H
#define TESTS_TEXT_H

/*
 * Writes to a file of the kernel's, as one below /proc or /sys; with an empty text it
 * is opened to be cut short, and no more. Returns 0 or -errno.
 */
int write_text(const char *path, const char *text);

#endif /* TESTS_TEXT_H */
