// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fuzz.h"

#define NR_OPS		40
#define NR_ERRNOS	134

unsigned long long report_ops, report_ok;
unsigned long long report_calls, report_calls_ok;
unsigned long long report_nic;

static struct {
	const char *name;
	unsigned long long nr[NR_ERRNOS];
} table[NR_OPS];

void report_add(const char *op, int ret)
{
	unsigned int err = ret < 0 ? -ret : 0, i;

	if (err >= NR_ERRNOS)
		err = NR_ERRNOS - 1;
	for (i = 0; i < NR_OPS; i++) {
		if (!table[i].name)
			table[i].name = op;
		if (!strcmp(table[i].name, op)) {
			table[i].nr[err]++;
			return;
		}
	}
}

void report_print(void)
{
	unsigned int i, err;

	for (i = 0; i < NR_OPS && table[i].name; i++) {
		for (err = 0; err < NR_ERRNOS; err++) {
			if (!table[i].nr[err])
				continue;
			printf("# %s %s %llu\n", table[i].name,
			       err ? strerrorname_np(err) : "OK",
			       table[i].nr[err]);
		}
	}
}
