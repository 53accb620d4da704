/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BENCH_ACCOUNT_H
#define BENCH_ACCOUNT_H

#include <stdint.h>

/*
 * Where the time of the machine's only CPU went, in ns. Where the clock counts
 * instructions (tests/vm/run --icount), a ns is an instruction.
 */
struct account {
	uint64_t clock;
	uint64_t idle;
	uint64_t user;		/* this process */
	uint64_t system;	/* this process, without interrupts */
	uint64_t rest;		/* interrupts, softirqs, kernel threads */
};

/*
 * Opens the sources. Returns 0, or -errno after saying on stderr what is
 * missing: more than one CPU cannot be accounted for.
 */
int account_open(void);

/* Take one before and one after. What they cost lies outside both. */
void account_start(struct account *start);
void account_stop(const struct account *start, struct account *spent);

#endif /* BENCH_ACCOUNT_H */
