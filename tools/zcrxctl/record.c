// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record.h"

#define FIRST_LINE	"zcrxctl 1\n"
#define LAST_LINE	"end"

#define NEW		".new"
#define LOCK		".lock"

static void path_of(char *path, size_t size, const struct nic *nic,
		    const char *suffix)
{
	struct stat netns = {};

	stat("/proc/self/ns/net", &netns);
	snprintf(path, size, RECORD_DIR "/%lu-%u%s",
		 (unsigned long)netns.st_ino, nic->index, suffix);
}

const char *record_path(const struct nic *nic)
{
	static char path[64];

	path_of(path, sizeof(path), nic, "");
	return path;
}

/* 0 if it is not to be had, as before 5.14. */
static unsigned long long netns_cookie(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned long long cookie;
	socklen_t len = sizeof(cookie);

	if (fd < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		cookie = 0;
	if (fd >= 0)
		close(fd);
	return cookie;
}

int record_lock(const struct nic *nic)
{
	struct stat dir;
	char path[64];
	int fd, ret;

	if (mkdir(RECORD_DIR, 0755) && errno != EEXIST)
		return -errno;
	if (lstat(RECORD_DIR, &dir))
		return -errno;
	if (!S_ISDIR(dir.st_mode) || dir.st_uid || (dir.st_mode & 022))
		return -EPERM;
	path_of(path, sizeof(path), nic, LOCK);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX)) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

/* What a driver does not have is left alone, then and later. */
static int known(int ret, bool *has)
{
	*has = !ret;
	return ret == -EOPNOTSUPP ? 0 : ret;
}

int record_take(struct record *record, const struct nic *nic)
{
	struct nic_rings rings = {};
	int ret;

	memset(record, 0, sizeof(*record));
	record->netns = netns_cookie();
	record->ifindex = nic->index;
	memcpy(record->bus, nic->bus, sizeof(record->bus));

	ret = known(nic_get_channels(nic, &record->channels),
		    &record->has_channels);
	if (!ret)
		ret = known(nic_get_rings(nic, &rings), &record->has_split);
	record->has_split = record->has_split && rings.can_split;
	record->split = rings.split;
	if (!ret)
		ret = known(nic_get_ntuple(nic, &record->ntuple),
			    &record->has_ntuple);
	if (!ret)
		ret = known(nic_get_rss(nic, &record->rss), &record->has_rss);
	return ret;
}

void record_free(struct record *record)
{
	nic_free_rss(&record->rss);
}

bool record_is_of(const struct record *record, const struct nic *nic)
{
	return record->ifindex == nic->index && !strcmp(record->bus, nic->bus);
}

/* How many, and which. */
static void write_numbers(FILE *file, const char *word, const uint32_t *numbers,
			  uint32_t nr)
{
	uint32_t i;

	fprintf(file, "%s %u", word, nr);
	for (i = 0; i < nr; i++)
		fprintf(file, " %u", numbers[i]);
	fputc('\n', file);
}

static void write_record(FILE *file, const struct record *record)
{
	uint32_t i;

	fputs(FIRST_LINE, file);
	fprintf(file, "netns %llu\n", record->netns);
	fprintf(file, "device %u %s\n", record->ifindex, record->bus);
	if (record->has_channels)
		fprintf(file, "channels %u %u %u\n",
			record->channels.rx, record->channels.tx,
			record->channels.combined);
	if (record->has_split)
		fprintf(file, "split %d\n", record->split);
	if (record->has_ntuple)
		fprintf(file, "ntuple %d\n", record->ntuple);
	if (record->has_rss)
		write_numbers(file, "rss", record->rss.queue, record->rss.size);
	for (i = 0; i < record->nr_rules; i++)
		fprintf(file, "rule %u %d %u %u\n",
			record->rule[i].location, record->rule[i].ipv6 ? 6 : 4,
			record->rule[i].port, record->rule[i].queue);
	if (record->nr_table)
		write_numbers(file, "table", record->table, record->nr_table);
	fputs(LAST_LINE "\n", file);
}

/* There is the old one or the new one, at any moment. */
int record_save(const struct record *record, const struct nic *nic)
{
	char path[64], new[64];
	FILE *file;
	int fd, ret = 0;

	path_of(path, sizeof(path), nic, "");
	path_of(new, sizeof(new), nic, NEW);
	fd = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		  0600);
	if (fd < 0)
		return -errno;
	file = fdopen(fd, "w");
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	errno = 0;
	write_record(file, record);
	if (ferror(file) || fflush(file) || fsync(fd))
		ret = errno ? -errno : -EIO;
	if (fclose(file) && !ret)
		ret = -errno;
	if (!ret && rename(new, path))
		ret = -errno;
	if (ret)
		unlink(new);
	return ret;
}

int record_remove(const struct nic *nic)
{
	char path[64];

	path_of(path, sizeof(path), nic, "");
	return unlink(path) ? -errno : 0;
}

static bool read_numbers(FILE *file, uint32_t *numbers, uint32_t nr)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (fscanf(file, "%u", &numbers[i]) != 1)
			return false;
	return true;
}

static bool read_rss(FILE *file, struct record *record)
{
	uint32_t size;

	if (fscanf(file, "%u", &size) != 1 || size > 65536)
		return false;
	record->rss.queue = calloc(size ? size : 1, sizeof(uint32_t));
	if (!record->rss.queue)
		return false;
	record->rss.size = size;
	return read_numbers(file, record->rss.queue, size);
}

static bool read_table(FILE *file, struct record *record)
{
	return fscanf(file, "%u", &record->nr_table) == 1 &&
	       record->nr_table <= MAX_QUEUES &&
	       read_numbers(file, record->table, record->nr_table);
}

static bool read_rule(FILE *file, struct record *record)
{
	struct nic_rule *rule = &record->rule[record->nr_rules];
	int version;

	if (record->nr_rules == MAX_RULES)
		return false;
	if (fscanf(file, "%u %d %hu %u",
		   &rule->location, &version, &rule->port, &rule->queue) != 4)
		return false;
	rule->ipv6 = version == 6;
	record->nr_rules++;
	return true;
}

static bool read_flag(FILE *file, bool *has, bool *flag)
{
	int value;

	if (*has || fscanf(file, "%d", &value) != 1)
		return false;
	*has = true;
	*flag = value;
	return true;
}

static bool read_line(FILE *file, const char *word, struct record *record)
{
	if (!strcmp(word, "netns"))
		return fscanf(file, "%llu", &record->netns) == 1;
	if (!strcmp(word, "device"))
		return fscanf(file, "%u%*1[ ]%31[^\n]",
			      &record->ifindex, record->bus) >= 1;
	if (!strcmp(word, "channels") && !record->has_channels) {
		record->has_channels = true;
		return fscanf(file, "%u %u %u",
			      &record->channels.rx, &record->channels.tx,
			      &record->channels.combined) == 3;
	}
	if (!strcmp(word, "split"))
		return read_flag(file, &record->has_split, &record->split);
	if (!strcmp(word, "ntuple"))
		return read_flag(file, &record->has_ntuple, &record->ntuple);
	if (!strcmp(word, "rss") && !record->has_rss) {
		record->has_rss = true;
		return read_rss(file, record);
	}
	if (!strcmp(word, "rule"))
		return read_rule(file, record);
	if (!strcmp(word, "table"))
		return read_table(file, record);
	return false;
}

static int read_record(FILE *file, struct record *record)
{
	char word[16] = "";

	if (!fgets(word, sizeof(word), file) || strcmp(word, FIRST_LINE))
		return -EINVAL;
	while (fscanf(file, "%15s", word) == 1) {
		if (!strcmp(word, LAST_LINE))
			return 0;
		if (!read_line(file, word, record))
			return -EINVAL;
	}
	return -EINVAL;
}

/* As far as both are known: earlier versions wrote none. */
static bool of_another_netns(const struct record *record)
{
	unsigned long long cookie = netns_cookie();

	return record->netns && cookie && record->netns != cookie;
}

int record_load(struct record *record, const struct nic *nic)
{
	char path[64];
	FILE *file;
	int ret;

	memset(record, 0, sizeof(*record));
	path_of(path, sizeof(path), nic, "");
	file = fopen(path, "re");
	if (!file)
		return -errno;
	ret = read_record(file, record);
	fclose(file);
	if (!ret && of_another_netns(record))
		ret = -ENOENT;
	if (ret)
		record_free(record);
	return ret;
}
