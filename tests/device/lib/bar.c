// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bar.h"
#include "lib/wire.h"
#include "stream.h"

static struct stream pattern;

void wait_ms(unsigned int ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000L };

	nanosleep(&t, NULL);
}

/* The path of a file of the device's. Returns 0 or -errno. */
static int device_file(const char *name, char *path, size_t size)
{
	glob_t found;
	int ret;

	snprintf(path, size, BAR_DRIVER "/*:*/%s", name);
	if (glob(path, 0, NULL, &found))
		return -ENODEV;
	ret = snprintf(path, size, "%s", found.gl_pathv[0]) < (int)size ?
	      0 : -ENAMETOOLONG;
	globfree(&found);
	return ret;
}

int bar_slot(char *slot, size_t size)
{
	char path[256];
	int ret = device_file("", path, sizeof(path));

	if (ret)
		return ret;
	path[strlen(path) - 1] = '\0';
	snprintf(slot, size, "%s", strrchr(path, '/') + 1);
	return 0;
}

/* The BAR's own mapping. Returns MAP_FAILED if there is none. */
static char *map_bar(size_t offset, size_t len)
{
	char path[256], *base;
	int fd;

	if (device_file("resource2_wc", path, sizeof(path)))
		return MAP_FAILED;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return MAP_FAILED;
	base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	close(fd);
	return base;
}

int window_open(void)
{
	int fd;

	if (access("/dev/" ZCRX_BAR_DEV, F_OK) &&
	    system("modprobe " ZCRX_BAR_DEV))
		return -ENOENT;
	fd = open("/dev/" ZCRX_BAR_DEV, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int window_create(int window, __u64 offset, __u64 len)
{
	const struct zcrx_bar_window what = { .offset = offset, .len = len };
	int fd = ioctl(window, ZCRX_BAR_CREATE, &what);

	return fd < 0 ? -errno : fd;
}

struct zcrx_bar_stats window_stats(int window)
{
	struct zcrx_bar_stats stats;

	/* more than anybody expects */
	if (ioctl(window, ZCRX_BAR_GET_STATS, &stats))
		memset(&stats, 0xff, sizeof(stats));
	return stats;
}

__u32 window_refused(int window)
{
	struct zcrx_bar_stats stats = window_stats(window);

	return stats.vmaps + stats.mmaps + stats.cpu_accesses;
}

bool window_untouched(int window, __u32 registrations)
{
	return window_refused(window) <= registrations &&
	       window_refused(window) == window_stats(window).vmaps;
}

int window_wait_unused(int window)
{
	struct zcrx_bar_stats stats;
	int waited;

	for (waited = 0; waited < WIRE_PATIENCE_MS; waited += 10) {
		stats = window_stats(window);
		if (!stats.attachments && !stats.mappings)
			return 0;
		wait_ms(10);
	}
	return -ETIMEDOUT;
}

int window_area(struct area *area, int window, size_t offset, size_t len)
{
	*area = (struct area) { .kind = AREA_UDMABUF, .len = len };
	area->dmabuf_fd = window_create(window, offset, len);
	if (area->dmabuf_fd < 0)
		return area->dmabuf_fd;
	area->base = map_bar(offset, len);
	if (area->base == MAP_FAILED) {
		close(area->dmabuf_fd);
		return -ENXIO;
	}
	return 0;
}

int bar_fill(void)
{
	char *base = map_bar(0, BAR_LEN);

	if (base == MAP_FAILED)
		return -ENXIO;
	stream_init(&pattern, 22);
	stream_fill(&pattern, 0, base, BAR_LEN);
	munmap(base, BAR_LEN);
	return 0;
}

int bar_check_around(size_t offset, size_t len)
{
	const size_t end = offset + len;
	char *base = map_bar(0, BAR_LEN);
	size_t bad = 0;
	int ret = 0;

	if (base == MAP_FAILED)
		return -ENXIO;
	if (!stream_check(&pattern, 0, base, offset, &bad)) {
		ret = -EILSEQ;
	} else if (!stream_check(&pattern, end, base + end, BAR_LEN - end,
				 &bad)) {
		bad += end;
		ret = -EILSEQ;
	}
	if (ret)
		fprintf(stderr, "# byte %zu of the BAR was overwritten\n", bad);
	munmap(base, BAR_LEN);
	return ret;
}

int bar_open_zc(struct zc *zc, const struct area *area)
{
	const struct zc_config cfg = { .ifname = WIRE_IF, .rxq = WIRE_RXQ };
	int ret = zc_open_area(zc, &cfg, area);

	if (ret)
		fprintf(stderr, "# %s failed\n", zc->failed);
	return ret;
}
