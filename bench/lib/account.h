/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BENCH_ACCOUNT_H
#define BENCH_ACCOUNT_H

#include <stdint.h>

/* Where the time of the machine's CPUs went, in ns. */
struct account {
	uint64_t clock;		/* what passed */
	uint64_t idle;		/* of all CPUs, as what follows */
	uint64_t user;		/* this process */
	uint64_t system;	/* this process, without interrupts */
	uint64_t rest;		/* interrupts, softirqs, all other tasks */
	uint64_t cycles;	/* busy ones, or 0 where nothing counts them */
};

/*
 * Opens the sources. Returns 0, or -errno after saying on stderr what is
 * missing. It also says so if the CPU is emulated: then time means little.
 */
int account_open(void);

/* Take one before and one after. What they cost lies outside both. */
void account_start(struct account *start);
void account_stop(const struct account *start, struct account *spent);

#endif /* BENCH_ACCOUNT_H */
