/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BENCH_COPY_COST_H
#define BENCH_COPY_COST_H

/*
 * What the kernel's copy to user space costs a byte, in ns of the clock (see
 * account.h): the slope over the length of reads from the page cache. The
 * copies of payload run through the same function.
 */
double copy_cost_per_byte(void);

#endif /* BENCH_COPY_COST_H */
