/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

/*
 * Between these two the instructions are counted by address if
 * bench/plugin/blocks.c watches. To the CPU each is a nop of seven bytes, the
 * last four of which no compiler would choose.
 */
#define MARK_START	0x7a637278
#define MARK_STOP	0x7a637279

#define MARK_NOP	".byte 0x0f, 0x1f, 0x80; .long %c0"

static inline void mark_start(void)
{
	asm volatile(MARK_NOP : : "i" (MARK_START) : "memory");
}

static inline void mark_stop(void)
{
	asm volatile(MARK_NOP : : "i" (MARK_STOP) : "memory");
}

#endif /* BENCH_MARK_H */
