// SPDX-License-Identifier: GPL-2.0
#include "zc_reasons.h"

const char * const zc_reasons[ZC_REASONS] = {
	[ZCRX_STATS_NODEV]	= "nodev",
	[ZCRX_STATS_FASTOPEN]	= "fastopen",
	[ZCRX_STATS_URGENT]	= "urgent",
	[ZCRX_STATS_DEVICE]	= "device",
	[ZCRX_STATS_EARLY]	= "early",
	[ZCRX_STATS_QUEUE]	= "queue",
	[ZCRX_STATS_UNSPLIT]	= "unsplit",
};

const char * const zc_failures[ZC_FAILURES] = {
	[ZCRX_STATS_NO_ACCESS]	= "no_access",
	[ZCRX_STATS_FENCE]	= "fence",
	[ZCRX_STATS_NO_BUFFER]	= "no_buffer",
};
