/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_AWAIT_H
#define TESTS_AWAIT_H

/*
 * Asks now() again and again, until it says what is wanted or the time is over.
 * Returns what it said last.
 */
long await(long (*now)(void), long want, unsigned int timeout_ms);

#endif /* TESTS_AWAIT_H */
