// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/zc.h"
#include "owners.h"
#include "utf8.h"

#define RING	"anon_inode:[io_uring]"

/* The kernel leaves its lines out while the ring is busy: look again, so often. */
#define TRIES	50

static bool same_netns(const char *pid)
{
	char path[64], theirs[64], ours[64];
	ssize_t a, b;

	snprintf(path, sizeof(path), "/proc/%.16s/ns/net", pid);
	a = readlink(path, theirs, sizeof(theirs));
	b = readlink("/proc/self/ns/net", ours, sizeof(ours));
	return a > 0 && a == b && !memcmp(theirs, ours, a);
}

static bool is_ring(const char *pid, const char *fd)
{
	char path[64], target[64];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/%.16s/fd/%.16s", pid, fd);
	len = readlink(path, target, sizeof(target));
	return len == (ssize_t)strlen(RING) && !memcmp(target, RING, len);
}

/* One line for an ifq: " 0: if: 3 rxq: 1 if: 3 rxq: 2 buffers: ..." */
static bool parse_ifq(const char *line, uint32_t ifindex, uint32_t queue,
		      struct owner *owner)
{
	const char *p = line;
	int64_t index, rxq;
	bool found = false;

	while ((p = zc_fdinfo_find(p, "if", &index)) &&
	       (p = zc_fdinfo_find(p, "rxq", &rxq)))
		found = found || (index == ifindex && rxq == queue);
	return found && zc_fdinfo_find(line, "held", &owner->held) &&
	       zc_fdinfo_find(line, "in_flight", &owner->in_flight);
}

/* 1 if the ring has the queue, 0 if not, -EAGAIN if it does not tell. */
static int look_at(const char *pid, const char *fd, uint32_t ifindex,
		   uint32_t queue, struct owner *owner)
{
	char path[64], line[4096];
	int ret = -EAGAIN;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, fd);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "Zcrx:", 5))
			ret = 0;
		else if (!ret && parse_ifq(line, ifindex, queue, owner))
			ret = 1;
	}
	fclose(file);
	return ret;
}

static int look_patiently(const char *pid, const char *fd, uint32_t ifindex,
			  uint32_t queue, struct owner *owner)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int tries, ret = -EAGAIN;

	for (tries = 0; ret == -EAGAIN && tries < TRIES; tries++) {
		ret = look_at(pid, fd, ifindex, queue, owner);
		if (ret == -EAGAIN)
			nanosleep(&ms, NULL);
	}
	return ret;
}

static bool process_has(const char *pid, uint32_t ifindex, uint32_t queue,
			struct owner *owner)
{
	char path[64];
	struct dirent *fd;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (fd = readdir(dir)))
		found = is_ring(pid, fd->d_name) &&
			look_patiently(pid, fd->d_name, ifindex, queue,
				       owner) == 1;
	closedir(dir);
	return found;
}

static void read_comm(const char *pid, char *comm, size_t size)
{
	char path[64];
	FILE *file;

	snprintf(comm, size, "?");
	snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(comm, size, file))
		comm[strcspn(comm, "\n")] = '\0';
	fclose(file);
}

/* Root reads it, and whoever may call a program anything may not talk to the terminal. */
static void copy_printable(char *to, const char *from)
{
	const unsigned char *s = (const unsigned char *)from;
	unsigned int bytes;

	for (; *s; s += bytes, to += bytes) {
		bytes = utf8_bytes(s);
		if (bytes > 1 && !utf8_is_c1(s)) {
			memcpy(to, s, bytes);
			continue;
		}
		bytes = 1;
		*to = *s < ' ' || *s > '~' ? '?' : *s;
	}
	*to = '\0';
}

int owner_of(struct owner *owner, uint32_t ifindex, uint32_t queue)
{
	struct dirent *entry;
	int ret = -ENOENT;
	DIR *dir;

	memset(owner, 0, sizeof(*owner));
	dir = opendir("/proc");
	if (!dir)
		return -errno;
	while (ret && (entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !same_netns(entry->d_name) ||
		    !process_has(entry->d_name, ifindex, queue, owner))
			continue;
		owner->pid = atoi(entry->d_name);
		read_comm(entry->d_name, owner->comm, sizeof(owner->comm));
		copy_printable(owner->shown, owner->comm);
		ret = 0;
	}
	closedir(dir);
	return ret;
}
