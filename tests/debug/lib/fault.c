// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "../../kernel/zcrx_fault.h"
#include "fault.h"
#include "left.h"
#include "lib/pins.h"
#include "lib/text.h"
#include "lib/wire.h"

/* A walk that is longer is one that does not end. */
#define FAULTS_MAX	2000

/*
 * A slab may need a page or not, so the same allocation is not always the same
 * number: it ends once there was no hit with a few of them.
 */
#define MEMORY_MISSES	3

static int dev = -1, nth_fd = -1;

/* All allocations may fail, whatever they may do to avoid it. */
static int allow_all(void)
{
	static const struct {
		const char *file, *value;
	} settings[] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
	};
	char path[128];
	size_t i;
	int ret;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s",
			 settings[i].file);
		ret = write_text(path, settings[i].value);
		if (ret) {
			fprintf(stderr, "# %s: %d\n", path, ret);
			return ret;
		}
	}
	return 0;
}

int fault_open(void)
{
	if (system("modprobe zcrx_fault 2>/dev/null || "
		   "insmod zcrx_fault.ko 2>/dev/null"))
		fprintf(stderr, "# is zcrx_fault loaded already?\n");
	dev = open("/dev/zcrx_fault", O_RDWR | O_CLOEXEC);
	if (dev < 0) {
		perror("# /dev/zcrx_fault");
		return -errno;
	}
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0) {
		perror("# fail-nth");
		return -errno;
	}
	return allow_all();
}

void fault_close(void)
{
	close(nth_fd);
	close(dev);
}

static int find_site(const char *name, struct zcrx_fault_site *site)
{
	memset(site, 0, sizeof(*site));
	for (; !ioctl(dev, ZCRX_FAULT_SITE, site); site->index++)
		if (!strcmp(site->name, name))
			return site->missing;
	return -errno;
}

static int memory_arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	return pwrite(nth_fd, text, len, 0) == len ? 0 : -errno;
}

/*
 * Reading copies to user space, which may be the one that fails: then it was
 * none of the call's. So may be writing.
 */
static bool memory_disarm(void)
{
	char text[16] = "";
	bool hit;

	hit = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
	if (pwrite(nth_fd, "0", 1, 0) != 1)
		pwrite(nth_fd, "0", 1, 0) == 1 ? (void)0 : abort();
	return hit;
}

static int site_arm(const struct zcrx_fault_site *site, unsigned int n)
{
	struct zcrx_fault_arm arm = { .index = site->index, .nth = n };

	return ioctl(dev, ZCRX_FAULT_ARM, &arm) ? -errno : 0;
}

static bool site_disarm(struct zcrx_fault_site *site)
{
	if (ioctl(dev, ZCRX_FAULT_DISARM) || ioctl(dev, ZCRX_FAULT_SITE, site))
		abort();
	return site->hits;
}

static struct zcrx_fault_site armed;

int fault_arm(const char *site, unsigned int n)
{
	int ret = find_site(site, &armed);

	return ret ? ret : site_arm(&armed, n);
}

bool fault_disarm(void)
{
	return site_disarm(&armed);
}

static bool lists(const struct fault_step *step, int err)
{
	const int *e;

	for (e = step->errnos; *e; e++)
		if (*e == err)
			return true;
	return false;
}

static bool expected(const struct fault_step *step, int result)
{
	return lists(step, result ? -result : FAULT_OPTIONAL);
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void tell(const char *fmt, ...)
{
	va_list args;

	if (!getenv("FAULT_VERBOSE"))
		return;
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	fflush(stdout);
}

/* One round. Returns whether there was a hit, or -errno. */
static int fault_once(const struct fault_scenario *s,
		      const struct fault_step *step,
		      struct zcrx_fault_site *site, unsigned int n,
		      unsigned int *optional)
{
	long start = now_ms(), prepared, called;
	int ret, result;
	bool hit;

	ret = s->prepare(s->arg);
	if (ret) {
		fprintf(stderr, "# %s: not prepared: %d\n", s->name, ret);
		return ret;
	}
	prepared = now_ms();
	ret = site ? site_arm(site, n) : memory_arm(n);
	if (ret)
		return ret;
	result = s->call(s->arg);
	hit = site ? site_disarm(site) : memory_disarm();
	called = now_ms();

	ret = s->finish(s->arg, result, n);
	tell("# %s %s N=%u: %d, %s; %ld + %ld + %ld ms\n", s->name,
	     site ? site->name : FAULT_MEMORY, n, result, hit ? "hit" : "none",
	     prepared - start, called - prepared, now_ms() - called);
	if (ret) {
		fprintf(stderr, "# %s: result %d, then %d\n", s->name, result,
			ret);
		return ret;
	}
	if (hit ? !expected(step, result) : result) {
		fprintf(stderr, "# %s: %s, N = %u: %d, %s\n", s->name,
			step->site, n, result, hit ? "which is none of its" :
			"without a hit");
		return -EPROTO;
	}
	*optional += hit && !result;
	return hit;
}

/* All N of one site. Returns how many faults there were, or -errno. */
static int fault_walk_site(const struct fault_scenario *s,
			   const struct fault_step *step,
			   const struct left *before)
{
	const char *name = step->site;
	bool memory = !strcmp(name, FAULT_MEMORY);
	struct zcrx_fault_site site;
	unsigned int n, hits = 0, misses = 0, optional = 0;
	bool alike = lists(step, FAULT_ALIKE);
	int ret;

	ret = memory ? 0 : find_site(name, &site);
	if (ret) {
		fprintf(stderr, "# no site %s: %d\n", name, ret);
		return ret;
	}
	for (n = 1; n < FAULTS_MAX; n += alike ? 1 + n / 4 : 1) {
		long done;

		ret = fault_once(s, step, memory ? NULL : &site, n, &optional);
		done = now_ms();
		if (left_wait(before))
			ret = -EBUSY;
		tell("#\tand %ld ms\n", now_ms() - done);
		if (ret < 0)
			break;
		hits += ret;
		misses = ret ? 0 : misses + 1;
		if (misses == (memory ? MEMORY_MISSES : 1))
			break;
	}
	if (ret < 0) {
		fprintf(stderr, "# %s: %s, N = %u: %d\n", s->name, name, n,
			ret);
		return ret;
	}
	if (!hits || n >= FAULTS_MAX) {
		fprintf(stderr, "# %s: %s is %s\n", s->name, name,
			!hits ? "never called" : "called without an end");
		return -ENOENT;
	}
	if (optional)
		printf("# faults %s: %u of %u %s did not matter\n", s->name,
		       optional, hits, name);
	return hits;
}

int fault_walk(const struct fault_scenario *s)
{
	unsigned int sites = 0, injected = 0;
	const struct fault_step *const *list;
	const struct fault_step *step;
	struct left before;
	int ret, first = 0;

	/* what comes with the first time is no leak, so there is one before */
	ret = s->prepare(s->arg);
	if (!ret)
		ret = s->finish(s->arg, s->call(s->arg), 0);
	if (ret) {
		fprintf(stderr, "# %s fails without a fault: %d\n", s->name,
			ret);
		return ret;
	}
	/* a ring that was closed takes its time to go */
	if (pins_wait(0, WIRE_PATIENCE_MS))
		return -EBUSY;
	left_settle(&before);

	/* what is left once, is left in all that follows */
	for (list = s->steps; *list && first != -EBUSY; list++) {
		for (step = *list; step->site && first != -EBUSY; step++) {
			sites++;
			ret = fault_walk_site(s, step, &before);
			if (ret > 0)
				injected += ret;
			else if (!first || ret == -EBUSY)
				first = ret;
		}
	}
	printf("# faults %s sites=%u injected=%u\n", s->name, sites, injected);
	fflush(stdout);
	return first ? first : (int)injected;
}
