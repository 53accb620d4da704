// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "queue.h"
#include "subject.h"
#include "wire.h"

#define PAGE	4096

static void fill_in(struct subject *s)
{
	zc_reg_init(&s->reg, s->ifindex, WIRE_RXQ, SUBJECT_RQ_ENTRIES,
		    &s->area, s->region, s->region_len);
}

int subject_open(struct subject *s, const char *ifname, enum area_kind kind)
{
	const char *failed;
	int ret;

	s->ifindex = if_nametoindex(ifname);
	if (!s->ifindex)
		return -ENODEV;
	ret = queue_wait_free(s->ifindex, WIRE_RXQ, WIRE_PATIENCE_MS);
	if (ret)
		return ret;
	ret = area_open(&s->area, kind, SUBJECT_AREA_LEN, &failed);
	if (ret)
		return ret;
	s->region_len = zc_region_len(SUBJECT_RQ_ENTRIES);
	s->region = mmap(NULL, s->region_len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->region == MAP_FAILED)
		return -errno;
	fill_in(s);
	return zc_ring_open(&s->ring, 64);
}

void subject_close(struct subject *s)
{
	io_uring_queue_exit(&s->ring);
	munmap(s->region, s->region_len);
	area_close(&s->area);
}

int subject_register(struct subject *s)
{
	return io_uring_register_ifq(&s->ring, &s->reg.ifq);
}

int subject_register_good(struct subject *s)
{
	fill_in(s);
	return subject_register(s);
}

__u64 half_readable(const void *what, size_t len)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || munmap(p + PAGE, PAGE))
		return 0;
	memcpy(p + PAGE - len / 2, what, len / 2);
	return (uintptr_t)(p + PAGE - len / 2);
}
