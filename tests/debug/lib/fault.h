/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_DEBUG_FAULT_H
#define TESTS_DEBUG_FAULT_H

#include <stdbool.h>

/*
 * A fault walk: something is done again and again, and each time the Nth call
 * of one kernel function fails, N = 1, 2, 3, ... until it is done without a
 * hit. Needs the zcrx_fault module and a kernel with fault injection. With
 * FAULT_VERBOSE in the environment, each N is told, and how long it took.
 */

/* No function of the table: all slab and page allocations and user copies. */
#define FAULT_MEMORY	"memory"

/* In place of an errno: the call may do without as well. */
#define FAULT_OPTIONAL	(-1)
/* The same: calls are many and alike, so N grows by a quarter each time. */
#define FAULT_ALIKE	(-2)

/*
 * One place where something fails, and what comes of it. Each has to be hit. A
 * list of them ends with one that has no site.
 */
struct fault_step {
	const char *site;	/* a function of the table, or FAULT_MEMORY */
	int errnos[6];		/* the call fails with one; 0 at the end */
};

struct fault_scenario {
	const char *name;
	const struct fault_step *const *steps;	/* lists of them; NULL ends */
	void *arg;

	/* Each returns 0 or -errno. */
	int (*prepare)(void *arg);
	int (*call)(void *arg);		/* the one in which something fails */
	/*
	 * What the call did is undone, after a failure as well, and a clean
	 * attempt made. Then nothing may be left.
	 */
	int (*finish)(void *arg, int result, unsigned int n);
};

/* Once, before all walks. Returns 0 or -errno, and says what failed. */
int fault_open(void);
void fault_close(void);

/*
 * Without a walk: the Nth call of one site by this task fails. fault_disarm()
 * tells whether there was one.
 */
int fault_arm(const char *site, unsigned int n);
bool fault_disarm(void);

/* Returns how many faults there were, or -errno; says what is wrong. */
int fault_walk(const struct fault_scenario *s);

#endif /* TESTS_DEBUG_FAULT_H */
