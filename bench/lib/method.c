// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>

#include "method.h"

const char *bench_if = BENCH_IF;
unsigned int bench_rxq = BENCH_RXQ;

int bench_take(struct bench *b, const void *data, size_t len)
{
	size_t bad;

	if (b->check && !stream_check(b->check, b->n.bytes, data, len, &bad)) {
		fprintf(stderr, "bench: wrong byte at %llu of the stream\n",
			(unsigned long long)(b->n.bytes + bad));
		return -EILSEQ;
	}
	b->n.bytes += len;
	return 0;
}
