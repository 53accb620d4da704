// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"
#include "queues.h"
#include "record.h"
#include "restore.h"
#include "steps.h"

/* What the kernel would refuse in the end, so that nothing is changed for it. */
static int refuse(const struct options *opt, const struct nic *nic)
{
	struct probe_kernel kernel;

	probe_kernel(&kernel);
	if (kernel.error)
		return complain_err(kernel.error, "io_uring is not to be had; "
				    "sysctl kernel.io_uring_disabled should be 0");
	if (!kernel.zcrx && !kernel.untold)
		return complain("the running kernel has no zero-copy receive: boot one that has "
				"(uname -r tells which this is)");
	if (options_has_queue(opt, 0))
		return complain("%s: queue 0 is needed for all that is not TCP; take 1 or higher",
				nic->name);
	if (nic->xdp)
		return complain("%s has an XDP program, which excludes zero-copy receive: `ip "
				"link set %s xdp off`",
				nic->name, nic->name);
	return refuse_if_busy(nic, "set it up");
}

/* Enough of them for the highest queue. */
static int set_channels(const struct options *opt, const struct nic *nic)
{
	uint32_t need = options_highest_queue(opt) + 1, max;
	struct nic_channels c;
	char from[64], to[64];
	int ret;

	ret = nic_get_channels(nic, &c);
	if (ret == -EOPNOTSUPP)
		return complain("%s: the driver (%s) has no queues to choose from (channels)",
				nic->name, nic->driver);
	if (ret)
		return complain_err(ret, "%s: cannot ask for the channels",
				    nic->name);
	if (c.combined + c.rx >= need)
		return 0;
	max = nic_max_rx_queues(&c);
	if (need > max)
		return complain("%s: queue %u would be the %uth, and there are %u at most",
				nic->name, need - 1, need, max);
	snprintf(from, sizeof(from), "%u+%u", c.combined, c.rx);
	if (c.max_combined)
		c.combined = need - c.rx;
	else
		c.rx = need;
	snprintf(to, sizeof(to), "%u+%u", c.combined, c.rx);
	step("channels", from, to, "ethtool -L %s %s %u", nic->name,
	     c.max_combined ? "combined" : "rx",
	     c.max_combined ? c.combined : c.rx);
	if (opt->dry_run)
		return 0;
	ret = nic_set_channels(nic, &c);
	if (ret)
		return complain_err(ret, "%s: cannot set the channels",
				    nic->name);
	return 0;
}

static int set_split(const struct options *opt, const struct nic *nic)
{
	struct nic_rings rings;
	int ret;

	ret = nic_get_rings(nic, &rings);
	if (ret && ret != -EOPNOTSUPP)
		return complain_err(ret, "%s: cannot ask for tcp-data-split",
				    nic->name);
	if (ret || !rings.can_split)
		return complain("%s: the NIC or its driver (%s) cannot split headers from "
				"payload; the 82576 can, with this kernel's igb",
				nic->name, nic->driver);
	if (rings.split)
		return 0;
	step("tcp-data-split", "off", "on", "ethtool -G %s tcp-data-split on",
	     nic->name);
	if (opt->dry_run)
		return 0;
	ret = nic_set_split(nic, true);
	if (ret)
		return complain_err(ret, "%s: cannot turn tcp-data-split on",
				    nic->name);
	return 0;
}

/* It is one of those, or a rule leads to it. Queue 0 never is. */
static bool is_reserved(const struct options *opt, const struct record *record,
			uint32_t queue)
{
	unsigned int i;

	for (i = 0; i < record->nr_rules; i++)
		if (record->rule[i].queue == queue)
			return true;
	return options_has_queue(opt, queue);
}

/*
 * Where flows go. With rules for them, the table keeps all others away from the
 * queues; without, it leads everything there, and what is not TCP goes to queue 0.
 * True if that is what it did.
 */
static bool fill_table(const struct options *opt, const struct record *record,
		       uint32_t queues, struct nic_rss *rss)
{
	uint32_t i, queue, next = 0;
	bool same = true;

	for (i = 0; i < rss->size; i++) {
		if (record->nr_rules) {
			while (is_reserved(opt, record, next % queues))
				next++;
			queue = next++ % queues;
		} else {
			queue = opt->queue[i % opt->nr_queues];
		}
		same = same && rss->queue[i] == queue;
		rss->queue[i] = queue;
	}
	return same;
}

static int set_rss(const struct options *opt, const struct nic *nic,
		   const struct record *record)
{
	char from[RSS_QUEUES_SIZE], to[RSS_QUEUES_SIZE], command[RSS_COMMAND_SIZE];
	struct nic_rss rss;
	uint32_t queues;
	bool to_come, same;
	int ret;

	ret = nic_rx_queues(nic, &queues);
	if (ret)
		return complain_err(ret, "%s: cannot count the queues", nic->name);
	ret = nic_get_rss(nic, &rss);
	if (ret == -EOPNOTSUPP && record->nr_rules)
		return 0;
	if (ret)
		return complain_err(ret, "%s: there is no RSS table to choose which "
				    "flows reach the queues", nic->name);
	/* channels that are only said to come bring a table of the driver's */
	to_come = queues <= options_highest_queue(opt);
	if (to_come)
		queues = options_highest_queue(opt) + 1;
	rss_queues(from, sizeof(from), &rss);
	same = fill_table(opt, record, queues, &rss);
	if (to_come || !same) {
		step("RSS table", to_come ? "the driver's" : from,
		     rss_queues(to, sizeof(to), &rss), "%s",
		     rss_command(command, sizeof(command), nic, &rss));
		if (!opt->dry_run)
			ret = nic_set_rss(nic, &rss);
	}
	nic_free_rss(&rss);
	if (ret)
		return complain_err(ret, "%s: cannot set the RSS table", nic->name);
	return 0;
}

static const struct nic_rule *find_rule(const struct record *record, bool ipv6,
					uint16_t port)
{
	unsigned int i;

	for (i = 0; i < record->nr_rules; i++)
		if (record->rule[i].ipv6 == ipv6 && record->rule[i].port == port)
			return &record->rule[i];
	return NULL;
}

static int plan_rule(const struct nic *nic, struct record *record, bool ipv6,
		     const struct port *port)
{
	const struct nic_rule *old = find_rule(record, ipv6, port->port);
	uint32_t location;
	int ret;

	if (old && old->queue == port->queue)
		return 0;
	if (old)
		return complain("%s: port %u goes to queue %u by an earlier setup: `zcrxctl "
				"restore %s` first",
				nic->name, port->port, old->queue, nic->name);
	if (record->nr_rules == MAX_RULES)
		return complain("%s: no more than %u rules", nic->name,
				MAX_RULES);
	ret = nic_free_location(nic, record->rule, record->nr_rules, &location);
	if (ret == -ENOSPC)
		return complain("%s: the NIC has no room for another rule: `ethtool -n %s` shows "
				"those that it has",
				nic->name, nic->name);
	if (ret)
		return ret;
	record->rule[record->nr_rules++] = (struct nic_rule) {
		.location = location,
		.ipv6 = ipv6,
		.port = port->port,
		.queue = port->queue,
	};
	return 0;
}

/* Two for each port, into the record: before they are made. */
static int plan_rules(const struct options *opt, const struct nic *nic,
		      struct record *record)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < 2 * opt->nr_ports; i++)
		ret = plan_rule(nic, record, i % 2, &opt->port[i / 2]);
	return ret;
}

static bool has_any_rule(const struct nic *nic, const struct record *record)
{
	unsigned int i;

	for (i = 0; i < record->nr_rules; i++)
		if (nic_has_rule(nic, &record->rule[i]) == 1)
			return true;
	return false;
}

/* Returns 0, EXIT_NO, or -EOPNOTSUPP if the NIC takes no such rules. */
static int add_rules(const struct options *opt, const struct nic *nic,
		     const struct record *record)
{
	bool ntuple = false;
	unsigned int i;
	int ret;

	/* igb drops all rules when it goes off again: not if somebody has some */
	if (record->has_ntuple && !nic_get_ntuple(nic, &ntuple) && !ntuple &&
	    !nic_count_rules(nic)) {
		step("ntuple", "off", "on", "ethtool -K %s ntuple on", nic->name);
		if (!opt->dry_run && nic_set_ntuple(nic, true))
			return -EOPNOTSUPP;
	}
	for (i = 0; i < record->nr_rules; i++) {
		const struct nic_rule *rule = &record->rule[i];
		char to[64];

		ret = nic_has_rule(nic, rule);
		if (ret == 1)
			continue;
		if (ret == -EEXIST)
			return complain("%s: the place of rule %u was taken by another: "
					"`zcrxctl restore %s` first", nic->name,
					rule->location, nic->name);
		if (ret && ret != -EOPNOTSUPP)
			return complain_err(ret, "%s: cannot look at rule %u",
					    nic->name, rule->location);
		snprintf(to, sizeof(to), "tcp%d port %u to queue %u",
			 rule->ipv6 ? 6 : 4, rule->port, rule->queue);
		step("rule", "none", to,
		     "ethtool -N %s flow-type tcp%d dst-port %u action %u loc %u",
		     nic->name, rule->ipv6 ? 6 : 4, rule->port, rule->queue,
		     rule->location);
		if (opt->dry_run)
			continue;
		ret = nic_add_rule(nic, rule);
		if ((ret == -EOPNOTSUPP || ret == -EINVAL) &&
		    !has_any_rule(nic, record))
			return -EOPNOTSUPP;
		if (ret)
			return complain_err(ret, "%s: cannot add rule %u",
					    nic->name, rule->location);
	}
	return 0;
}

static void lead_by_table(const struct options *opt, struct record *record)
{
	record->nr_rules = 0;
	record->nr_table = opt->nr_queues;
	memcpy(record->table, opt->queue, sizeof(record->table));
}

static int save(const struct options *opt, const struct nic *nic,
		const struct record *record)
{
	int ret = opt->dry_run ? 0 : record_save(record, nic);

	if (ret)
		return complain_err(ret, "cannot write %s, which restore needs",
				    record_path(nic));
	return 0;
}

/* Rules where the NIC takes them, else the table. */
static int steer(const struct options *opt, const struct nic *nic,
		 struct record *record)
{
	int ret = record->nr_rules ? add_rules(opt, nic, record) : 0;

	if (ret && ret != -EOPNOTSUPP)
		return ret;
	if (!ret && record->nr_rules && opt->dry_run)
		step_note("if the NIC refuses the rules, the RSS table leads all TCP to "
			  "the queues");
	if (ret) {
		/* it has none of them, and need not be asked again */
		lead_by_table(opt, record);
		if (record->has_ntuple && !record->ntuple &&
		    !nic_count_rules(nic))
			nic_set_ntuple(nic, false);
		ret = save(opt, nic, record);
		if (ret)
			return ret;
	}
	if (opt->nr_ports && !record->nr_rules)
		step_note("the NIC takes no rules for ports of TCP: all TCP goes to the queues");
	return set_rss(opt, nic, record);
}

static int change(const struct options *opt, const struct nic *nic,
		  struct record *record)
{
	int ret;

	ret = set_channels(opt, nic);
	if (!ret)
		ret = set_split(opt, nic);
	if (!ret)
		ret = steer(opt, nic, record);
	return ret;
}

static int try(const struct options *opt, const struct nic *nic)
{
	const char *advice = "";
	unsigned int i;
	int ret;

	for (i = 0; i < opt->nr_queues; i++) {
		ret = probe_bind(nic, opt->queue[i], &advice);
		if (ret)
			return complain("%s: queue %u cannot be bound: %s; %s",
					nic->name, opt->queue[i], strerror(-ret),
					advice);
	}
	return 0;
}

/* A second setup keeps what the first one found. */
static int begin_record(struct record *record, const struct nic *nic,
			bool *second)
{
	int ret = load_record(record, nic);

	*second = !ret;
	if (ret != -ENOENT)
		return ret;
	ret = record_take(record, nic);
	if (ret)
		return complain_err(ret, "%s: cannot ask for its settings",
				    nic->name);
	return 0;
}

/* What an earlier setup made stays: this one may add rules, or change nothing. */
static int agree(const struct options *opt, const struct nic *nic,
		 const struct record *record)
{
	unsigned int i;
	bool same = record->nr_table == opt->nr_queues;

	for (i = 0; i < record->nr_table; i++)
		same = same && options_has_queue(opt, record->table[i]);
	if (record->nr_rules ? opt->nr_ports : same)
		return 0;
	return complain("%s: an earlier setup made %s: `zcrxctl restore %s` first, then "
			"name all queues in one setup", nic->name,
			record->nr_rules ? "rules for ports" :
			"the RSS table lead to other queues", nic->name);
}

/* Into the record, before anything is changed. */
static int plan(const struct options *opt, const struct nic *nic,
		struct record *record)
{
	int ret = 0;

	/* by the table already: the NIC did not take rules then */
	if (!record->nr_table)
		ret = plan_rules(opt, nic, record);
	if (ret == -EOPNOTSUPP && !record->nr_rules)
		ret = 0;
	if (ret < 0)
		return complain_err(ret, "%s: cannot look at the rules for flows",
				    nic->name);
	if (!record->nr_rules)
		lead_by_table(opt, record);
	return ret;
}

/* What a setup that failed leaves. The first one of several is not undone. */
static void undo(const struct options *opt, const struct nic *nic,
		 const struct record *record, bool second)
{
	if (second) {
		complain("%s: `zcrxctl restore %s` puts back what was there before the first setup",
			 nic->name, nic->name);
		return;
	}
	complain("%s: putting back what was there", nic->name);
	if (put_back(opt, nic, record))
		complain("%s: `zcrxctl restore %s` tries it again", nic->name,
			 nic->name);
}

static int set_up(const struct options *opt, const struct nic *nic)
{
	struct record record;
	bool second;
	int ret;

	ret = begin_record(&record, nic, &second);
	if (ret)
		return ret;
	if (second)
		ret = agree(opt, nic, &record);
	if (!ret)
		ret = plan(opt, nic, &record);
	if (!ret)
		ret = save(opt, nic, &record);
	if (ret)
		goto out;
	steps_begin(opt, nic, "setup");
	ret = change(opt, nic, &record);
	if (!ret && opt->try && !opt->dry_run)
		ret = try(opt, nic);
	if (ret && !opt->dry_run)
		undo(opt, nic, &record, second);
	steps_end(!ret);
out:
	record_free(&record);
	return ret;
}

int cmd_setup(const struct options *opt)
{
	struct nic nic;
	int ret, lock;

	lock = lock_nic(&nic, opt->ifname);
	if (lock < 0)
		return EXIT_NO;
	ret = refuse(opt, &nic);
	if (!ret)
		ret = set_up(opt, &nic);
	close(lock);
	return ret;
}
