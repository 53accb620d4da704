// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "await.h"
#include "pins.h"

/* Counters of each CPU lag behind; this adds them up. */
static void refresh(void)
{
	FILE *f = fopen("/proc/sys/vm/stat_refresh", "we");

	if (f) {
		fputs("1\n", f);
		fclose(f);
	}
}

long pins_now(void)
{
	long acquired = -1, released = -1;
	char line[128];
	FILE *f;

	refresh();
	f = fopen("/proc/vmstat", "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "nr_foll_pin_acquired %ld", &acquired) != 1 &&
		    sscanf(line, "nr_foll_pin_released %ld", &released) == 1)
			break;
	fclose(f);
	return acquired < 0 || released < 0 ? -1 : acquired - released;
}

long pins_wait(long want, unsigned int timeout_ms)
{
	return await(pins_now, want, timeout_ms);
}
