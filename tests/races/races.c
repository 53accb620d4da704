// SPDX-License-Identifier: GPL-2.0
/*
 * Races: while a stream comes in, something happens to the ring, the NIC or the
 * area at a moment that the seed chooses. A round counts if bytes moved before
 * and after it. Each byte is compared, and nothing may be left behind.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "race.h"

static const struct race *const races[] = {
	&race_kill, &race_exit, &race_restart, &race_resize, &race_channels,
	&race_mtu, &race_link, &race_exporter, &race_share, &race_areas,
	&race_leave, &race_queues, &race_unbind,
	&race_netns, &race_unplug,
};

#define NR_RACES	(sizeof(races) / sizeof(races[0]))

static int show_usage(void)
{
	fprintf(stderr,
		"usage: ... [--race NAME]... [--rounds N] [--seed S] [--kind user|udmabuf]\n"
		"       ... --list\n"
		"Without --race: all but unplug, which needs a VM with one CPU. Rare ones have a\n"
		"tenth of the rounds, one at least.\n");
	return 2;
}

static int set_up(void)
{
	stream_init(&race_stream, 4);
	return tune();
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* The same rounds for the same seed, whichever other races there are. */
static __u64 id_of(const char *name)
{
	__u64 id = 0;

	while (*name)
		id = id * 0x100000001b3ULL + *name++;
	return id;
}

/* Which of them the kernel complains of, if it does. */
static void say_in_log(const char *name)
{
	FILE *f = fopen("/dev/kmsg", "we");

	if (!f)
		return;
	fprintf(f, "races: %s\n", name);
	fclose(f);
}

/* Returns 0, or -errno of run_rounds(). */
static int run_race(const struct race *race, unsigned int nr, __u64 seed,
		    unsigned int rounds, int kind)
{
	double start = seconds();
	struct run *run;
	int ret;
	bool ok;

	run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run == MAP_FAILED)
		return -errno;
	*run = (struct run) {
		.kind = kind,
		.smp = sysconf(_SC_NPROCESSORS_ONLN) > 1,
	};
	prng_init(&run->prng, seed, id_of(race->name));
	if (race->rare)
		rounds = rounds < 10 ? 1 : rounds / 10;
	say_in_log(race->name);
	ret = run_rounds(race, run, rounds);
	if (ret)
		fprintf(stderr, "# %s: round %u of seed %llu: %d\n", race->name,
			run->begun, (unsigned long long)seed, ret);
	ok = !ret && !run->lost && run->counted == rounds;
	printf("# race %s rounds=%u bytes=%llu lost=%llu seconds=%.1f\n",
	       race->name, run->counted, (unsigned long long)run->bytes,
	       (unsigned long long)run->lost, seconds() - start);
	printf("%sok %u %s: %u rounds\n", ok ? "" : "not ", nr, race->name,
	       run->counted);
	fflush(stdout);
	munmap(run, sizeof(*run));
	if (ret == -EBUSY)
		return ret;
	return ok ? 0 : -EPROTO;
}

static const struct race *find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_RACES; i++)
		if (!strcmp(races[i]->name, name))
			return races[i];
	return NULL;
}

static int list(void)
{
	size_t i;

	for (i = 0; i < NR_RACES; i++)
		puts(races[i]->name);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "race", required_argument, NULL, 'r' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "kind", required_argument, NULL, 'k' },
		{ "list", no_argument, NULL, 'l' },
		{ }
	};
	const struct race *chosen[NR_RACES];
	unsigned int nr = 0, rounds = 10, i;
	bool all_ok = true;
	int ret = 0;
	__u64 seed = 1;
	int kind = -1;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (opt == 'l')
			return list();
		if (opt == 'r') {
			if (nr == NR_RACES || !find(optarg))
				return show_usage();
			chosen[nr++] = find(optarg);
		} else if (opt == 'n') {
			rounds = strtoul(optarg, NULL, 0);
		} else if (opt == 's') {
			seed = strtoull(optarg, NULL, 0);
		} else if (opt == 'k' && !strcmp(optarg, "user")) {
			kind = AREA_USER;
		} else if (opt == 'k' && !strcmp(optarg, "udmabuf")) {
			kind = AREA_UDMABUF;
		} else {
			return show_usage();
		}
	}
	if (optind != argc || !rounds)
		return show_usage();
	if (!nr)
		for (; nr < NR_RACES && races[nr] != &race_unplug; nr++)
			chosen[nr] = races[nr];

	printf("TAP version 13\n1..%u\n", nr);
	if (set_up()) {
		printf("Bail out! the network cannot be set up\n");
		return 1;
	}
	for (i = 0; i < nr && ret != -EBUSY; i++) {
		ret = run_race(chosen[i], i + 1, seed, rounds, kind);
		all_ok &= !ret;
	}
	if (ret == -EBUSY && i < nr)
		printf("Bail out! %s left something behind\n",
		       chosen[i - 1]->name);
	return all_ok ? 0 : 1;
}
