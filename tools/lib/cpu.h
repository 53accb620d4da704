/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_CPU_H
#define LIB_CPU_H

/* Seconds. Take one before and one after, and subtract. */
struct cpu_time {
	double wall;
	double user;	/* of this process */
	double system;	/* of this process */
	double softirq;	/* of the whole machine, in ticks of 1/100 s */
};

/* -errno if a figure cannot be had */
int cpu_time_now(struct cpu_time *now);
void cpu_time_since(struct cpu_time *t, const struct cpu_time *start);

#endif /* LIB_CPU_H */
