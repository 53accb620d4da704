// SPDX-License-Identifier: GPL-2.0
/*
 * The ring goes at a random point: it is closed, or its process is killed. What
 * its socket holds is lost by definition; a new ring and a new connection must
 * not lose a byte.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/hold.h"
#include "lib/wire.h"
#include "peer.h"
#include "race.h"

#define STEP	(16 * KIB)
/* How long the process that is to die may take for its first bytes. */
#define POLL_US	200

/* A ring and an endless stream, some of whose buffers are kept. */
struct doomed {
	struct zc zc;
	struct wire wire;
	struct receiver rx;
	struct hold hold;
};

static int doomed_open(struct doomed *d, struct run *run)
{
	const char *addr = chance_addr(run);
	int ret;

	memset(d, 0, sizeof(*d));
	ret = wire_bind(&d->zc, chance_kind(run), (4 + chance(run, 3) * 4) * MIB);
	if (ret)
		return ret;
	ret = wire_open(&d->wire, addr, &race_stream, ENDLESS, true);
	if (ret)
		return failed("connection", ret);
	d->rx = (struct receiver) {
		.zc = &d->zc,
		.sock = d->wire.sock,
		.stream = &race_stream,
		.hold = &d->hold,
	};
	return zc_recv(&d->zc, d->rx.sock, 0, 0);
}

/* Counts in *moved, which another process reads. */
static int doomed_receive(struct doomed *d, __u64 bytes, volatile __u64 *moved)
{
	__u64 until = d->rx.bytes + bytes, before;
	int ret;

	while (d->rx.bytes < until) {
		before = d->rx.bytes;
		ret = receive(&d->rx, STEP);
		*moved += d->rx.bytes - before;
		if (ret)
			return failed("receiving", ret > 0 ? -EPIPE : ret);
	}
	return 0;
}

/* Some of it is kept, in every other round. */
static int doomed_run(struct doomed *d, struct run *run, volatile __u64 *moved)
{
	int ret = doomed_open(d, run);

	if (ret)
		return ret;
	d->rx.keep = chance(run, 2);
	ret = doomed_receive(d, chance(run, 128 * KIB) + STEP, moved);
	d->rx.keep = false;
	return ret ? ret : doomed_receive(d, chance(run, 256 * KIB), moved);
}

/*
 * The socket before the ring, or the ring before the socket. The request has a
 * reference to the socket, so the peer notices only when the ring is gone.
 */
static int doomed_close(struct doomed *d, struct run *run)
{
	bool socket_first = chance(run, 2);

	if (chance(run, 4) == 0)
		hold_release(&d->hold, &d->zc);
	if (socket_first)
		close(d->wire.sock);
	zc_close(&d->zc);
	if (!socket_first) {
		delay(run, chance_delay(run));
		close(d->wire.sock);
	}
	free(d->hold.rqe);
	return failed("the peer", peer_wait(d->wire.peer));
}

static int exit_round(struct run *run)
{
	volatile __u64 moved = 0;
	struct doomed d;
	int ret, end;

	ret = doomed_run(&d, run, &moved);
	if (ret)
		return ret;
	run->bytes += moved;
	delay(run, chance_delay(run));
	end = doomed_close(&d, run);
	if (end)
		return end;
	ret = receive_on_new_ring(run, chance_kind(run));
	if (ret)
		return ret;
	return moved ? ROUND_COUNTS : ROUND_IDLE;
}

/* So that it is killed while it opens and closes rings as well. */
static void receive_until_killed(struct run *run, volatile __u64 *moved)
{
	struct doomed d;
	int ret;

	do {
		ret = doomed_run(&d, run, moved);
		if (!ret)
			ret = doomed_close(&d, run);
	} while (!ret);
	_exit(1);
}

/*
 * Until it has received a byte, and then as long as a ring of it may last.
 * Returns -ECHILD if it ends before, which means that receiving failed.
 */
static int wait_for_moment(struct run *run, pid_t child, volatile __u64 *moved)
{
	unsigned int waited = 0;
	int status;

	while (!*moved) {
		if (waitpid(child, &status, WNOHANG))
			return -ECHILD;
		usleep(POLL_US);
		waited += POLL_US;
		if (waited > WIRE_PATIENCE_MS * 1000)
			return -ETIMEDOUT;
	}
	if (chance(run, 2))
		usleep(chance(run, 100000));
	else
		delay(run, chance_delay(run));
	return 0;
}

static int kill_child(struct run *run, volatile __u64 *moved)
{
	int status, ret;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		receive_until_killed(run, moved);
	}
	/* else it would draw what the child draws */
	chance(run, 2);
	ret = wait_for_moment(run, child, moved);
	if (ret == -ECHILD)
		return failed("the receiver ended", ret);
	kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child)
		return failed("waitpid", -ECHILD);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		return failed("the receiver ended", -ECHILD);
	return ret;
}

static int kill_round(struct run *run)
{
	static volatile __u64 *moved;
	int ret;

	if (!moved) {
		moved = mmap(NULL, sizeof(*moved), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (moved == MAP_FAILED)
			return -errno;
	}
	*moved = 0;
	ret = kill_child(run, moved);
	if (ret)
		return ret;
	run->bytes += *moved;
	ret = receive_on_new_ring(run, chance_kind(run));
	if (ret)
		return ret;
	return *moved ? ROUND_COUNTS : ROUND_IDLE;
}

const struct race race_kill = {
	.name = "kill",
	.round = kill_round,
};

const struct race race_exit = {
	.name = "exit",
	.round = exit_round,
};
