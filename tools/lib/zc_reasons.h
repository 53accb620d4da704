/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIB_ZC_REASONS_H
#define LIB_ZC_REASONS_H

#include <linux/io_uring/zcrx_ext.h>

#define ZC_REASONS	(ZCRX_STATS_UNSPLIT + 1)
#define ZC_FAILURES	(ZCRX_STATS_NO_BUFFER + 1)

/*
 * What fdinfo calls the reasons for a copy, by enum zcrx_stats_reason, and those for
 * none, by enum zcrx_stats_failure.
 */
extern const char * const zc_reasons[ZC_REASONS];
extern const char * const zc_failures[ZC_FAILURES];

#endif /* LIB_ZC_REASONS_H */
