// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/io_uring/zcrx_ext.h>

#include "debian.h"
#include "json.h"
#include "nic.h"
#include "owners.h"
#include "probe.h"
#include "queues.h"
#include "sizing.h"
#include "zcrxctl.h"

enum answer {
	NO,
	TO_SET_UP,	/* no, and setup mends it */
	YES,
	UNKNOWN,
	ADVICE,		/* not needed by everybody */
};

static const char * const answers[] = {
	[NO]		= "no",
	[TO_SET_UP]	= "no",
	[YES]		= "yes",
	[UNKNOWN]	= "unknown",
	[ADVICE]	= "note",
};

/* What is asked, and what came of it so far. */
struct check {
	const struct options *opt;
	struct nic nic;
	bool admin;
	unsigned int missing, unknown;
	unsigned int by_setup;		/* of those missing, what setup mends */
};

/* An answer: what was found, and the command that mends it, which may be NULL. */
static void say(struct check *c, const char *what, enum answer answer,
		const char *mend, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static void say(struct check *c, const char *what, enum answer answer,
		const char *mend, const char *fmt, ...)
{
	char found[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(found, sizeof(found), fmt, args);
	va_end(args);
	c->missing += answer == NO || answer == TO_SET_UP;
	c->by_setup += answer == TO_SET_UP;
	c->unknown += answer == UNKNOWN;

	if (c->opt->json) {
		json_object(NULL);
		json_str("what", what);
		json_str("answer", answers[answer]);
		json_str("found", found);
		json_str("mend", mend && mend[0] ? mend : NULL);
		json_end();
		return;
	}
	printf("%-16s %-8s %s\n", what, answers[answer], found);
	if (mend && mend[0])
		printf("%-16s %-8s -> %s\n", "", "", mend);
}

static bool has_cap(unsigned int cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

	if (syscall(SYS_capget, &head, data))
		return false;
	return data[cap / 32].effective & (1U << (cap % 32));
}

/* No line where apt does not know, and no reason not to run. */
static void check_updates(struct check *c, const char *release)
{
	struct debian_kernel kernel;

	if (debian_kernel(release, &kernel))
		return;
	if (kernel.older)
		say(c, "updates", ADVICE,
		    "make update deb (in the project's folder), install the packages, and reboot",
		    "Debian has %s, and this kernel is made of %s",
		    kernel.current, kernel.running);
	else
		say(c, "updates", YES, NULL, "made of %s; Debian has %s",
		    kernel.running, kernel.current);
}

static void check_kernel(struct check *c)
{
	struct probe_kernel kernel;
	struct utsname uts = {};

	uname(&uts);
	probe_kernel(&kernel);
	if (kernel.error)
		say(c, "kernel", NO, "sysctl kernel.io_uring_disabled=0",
		    "%s: io_uring: %s", uts.release, strerror(-kernel.error));
	else if (kernel.zcrx)
		say(c, "kernel", YES, NULL, "%s%s: zero-copy receive%s",
		    uts.release, debian_is_ours(uts.release) ? "" :
		    ", not one of this project's", kernel.extensions ?
		    ", with the extensions for dma-bufs" :
		    ", upstream's: dma-bufs do not survive payload that has to be copied");
	else
		say(c, "kernel", kernel.untold ? UNKNOWN : NO,
		    "install the kernel of this project, and reboot",
		    "%s: %s", uts.release, kernel.untold ?
		    "may have zero-copy receive, as 6.15 to 6.18, and does not tell" :
		    "no zero-copy receive");
	if (kernel.zcrx && debian_is_ours(uts.release))
		check_updates(c, uts.release);
}

static void check_capability(struct check *c)
{
	c->admin = has_cap(CAP_NET_ADMIN);
	if (c->admin)
		say(c, "capability", YES, NULL, "CAP_NET_ADMIN");
	else
		say(c, "capability", NO,
		    "run as root, or with AmbientCapabilities=CAP_NET_ADMIN in the service's unit",
		    "no CAP_NET_ADMIN, which a registration needs");
}

static void check_link(struct check *c)
{
	char mend[64];

	snprintf(mend, sizeof(mend), "ip link set %s up", c->nic.name);
	if (c->nic.up)
		say(c, "interface", YES, NULL, "%s is up", c->nic.name);
	else
		say(c, "interface", NO, mend, "%s is down", c->nic.name);
}

static void check_driver(struct check *c)
{
	const char *driver = c->nic.driver[0] ? c->nic.driver : "no driver";
	int ret;

	if (!c->admin) {
		say(c, "queue API", UNKNOWN, NULL,
		    "%s: only CAP_NET_ADMIN can tell", driver);
		return;
	}
	ret = probe_queue_api(&c->nic);
	if (ret == 1)
		say(c, "queue API", YES, NULL,
		    "%s can restart a single queue", driver);
	else if (!ret)
		say(c, "queue API", NO, NULL,
		    "%s: no queue API, or no DMA; igb of this kernel has both, on an 82576",
		    driver);
	else
		say(c, "queue API", UNKNOWN, NULL, "%s: %s", driver,
		    strerror(-ret));
}

/* Queue 1, if none is named. */
static uint32_t highest(const struct options *opt)
{
	return opt->nr_queues ? options_highest_queue(opt) : 1;
}

static void check_channels(struct check *c)
{
	uint32_t queues, need = highest(c->opt) + 1;
	struct nic_channels channels;
	char mend[64] = "";
	int ret;

	ret = nic_rx_queues(&c->nic, &queues);
	if (ret) {
		say(c, "channels", NO, NULL, "the driver tells of no RX queues: %s",
		    strerror(-ret));
		return;
	}
	if (queues >= need) {
		say(c, "channels", YES, NULL, "%u RX queues", queues);
		return;
	}
	ret = nic_get_channels(&c->nic, &channels);
	if (!ret && nic_max_rx_queues(&channels) < need) {
		say(c, "channels", NO, NULL,
		    "%u RX queues, and no more than %u are possible", queues,
		    nic_max_rx_queues(&channels));
		return;
	}
	if (!ret)
		snprintf(mend, sizeof(mend), "ethtool -L %s %s %u", c->nic.name,
			 channels.max_combined ? "combined" : "rx", need);
	say(c, "channels", ret ? NO : TO_SET_UP, mend,
	    "%u RX queues: there is no queue %u", queues, need - 1);
}

/* five digits and a comma at most for each queue */
#define SETUP_MAX	(64 + 6 * MAX_QUEUES)

/* The setup of all queues that are asked for, or of queue 1: a second setup may not
 * lead to others than the first.
 */
static void setup_all(const struct check *c, char *command, size_t size)
{
	const struct options *opt = c->opt;
	unsigned int i;
	size_t len;

	len = snprintf(command, size, "zcrxctl setup %s --queue ", c->nic.name);
	if (!opt->nr_queues)
		snprintf(command + len, size - len, "1");
	for (i = 0; i < opt->nr_queues && len < size; i++)
		len += snprintf(command + len, size - len, "%s%u", i ? "," : "",
				opt->queue[i]);
}

static void check_split(struct check *c)
{
	struct nic_rings rings;
	char mend[SETUP_MAX];
	int ret;

	ret = nic_get_rings(&c->nic, &rings);
	/* not ethtool: that of Debian 12 cannot */
	setup_all(c, mend, sizeof(mend));
	if (ret || !rings.can_split)
		say(c, "header split", NO, NULL,
		    "the NIC, or its driver, cannot split headers from payload");
	else if (rings.split)
		say(c, "header split", YES, NULL, "tcp-data-split is on");
	else
		say(c, "header split", TO_SET_UP, mend, "tcp-data-split is off");
}

static void check_checksum(struct check *c)
{
	char mend[64];
	bool on;

	if (nic_get_rx_csum(&c->nic, &on))
		return;
	snprintf(mend, sizeof(mend), "ethtool -K %s rx on", c->nic.name);
	if (on)
		say(c, "checksums", YES, NULL, "the NIC verifies them");
	else
		say(c, "checksums", NO, mend,
		    "the NIC does not verify them, and software cannot read the payload");
}

static void check_xdp(struct check *c)
{
	char mend[64];

	snprintf(mend, sizeof(mend), "ip link set %s xdp off", c->nic.name);
	if (c->nic.xdp)
		say(c, "no XDP", NO, mend, "%s has an XDP program", c->nic.name);
	else
		say(c, "no XDP", YES, NULL, "no program");
}

static bool read_number(const char *path, uint64_t *value)
{
	FILE *file = fopen(path, "re");
	unsigned long long v;
	bool ok;

	if (!file)
		return false;
	ok = fscanf(file, "%llu", &v) == 1;
	if (ok)
		*value = v;
	fclose(file);
	return ok;
}

/* They have queues of their own, which a bound one would be in the way of. */
static void check_vfs(struct check *c)
{
	char path[96], mend[128];
	uint64_t vfs;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/sriov_numvfs",
		 c->nic.name);
	if (!read_number(path, &vfs))
		return;
	snprintf(mend, sizeof(mend), "echo 0 >%s", path);
	if (vfs)
		say(c, "no VFs", NO, mend, "%llu virtual functions are enabled",
		    (unsigned long long)vfs);
	else
		say(c, "no VFs", YES, NULL, "no virtual function is enabled");
}

static unsigned int entries_to(const struct nic_rss *rss, uint32_t queue)
{
	unsigned int found = 0;
	uint32_t i;

	for (i = 0; i < rss->size; i++)
		found += rss->queue[i] == queue;
	return found;
}

/* Flows reach the queue by the table, or by a rule. */
static void check_steering(struct check *c, uint32_t queue)
{
	struct nic_rss rss;
	char what[32], mend[SETUP_MAX];
	unsigned int entries;
	int ret, rules;

	snprintf(what, sizeof(what), "flows to %u", queue);
	setup_all(c, mend, sizeof(mend));
	rules = nic_rules_to(&c->nic, queue);
	ret = nic_get_rss(&c->nic, &rss);
	if (ret && rules <= 0) {
		say(c, what, UNKNOWN, NULL, "the driver has no RSS table: %s",
		    strerror(-ret));
		return;
	}
	entries = ret ? 0 : entries_to(&rss, queue);
	if (rules > 0)
		say(c, what, YES, NULL, "%d rules, %u of %u entries of the RSS table",
		    rules, entries, rss.size);
	else if (entries)
		say(c, what, YES, NULL, "%u of %u entries of the RSS table",
		    entries, rss.size);
	else
		say(c, what, TO_SET_UP, mend,
		    "nothing leads to the queue: all would be copied");
	nic_free_rss(&rss);
}

static void check_free(struct check *c, uint32_t id)
{
	struct queue queue;
	struct owner owner;
	char what[32];
	int ret;

	snprintf(what, sizeof(what), "queue %u free", id);
	if (!id) {
		say(c, what, NO, NULL,
		    "queue 0 is needed for all that is not TCP: take another");
		return;
	}
	ret = queue_get(&queue, c->nic.index, id);
	if (ret)
		say(c, what, UNKNOWN, NULL, "%s", strerror(-ret));
	else if (queue.provider == PROVIDER_NONE)
		say(c, what, YES, NULL, "nobody feeds it");
	else if (queue.provider == PROVIDER_IO_URING &&
		 !owner_of(&owner, c->nic.index, id))
		say(c, what, NO, NULL, "%s (pid %d) has it: stop that first",
		    owner.shown, (int)owner.pid);
	else
		say(c, what, NO, NULL, "it is in use (%s): stop what uses it",
		    provider_name(queue.provider));
}

static void check_memlock(struct check *c, uint64_t area)
{
	char limit[HUMAN_SIZE], need[HUMAN_SIZE];
	struct rlimit rlim = {};

	human(need, sizeof(need), area);
	getrlimit(RLIMIT_MEMLOCK, &rlim);
	if (rlim.rlim_cur == RLIM_INFINITY)
		say(c, "locked memory", YES, NULL, "no limit");
	else if (has_cap(CAP_IPC_LOCK))
		say(c, "locked memory", YES, NULL,
		    "no limit for who has CAP_IPC_LOCK, as now; %s for others",
		    human(limit, sizeof(limit), rlim.rlim_cur));
	else if (rlim.rlim_cur >= area)
		say(c, "locked memory", YES, NULL, "%s, an area of %s needs less",
		    human(limit, sizeof(limit), rlim.rlim_cur), need);
	else
		say(c, "locked memory", NO,
		    "LimitMEMLOCK=infinity in the service's unit, or ulimit -l unlimited",
		    "%s, and an area of %s of the process's memory needs more; one in a dma-buf does not",
		    human(limit, sizeof(limit), rlim.rlim_cur), need);
}

/* For who wants the area in a dma-buf. */
static void check_udmabuf(struct check *c, uint64_t area)
{
	uint64_t limit;
	char need[HUMAN_SIZE], mend[128];

	if (access("/dev/udmabuf", F_OK)) {
		say(c, "udmabuf", ADVICE, "boot a kernel with CONFIG_UDMABUF",
		    "no /dev/udmabuf: areas in dma-bufs have to come from elsewhere");
		return;
	}
	if (access("/dev/udmabuf", R_OK | W_OK)) {
		say(c, "udmabuf", ADVICE,
		    "SupplementaryGroups=kvm, the group that Debian gives it to",
		    "/dev/udmabuf is not open to this user");
		return;
	}
	if (!read_number("/sys/module/udmabuf/parameters/size_limit_mb",
			 &limit)) {
		say(c, "udmabuf", ADVICE, NULL, "there, its limit is not told");
		return;
	}
	snprintf(mend, sizeof(mend),
		 "echo %llu >/sys/module/udmabuf/parameters/size_limit_mb",
		 (unsigned long long)((area + (1 << 20) - 1) >> 20));
	if (limit << 20 >= area)
		say(c, "udmabuf", YES, NULL, "up to %llu MiB",
		    (unsigned long long)limit);
	else
		say(c, "udmabuf", ADVICE, mend,
		    "up to %llu MiB, which is less than %s",
		    (unsigned long long)limit,
		    human(need, sizeof(need), area));
}

static void check_try(struct check *c)
{
	const char *advice = "";
	unsigned int i;
	char what[32];
	int ret;

	for (i = 0; i < c->opt->nr_queues; i++) {
		uint32_t id = c->opt->queue[i];

		snprintf(what, sizeof(what), "bind %u", id);
		ret = probe_bind(&c->nic, id, &advice);
		if (ret)
			say(c, what, NO, advice, "%s", strerror(-ret));
		else
			say(c, what, YES, NULL, "bound for a moment, and given back");
	}
}

/* Nothing of that can be asked while there is no such queue. */
static void check_queues(struct check *c)
{
	uint32_t queues = 0;
	unsigned int i;

	nic_rx_queues(&c->nic, &queues);
	for (i = 0; i < c->opt->nr_queues; i++) {
		if (c->opt->queue[i] >= queues)
			continue;
		check_steering(c, c->opt->queue[i]);
		check_free(c, c->opt->queue[i]);
	}
}

/* The setup that mends all that is missing; else "". */
static void setup_command(const struct check *c, char *command, size_t size)
{
	command[0] = '\0';
	if (!c->unknown && c->missing == c->by_setup)
		setup_all(c, command, size);
}

static int verdict(const struct check *c)
{
	bool works = !c->missing && !c->unknown;
	char setup[SETUP_MAX];

	setup_command(c, setup, sizeof(setup));
	if (c->opt->json) {
		json_end();
		json_str("setup", c->missing && setup[0] ? setup : NULL);
		json_bool("works", works);
		json_end();
	} else if (works && c->opt->nr_queues) {
		printf("\nzero-copy receive works on %s\n", c->nic.name);
	} else if (works) {
		printf("\nzero-copy receive can be set up on %s: %s\n",
		       c->nic.name, setup);
	} else if (c->missing && setup[0]) {
		printf("\nzero-copy receive does not work on %s: %u missing, which `%s` sets up\n",
		       c->nic.name, c->missing, setup);
	} else if (c->missing) {
		printf("\nzero-copy receive does not work on %s: %u missing\n",
		       c->nic.name, c->missing);
	} else {
		printf("\nnobody knows whether zero-copy receive works on %s: %u unknown\n",
		       c->nic.name, c->unknown);
	}
	return works ? 0 : EXIT_NO;
}

int cmd_check(const struct options *opt)
{
	struct check c = { .opt = opt };
	uint64_t area = opt->area;
	int ret;

	ret = open_nic(&c.nic, opt->ifname);
	if (ret)
		return ret;
	if (!area)
		area = sizing_smallest_area(&c.nic, opt->nr_queues);
	if (opt->json) {
		json_object(NULL);
		json_str("interface", c.nic.name);
		json_array("checks");
	}
	check_kernel(&c);
	check_capability(&c);
	check_link(&c);
	check_driver(&c);
	check_channels(&c);
	check_split(&c);
	check_checksum(&c);
	check_xdp(&c);
	check_vfs(&c);
	check_queues(&c);
	check_memlock(&c, area);
	check_udmabuf(&c, area);
	if (opt->try)
		check_try(&c);
	return verdict(&c);
}
