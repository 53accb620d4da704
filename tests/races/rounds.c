// SPDX-License-Identifier: GPL-2.0
/*
 * The rounds of a race, in a process of its own: whatever it has left open when
 * a round fails ends with it, its peers as well, and the next race finds what
 * this one did.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "race.h"

/* Twice what any wait within a round takes. */
#define ROUND_PATIENCE_S	(2 * WIRE_PATIENCE_MS / 1000)
/* It may be in the middle of a socket that is copied, see areas.c. */
#define KILL_PATIENCE_S		30
/* One round in so many may not count, and is done again; two always. */
#define IDLE_SHARE		20
#define RTO_MIN_US		"5000\n"

/* A table that leads to a queue beyond those that nic-set-up sets is in its way. */
#define RESTORE	"ip netns del other 2>/dev/null; " \
		"ethtool -X eth0 equal 1; " \
		"ip link set eth0 mtu 1500; " \
		"ip -n peer link set eth1 mtu 1500; " \
		"nic-set-up && { ethtool -G eth0 rx 256 || :; } && " \
		"ethtool -X eth0 start 1 equal 1"

static int do_rounds(const struct race *race, struct run *run,
		     unsigned int rounds)
{
	int ret, end;

	ret = nothing_left();
	if (!ret)
		ret = set_patience(RTO_MIN_US);
	if (!ret)
		ret = set_peer_patience(RTO_MIN_US);
	if (!ret && race->begin)
		ret = race->begin(run);
	while (ret >= 0 && run->counted < rounds &&
	       run->idle <= 2 + rounds / IDLE_SHARE) {
		run->begun++;
		run->at = NULL;
		ret = race->round(run);
		if (ret == ROUND_COUNTS)
			run->counted++;
		else if (ret == ROUND_IDLE)
			run->idle++;
	}
	/* who killed it sets the NIC up again */
	if (ret < 0)
		return ret;
	end = race->end ? race->end(run) : 0;
	return end ? end : nothing_left();
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static bool has_ended(pid_t pid, unsigned int patience_s,
		      const volatile unsigned int *progress)
{
	const struct timespec ms10 = { .tv_nsec = 10 * 1000000 };
	unsigned int seen = *progress;
	time_t since = now();

	while (now() - since < patience_s) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		if (seen != *progress)
			since = now();
		seen = *progress;
		nanosleep(&ms10, NULL);
	}
	return false;
}

/* -EBUSY if that does not help: the kernel keeps what it should not. */
static int restore(void)
{
	unsigned int tries;
	int ret = -EBUSY;

	/* as long as the ring is not quite gone, some of it is refused */
	for (tries = 0; ret && tries < 3; tries++) {
		ret = run(RESTORE);
		if (ret)
			sleep(1);
	}
	if (failed("setting the NIC up again", ret))
		return -EBUSY;
	return nothing_left() ? -EBUSY : 0;
}

/*
 * What its threads wait for, or what they are at: that is seen on their CPU alone. And
 * who has the buffers of its rings.
 */
static void tell_where(pid_t pid)
{
	char cmd[768];

	snprintf(cmd, sizeof(cmd),
		 "cd /proc/%d; for t in task/*; do "
		 "echo \"# $t, $(cat $t/comm): system call $(cat $t/syscall)\"; "
		 "sed 's/^/#   /' $t/stack; done; "
		 "for i in 1 2 3 4; do echo l >/proc/sysrq-trigger; sleep 0.1; done; "
		 "dmesg | tail -n 200 | sed 's/^/# /'; "
		 "grep -ls ^Zcrx: fdinfo/* | xargs -r sed 's/^/# /'; "
		 "ss -tinm | sed 's/^/# /'; ethtool -x eth0 | sed 's/^/# /'",
		 pid);
	fflush(NULL);
	run(cmd);
}

int run_rounds(const struct race *race, struct run *run, unsigned int rounds)
{
	bool ended;
	pid_t pid;

	run->ret = -ECHILD;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run->ret = do_rounds(race, run, rounds);
		fflush(NULL);
		_exit(0);
	}
	ended = has_ended(pid, ROUND_PATIENCE_S, &run->begun);
	if (!ended) {
		run->ret = failed("a round that does not end", -ETIMEDOUT);
		fprintf(stderr, "# it is at: %s; %llu bytes came before\n",
			run->at ?: "something else", run->bytes);
		tell_where(pid);
	}
	/* peers that are left are of its group */
	kill(-pid, SIGKILL);
	if (!ended && !has_ended(pid, KILL_PATIENCE_S, &run->begun))
		return failed("a process that cannot be killed", -EBUSY);
	if (run->ret && restore())
		return -EBUSY;
	return run->ret;
}
