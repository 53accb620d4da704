// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "meminfo.h"

/* The sum of the numbers behind key in a file of the kernel; -1 without any. */
static long sum_of(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	long sum = -1, value;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) ||
		    sscanf(line + strlen(key), " %ld", &value) != 1)
			continue;
		sum = sum < 0 ? value : sum + value;
	}
	if (f)
		fclose(f);
	return sum;
}

int meminfo_set_huge_pages(unsigned int nr)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "we");

	if (!f)
		return -errno;
	fprintf(f, "%u\n", nr);
	if (fclose(f))
		return -errno;
	return meminfo_free_huge_pages() == (long)nr ? 0 : -ENOMEM;
}

long meminfo_free_huge_pages(void)
{
	return sum_of("/proc/meminfo", "HugePages_Free:");
}

unsigned long long meminfo_thp_bytes(void)
{
	static const char smaps[] = "/proc/self/smaps";
	long anon = sum_of(smaps, "AnonHugePages:");
	long shmem = sum_of(smaps, "ShmemPmdMapped:");

	return ((anon > 0 ? anon : 0) + (shmem > 0 ? shmem : 0)) * 1024ULL;
}

long meminfo_pinned_kib(void)
{
	return sum_of("/proc/self/status", "VmPin:");
}

long meminfo_wait_pinned_kib(long want, unsigned int timeout_ms)
{
	return await(meminfo_pinned_kib, want, timeout_ms);
}

bool meminfo_exporter_is(int dmabuf_fd, const char *name)
{
	char path[64], line[512], want[64];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dmabuf_fd);
	snprintf(want, sizeof(want), "exp_name:\t%s\n", name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		found = found || !strcmp(line, want);
	if (f)
		fclose(f);
	return found;
}
