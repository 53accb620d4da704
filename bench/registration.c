// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to register an area, by its size: instructions, of a kernel
 * whose clock counts them (tests/vm/run --icount), and memory. One line for
 * each kind of area, size and round; the memory itself is there beforehand.
 *
 *   registration ROUNDS MIB...
 *
 * bench/registration prints what the columns mean.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "area.h"
#include "mark.h"
#include "method.h"
#include "queue.h"
#include "zc.h"

#define MIB		(1024 * 1024UL)
#define RQ_ENTRIES	4096
#define PATIENCE_MS	20000

static const struct {
	const char *name;
	enum area_kind kind;
} kinds[] = {
	{ "user memory, 4 KiB pages", AREA_USER },
	{ "user memory, THP", AREA_THP },
	{ "udmabuf, 4 KiB pages", AREA_UDMABUF },
};

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Pages that a CPU keeps in its lists for the next allocation are not in it. */
static unsigned long long free_memory(void)
{
	struct sysinfo info;

	sysinfo(&info);
	return (unsigned long long)info.freeram * info.mem_unit;
}

/* What the registration before gave back may still be on its way. */
static void settle(void)
{
	unsigned long long last = 0, now_free = free_memory();
	unsigned int tries;

	for (tries = 0; tries < 50 && now_free != last; tries++) {
		last = now_free;
		usleep(100 * 1000);
		now_free = free_memory();
	}
}

static int measure(const struct area *area, unsigned int ifindex,
		   long long *instructions, long long *memory)
{
	size_t region_len = zc_region_len(RQ_ENTRIES);
	unsigned long long free_before;
	struct io_uring ring;
	struct zc_reg reg;
	void *region;
	int ret;

	region = mmap(NULL, region_len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (region == MAP_FAILED)
		return -errno;
	ret = zc_ring_open(&ring, 64);
	if (ret)
		goto out;
	zc_reg_init(&reg, ifindex, BENCH_RXQ, RQ_ENTRIES, area, region,
		    region_len);

	settle();
	free_before = free_memory();
	*instructions = now();
	mark_start();
	ret = io_uring_register_ifq(&ring, &reg.ifq);
	mark_stop();
	*instructions = now() - *instructions;
	*memory = free_before - free_memory();

	io_uring_queue_exit(&ring);
out:
	munmap(region, region_len);
	return ret;
}

static int measure_area(const struct area *area, unsigned int ifindex,
			long long *instructions, long long *memory,
			const char **failed)
{
	int ret;

	/* page faults are no part of what is measured */
	*failed = "population";
	if (area->dmabuf_fd < 0 &&
	    madvise(area->base, area->len, MADV_POPULATE_WRITE))
		return -errno;
	*failed = "wait for the queue";
	ret = queue_wait_free(ifindex, BENCH_RXQ, PATIENCE_MS);
	if (ret)
		return ret;
	*failed = "registration";
	return measure(area, ifindex, instructions, memory);
}

static int round_of(unsigned int kind, unsigned long mib, unsigned int ifindex)
{
	const size_t len = mib * MIB;
	long long instructions = 0, memory = 0;
	const char *failed = "area";
	struct area area;
	int ret;

	ret = area_open(&area, kinds[kind].kind, len, &failed);
	if (!ret) {
		ret = measure_area(&area, ifindex, &instructions, &memory,
				   &failed);
		area_close(&area);
	}
	if (ret) {
		fprintf(stderr, "registration: %s, %lu MiB: %s: %s\n",
			kinds[kind].name, mib, failed, strerror(-ret));
		return ret;
	}
	printf("%s\t%lu\t%lu\t%lld\t%lld\n", kinds[kind].name, mib,
	       len / sysconf(_SC_PAGESIZE), instructions, memory);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int ifindex = if_nametoindex(BENCH_IF);
	unsigned int rounds, round, kind;
	int i;

	if (argc < 3) {
		fprintf(stderr, "usage: %s ROUNDS MIB...\n", argv[0]);
		return 2;
	}
	rounds = atoi(argv[1]);
	for (kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
		for (i = 2; i < argc; i++)
			for (round = 0; round < rounds; round++)
				if (round_of(kind, atol(argv[i]), ifindex))
					return 1;
	return 0;
}
