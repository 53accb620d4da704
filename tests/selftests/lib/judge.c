// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../../kernel/zcrx_judge.h"
#include "judge.h"
#include "sh.h"
#include "wire.h"

/* The NIC's requester ID and those of the ports above, by the device's path. */
static int find_rids(struct judge *judge)
{
	unsigned int domain, bus, dev, fn;
	char path[PATH_MAX], *part, *rest;
	__u32 rids[JUDGE_ABOVE_MAX + 1];
	unsigned int nr = 0;

	if (!realpath("/sys/class/net/" WIRE_IF "/device", path))
		return -errno;
	for (part = strtok_r(path, "/", &rest); part;
	     part = strtok_r(NULL, "/", &rest)) {
		if (sscanf(part, "%x:%x:%x.%x", &domain, &bus, &dev, &fn) != 4)
			continue;
		if (nr == JUDGE_ABOVE_MAX + 1)
			return -E2BIG;
		rids[nr++] = bus << 8 | dev << 3 | fn;
	}
	if (!nr)
		return -EINVAL;
	judge->rid = rids[--nr];
	memcpy(judge->above, rids, nr * sizeof(rids[0]));
	judge->nr_above = nr;
	return 0;
}

int judge_open(struct judge *judge, const struct area *area)
{
	struct zcrx_judge_watch watch = {
		.addr = area->dmabuf_fd < 0 ? (uintptr_t)area->base : 0,
		.len = area->len,
		.dmabuf_fd = area->dmabuf_fd,
	};
	int ret;

	/* The module may have been loaded by hand. */
	if (access("/dev/" ZCRX_JUDGE_DEV, F_OK) &&
	    sh("modprobe zcrx_judge"))
		return -ENOENT;
	ret = find_rids(judge);
	if (ret)
		return ret;
	judge->fd = open("/dev/" ZCRX_JUDGE_DEV, O_RDWR | O_CLOEXEC);
	if (judge->fd < 0)
		return -errno;
	if (ioctl(judge->fd, ZCRX_JUDGE_WATCH, &watch)) {
		ret = -errno;
		close(judge->fd);
		return ret;
	}
	judge->pages = area->len / sysconf(_SC_PAGESIZE);
	return 0;
}

void judge_close(struct judge *judge)
{
	close(judge->fd);
}

static bool is_above(const struct judge *judge, __u32 rid)
{
	unsigned int i;

	for (i = 0; i < judge->nr_above; i++)
		if (judge->above[i] == rid)
			return true;
	return false;
}

/*
 * One that is no port above the NIC and has its table all the same; -1 if there
 * is none. That there are too many is told by the last that is known.
 */
static long stranger(const struct judge *judge,
		     const struct zcrx_judge_count *count)
{
	unsigned int i;

	for (i = 0; i < count->sharers && i < ZCRX_JUDGE_SHARERS; i++)
		if (!is_above(judge, count->sharer[i]))
			return count->sharer[i];
	return i < count->sharers ? (long)count->sharer[i - 1] : -1;
}

static long look(const struct judge *judge, struct zcrx_judge_count *count)
{
	*count = (struct zcrx_judge_count) { .rid = judge->rid };
	if (ioctl(judge->fd, ZCRX_JUDGE_COUNT, count))
		return -errno;
	/* each page at one place, and for nobody else */
	if (count->others || count->entries != count->mapped ||
	    stranger(judge, count) >= 0)
		return -EXDEV;
	return count->mapped;
}

static void explain(const struct judge *judge, long mapped,
		    const struct zcrx_judge_count *count)
{
	if (mapped != -EXDEV)
		return;
	fprintf(stderr, "# %u pages, %u entries, others have %u\n",
		count->mapped, count->entries, count->others);
	if (stranger(judge, count) >= 0)
		fprintf(stderr, "# device %04lx has the NIC's table\n",
			stranger(judge, count));
}

long judge_mapped(const struct judge *judge)
{
	struct zcrx_judge_count count;
	long mapped = look(judge, &count);

	explain(judge, mapped, &count);
	return mapped;
}

long judge_wait_unmapped(const struct judge *judge, unsigned int timeout_ms)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	struct zcrx_judge_count count;
	unsigned int waited;
	long mapped;

	for (waited = 0;; waited += 10) {
		mapped = look(judge, &count);
		if (!mapped)
			return 0;
		if (waited >= timeout_ms)
			break;
		nanosleep(&ms10, NULL);
	}
	explain(judge, mapped, &count);
	return mapped;
}

int judge_read(const struct judge *judge, __u64 off, void *buf, size_t len)
{
	ssize_t n = pread(judge->fd, buf, len, off);

	if (n < 0)
		return -errno;
	return n == (ssize_t)len ? 0 : -EIO;
}

static int do_word(const struct judge *judge, unsigned long cmd,
		   struct zcrx_judge_word *word)
{
	word->rid = judge->rid;
	return ioctl(judge->fd, cmd, word) ? -errno : 0;
}

int judge_find(const struct judge *judge, __u32 page, __u64 *iova)
{
	struct zcrx_judge_word word = { .page = page };
	int ret = do_word(judge, ZCRX_JUDGE_FIND, &word);

	*iova = word.iova;
	return ret;
}

int judge_peek(const struct judge *judge, __u64 iova, __u64 *value)
{
	struct zcrx_judge_word word = { .iova = iova };
	int ret = do_word(judge, ZCRX_JUDGE_PEEK, &word);

	*value = word.value;
	return ret;
}

int judge_poke(const struct judge *judge, __u64 iova, __u64 value)
{
	struct zcrx_judge_word word = { .iova = iova, .value = value };

	return do_word(judge, ZCRX_JUDGE_POKE, &word);
}
