/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_MEMINFO_H
#define TESTS_MEMINFO_H

#include <stdbool.h>

/* What kind of memory one really got, as the kernel tells. */

/*
 * Sets how many hugetlb pages there are. Returns 0 only if all of them are
 * there and free.
 */
int meminfo_set_huge_pages(unsigned int nr);

/* hugetlb pages that nobody uses, or -1 */
long meminfo_free_huge_pages(void);

/* bytes of the process in transparent huge pages, anonymous or of a file */
unsigned long long meminfo_thp_bytes(void);

/* KiB that are accounted to the process as pinned, or -1 */
long meminfo_pinned_kib(void);

/* Waits until so many are. Returns how many there are in the end, or -1. */
long meminfo_wait_pinned_kib(long want, unsigned int timeout_ms);

/* Who made the dma-buf? False as well if it is none. */
bool meminfo_exporter_is(int dmabuf_fd, const char *name);

#endif /* TESTS_MEMINFO_H */
