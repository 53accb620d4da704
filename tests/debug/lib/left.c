// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/meminfo.h"
#include "lib/netdev.h"
#include "lib/nic.h"
#include "lib/pins.h"
#include "lib/sh.h"
#include "lib/wire.h"
#include "left.h"
#include "queue.h"

#define POOLS_MAX	16
/* What igb has on its way at once, in buffers that it gives out. */
#define DMA_NOISE	24
/* Longer than a ring takes to go, or a page_pool to be looked at again. */
#define PATIENCE_S	15
/* So many times in a row the same: nothing is about to go any more. */
#define SETTLED		10

static long count_entries(const char *path)
{
	DIR *dir = opendir(path);
	long nr = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static long number_in(const char *path)
{
	FILE *f = fopen(path, "re");
	long n = -1;

	if (f && fscanf(f, "%ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

static long count_attached(void)
{
	FILE *f = fopen("/sys/kernel/debug/dma_buf/bufinfo", "re");
	long sum = 0, nr;
	char line[256];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "Total %ld devices attached", &nr) == 1)
			sum += nr;
	fclose(f);
	return sum;
}

static long count_dma(void)
{
	long all = number_in("/sys/kernel/debug/dma-api/nr_total_entries");
	long unused = number_in("/sys/kernel/debug/dma-api/num_free_entries");

	return all < 0 || unused < 0 ? -1 : all - unused;
}

void left_read(struct left *left)
{
	unsigned int ifindex = if_nametoindex(WIRE_IF);
	struct netdev_pool pools[POOLS_MAX];

	*left = (struct left) {
		.pins = pins_now(),
		.pinned_kib = meminfo_pinned_kib(),
		.pools = netdev_pools(ifindex, pools, POOLS_MAX),
		.provider = queue_provider(ifindex, WIRE_RXQ),
		.fds = count_entries("/proc/self/fd"),
		.dmabufs = count_entries("/sys/kernel/dmabuf/buffers"),
		.attached = count_attached(),
		.dma = count_dma(),
	};
}

static int differs(const char *what, long before, long now, bool say)
{
	if (now == before && now >= 0)
		return 0;
	if (say)
		fprintf(stderr, "# left: %s %ld, before %ld\n", what, now,
			before);
	return 1;
}

static int compare(const struct left *before, const struct left *now, bool say)
{
	int nr = 0;

	nr += differs("pins", before->pins, now->pins, say);
	nr += differs("KiB pinned", before->pinned_kib, now->pinned_kib, say);
	nr += differs("page_pools", before->pools, now->pools, say);
	nr += differs("provider", before->provider, now->provider, say);
	nr += differs("fds", before->fds, now->fds, say);
	nr += differs("dma-bufs", before->dmabufs, now->dmabufs, say);
	nr += differs("attached devices", before->attached, now->attached,
		      say);
	if (now->dma < 0 || now->dma > before->dma + DMA_NOISE)
		nr += differs("DMA mappings", before->dma, now->dma, say);
	return nr;
}

void left_settle(struct left *left)
{
	const struct timespec ms20 = { .tv_nsec = 20000000 };
	unsigned int reads, same = 0;
	struct left now;

	left_read(left);
	for (reads = 0; same < SETTLED && reads < 20 * SETTLED; reads++) {
		nanosleep(&ms20, NULL);
		left_read(&now);
		same = compare(left, &now, false) ? 0 : same + 1;
		*left = now;
	}
}

int left_wait(const struct left *before)
{
	const struct timespec ms5 = { .tv_nsec = 5000000 };
	time_t start = time(NULL);
	struct left now;

	/* reading takes its time as well */
	do {
		left_read(&now);
		if (!compare(before, &now, false))
			return 0;
		nanosleep(&ms5, NULL);
	} while (time(NULL) - start < PATIENCE_S);
	return compare(before, &now, true) ? -EBUSY : 0;
}

int left_by_nic(void)
{
	char addr[32];
	int ret = nic_pci_address(WIRE_IF, addr, sizeof(addr));

	if (ret)
		return ret;
	return sh("cd /sys/bus/pci/drivers/igb && echo %s >unbind && "
		  "echo %s >bind && nic-set-up", addr, addr);
}
