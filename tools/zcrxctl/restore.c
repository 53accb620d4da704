// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "owners.h"
#include "queues.h"
#include "restore.h"
#include "steps.h"

/*
 * A program that was told to end does so soon, and the kernel gives its queue back soon
 * after that: look again, so often, each tenth of a second.
 */
#define TRIES	30

/* One that has a provider. Returns 1 if there is one, 0 if not, or -errno. */
static int busy_queue(const struct nic *nic, struct queue *busy)
{
	struct queues queues;
	unsigned int i;
	int ret;

	ret = queues_get(&queues, nic->index);
	if (ret)
		return ret;
	for (i = 0; !ret && i < queues.nr; i++) {
		*busy = queues.queue[i];
		ret = busy->provider != PROVIDER_NONE;
	}
	queues_free(&queues);
	return ret;
}

int refuse_if_busy(const struct nic *nic, const char *what)
{
	const struct timespec tenth = { .tv_nsec = 100000000 };
	struct queue busy;
	struct owner owner;
	int ret, tries;

	/* igb, for one, makes a new RSS table when it is opened */
	if (!nic->up)
		return complain("%s is down, and would forget settings when it is set up: "
				"`ip link set %s up` first", nic->name, nic->name);
	ret = busy_queue(nic, &busy);
	for (tries = 1; ret == 1 && tries < TRIES; tries++) {
		nanosleep(&tenth, NULL);
		ret = busy_queue(nic, &busy);
	}
	if (!ret)
		return 0;
	if (ret < 0)
		return complain_err(ret, "%s: cannot list the queues", nic->name);
	if (busy.provider == PROVIDER_IO_URING &&
	    !owner_of(&owner, nic->index, busy.id))
		return complain("%s: queue %u is in use by %s (pid %d); stop it before you %s",
				nic->name, busy.id, owner.shown, (int)owner.pid, what);
	return complain("%s: queue %u is in use (%s); stop what uses it before you %s",
			nic->name, busy.id, provider_name(busy.provider), what);
}

static int del_rules(const struct options *opt, const struct nic *nic,
		     const struct record *record)
{
	unsigned int i;
	int ret;

	for (i = record->nr_rules; i-- > 0;) {
		const struct nic_rule *rule = &record->rule[i];
		char from[64];

		ret = nic_has_rule(nic, rule);
		if (ret == -EEXIST)
			step_note("rule %u is somebody else's now, and stays",
				  rule->location);
		/* it was never added */
		if (!ret || ret == -EEXIST || ret == -EOPNOTSUPP)
			continue;
		if (ret < 0)
			return complain_err(ret, "%s: cannot look at rule %u",
					    nic->name, rule->location);
		snprintf(from, sizeof(from), "tcp%d port %u to queue %u",
			 rule->ipv6 ? 6 : 4, rule->port, rule->queue);
		step("rule", from, "none", "ethtool -N %s delete %u", nic->name,
		     rule->location);
		if (opt->dry_run)
			continue;
		ret = nic_del_rule(nic, rule);
		if (ret)
			return complain_err(ret, "%s: cannot delete rule %u",
					    nic->name, rule->location);
	}
	return 0;
}

static int set_flag(const struct options *opt, const struct nic *nic,
		    const char *what, bool is, bool was, const char *letter,
		    int (*set)(const struct nic *nic, bool on))
{
	int ret;

	if (is == was)
		return 0;
	step(what, is ? "on" : "off", was ? "on" : "off", "ethtool -%s %s %s %s",
	     letter, nic->name, what, was ? "on" : "off");
	if (opt->dry_run)
		return 0;
	ret = set(nic, was);
	if (ret)
		return complain_err(ret, "%s: cannot turn %s %s", nic->name,
				    what, was ? "on" : "off");
	return 0;
}

/* Beside those of the record, which may be there still. */
static bool others_have_rules(const struct nic *nic, const struct record *record)
{
	int rules = nic_count_rules(nic);
	unsigned int i;

	for (i = 0; i < record->nr_rules; i++)
		rules -= nic_has_rule(nic, &record->rule[i]) == 1;
	return rules > 0;
}

/* Drivers may drop all rules with it. */
static int back_ntuple(const struct options *opt, const struct nic *nic,
		       const struct record *record)
{
	bool now;
	int ret;

	ret = nic_get_ntuple(nic, &now);
	if (ret)
		return complain_err(ret, "%s: cannot ask for ntuple", nic->name);
	if (now && !record->ntuple && others_have_rules(nic, record)) {
		step_note("ntuple stays on: there are rules of somebody else");
		return 0;
	}
	return set_flag(opt, nic, "ntuple", now, record->ntuple, "K",
			nic_set_ntuple);
}

static int back_split(const struct options *opt, const struct nic *nic,
		      const struct record *record)
{
	struct nic_rings rings;
	int ret;

	ret = nic_get_rings(nic, &rings);
	if (ret)
		return complain_err(ret, "%s: cannot ask for tcp-data-split",
				    nic->name);
	return set_flag(opt, nic, "tcp-data-split", rings.split, record->split,
			"G", nic_set_split);
}

static bool same_rss(const struct nic_rss *a, const struct nic_rss *b)
{
	return a->size == b->size &&
	       !memcmp(a->queue, b->queue, a->size * sizeof(*a->queue));
}

/*
 * Fewer channels are refused while the table leads to those that would go, so it is
 * the driver's own in between. That is done again if this is: the end is the same.
 */
static int back_channels(const struct options *opt, const struct nic *nic,
			 const struct record *record, bool *changed)
{
	struct nic_channels now, was = record->channels;
	char from[64], to[64], rss[64] = "";
	int ret;

	ret = nic_get_channels(nic, &now);
	if (ret)
		return complain_err(ret, "%s: cannot ask for the channels",
				    nic->name);
	if (now.rx == was.rx && now.tx == was.tx && now.combined == was.combined)
		return 0;
	*changed = true;
	was.max_rx = now.max_rx;
	was.max_tx = now.max_tx;
	was.max_combined = now.max_combined;
	snprintf(from, sizeof(from), "%u+%u", now.combined, now.rx);
	snprintf(to, sizeof(to), "%u+%u", was.combined, was.rx);
	/* a queue that the table leads to cannot go */
	if (record->has_rss)
		snprintf(rss, sizeof(rss), "ethtool -X %s default; ", nic->name);
	step("channels", from, to, "%sethtool -L %s %s %u", rss, nic->name,
	     was.max_combined ? "combined" : "rx",
	     was.max_combined ? was.combined : was.rx);
	if (opt->dry_run)
		return 0;
	if (record->has_rss) {
		ret = nic_default_rss(nic);
		if (ret)
			return complain_err(ret, "%s: cannot set the RSS table",
					    nic->name);
	}
	ret = nic_set_channels(nic, &was);
	if (ret)
		return complain_err(ret, "%s: cannot set the channels",
				    nic->name);
	return 0;
}

static int back_rss(const struct options *opt, const struct nic *nic,
		    const struct record *record)
{
	char from[RSS_QUEUES_SIZE], to[RSS_QUEUES_SIZE], command[RSS_COMMAND_SIZE];
	struct nic_rss now;
	uint32_t queues;
	bool same;
	int ret;

	ret = nic_get_rss(nic, &now);
	if (ret)
		return complain_err(ret, "%s: cannot ask for the RSS table",
				    nic->name);
	same = same_rss(&now, &record->rss);
	rss_queues(from, sizeof(from), &now);
	nic_free_rss(&now);
	if (same)
		return 0;
	ret = nic_rx_queues(nic, &queues);
	if (ret)
		return complain_err(ret, "%s: cannot count the queues",
				    nic->name);
	step("RSS table", from, rss_queues(to, sizeof(to), &record->rss), "%s",
	     rss_command(command, sizeof(command), nic, &record->rss));
	if (opt->dry_run)
		return 0;
	/* as if nobody had touched it, if nobody had */
	if (nic_rss_is_default(&record->rss, queues))
		ret = nic_default_rss(nic);
	else
		ret = nic_set_rss(nic, &record->rss);
	if (ret)
		return complain_err(ret, "%s: cannot set the RSS table",
				    nic->name);
	return 0;
}

int put_back(const struct options *opt, const struct nic *nic,
	     const struct record *record)
{
	bool channels = false;
	int ret;

	ret = del_rules(opt, nic, record);
	if (!ret && record->has_ntuple)
		ret = back_ntuple(opt, nic, record);
	if (!ret && record->has_channels)
		ret = back_channels(opt, nic, record, &channels);
	if (!ret && record->has_split)
		ret = back_split(opt, nic, record);
	/* the driver may make a new one with the channels, and the right one */
	if (opt->dry_run && channels)
		step_note("the RSS table is set if it does not come with the channels");
	else if (!ret && record->has_rss)
		ret = back_rss(opt, nic, record);
	if (ret || opt->dry_run)
		return ret;
	ret = record_remove(nic);
	if (ret)
		return complain_err(ret, "cannot remove %s", record_path(nic));
	return 0;
}

int load_record(struct record *record, const struct nic *nic)
{
	int ret = record_load(record, nic);

	if (ret == -ENOENT)
		return ret;
	if (ret)
		return complain_err(ret, "%s is not what setup has written; delete it "
				    "if you know what it is", record_path(nic));
	if (record_is_of(record, nic))
		return 0;
	complain("%s is of device %s, and %s is %s: delete it", record_path(nic),
		 record->bus, nic->name, nic->bus);
	record_free(record);
	return EXIT_NO;
}

int lock_nic(struct nic *nic, const char *ifname)
{
	int lock;

	/* a reader that goes does not leave the NIC half set up */
	signal(SIGPIPE, SIG_IGN);
	if (open_nic(nic, ifname))
		return -ENODEV;
	lock = record_lock(nic);
	if (lock == -EPERM)
		complain("others than root may write to " RECORD_DIR ": see who made "
			 "it, and delete it");
	else if (lock < 0)
		complain_err(lock, "cannot write to " RECORD_DIR "; setup and restore "
			     "have to be run as root");
	return lock;
}

int cmd_restore(const struct options *opt)
{
	struct record record;
	struct nic nic;
	int ret, lock;

	lock = lock_nic(&nic, opt->ifname);
	if (lock < 0)
		return EXIT_NO;
	ret = load_record(&record, &nic);
	if (ret == -ENOENT) {
		complain("%s: there is nothing to restore: no setup since the machine was "
			 "started, or it was restored, or the NIC was removed since",
			 nic.name);
		ret = EXIT_NOTHING;
	}
	if (ret)
		goto out;
	ret = refuse_if_busy(&nic, "restore");
	if (!ret) {
		steps_begin(opt, &nic, "restore");
		ret = put_back(opt, &nic, &record);
		steps_end(!ret);
	}
	record_free(&record);
out:
	close(lock);
	return ret;
}
