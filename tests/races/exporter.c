// SPDX-License-Identifier: GPL-2.0
/*
 * The area is a dma-buf that another process made. That process closes it,
 * unmaps it, exits or is killed at a random point; the ring must not notice.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/share.h"
#include "race.h"

#define AREA_LEN	(8 * MIB)
#define STREAM_LEN	(2 * MIB)
#define STEP		(16 * KIB)

enum way { CLOSES, UNMAPS, EXITS, IS_KILLED, NR_WAYS };

/* A ring that was closed may have work for this task, which interrupts it. */
static int hear_on(int ctl, char what)
{
	int ret;

	do {
		ret = hear(ctl, what);
	} while (ret == -EINTR);
	return ret;
}

/* Makes the dma-buf, hands it over, and goes when it is told. */
static int exporter(int ctl, enum way way)
{
	const char *what;
	struct area area;

	if (area_open(&area, AREA_UDMABUF, AREA_LEN, &what))
		return 1;
	if (tell(ctl, 'f', area.dmabuf_fd))
		return 1;
	if (hear_on(ctl, 'g'))
		return 1;
	if (way == CLOSES)
		close(area.dmabuf_fd);
	if (way == UNMAPS)
		munmap(area.base, area.len);
	if (way == EXITS)
		return 0;
	if (tell(ctl, 'd', -1))
		return 1;
	/* to be killed, or to leave with what is left */
	return hear_on(ctl, 'q') ? 1 : 0;
}

/* A mapping of our own, since theirs goes. */
static int take_over(struct area *area, int ctl)
{
	int fd = hear_on(ctl, 'f');

	if (fd <= 0)
		return fd ? fd : -EBADF;
	*area = (struct area) {
		.kind = AREA_UDMABUF,
		.len = AREA_LEN,
		.dmabuf_fd = fd,
	};
	area->base = mmap(NULL, AREA_LEN, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);
	if (area->base == MAP_FAILED)
		return -errno;
	return madvise(area->base, AREA_LEN, MADV_DONTFORK) ? -errno : 0;
}

struct exporting {
	int ctl;
	pid_t pid;
	enum way way;
};

static struct exporting exporting;

static int send_away(struct actor *actor)
{
	(void)actor;
	if (exporting.way == IS_KILLED)
		return kill(exporting.pid, SIGKILL) ? -errno : 0;
	return tell(exporting.ctl, 'g', -1);
}

/* Receives while the other goes, and then the rest. */
static int receive_meanwhile(struct run *run, struct receiver *rx)
{
	struct actor actor = { .act = send_away };
	int ret, act_ret;
	__u64 before;

	ret = zc_recv(rx->zc, rx->sock, 0, 0);
	if (!ret)
		ret = receive(rx, STEP + chance(run, 4 * STEP));
	if (ret)
		return failed("no bytes before", ret > 0 ? -EPIPE : ret);
	ret = actor_start(&actor, run);
	if (ret)
		return failed("thread", ret);
	while (!ret && !actor_done(&actor))
		ret = receive(rx, STEP);
	before = rx->bytes;
	act_ret = actor_join(&actor);
	if (act_ret)
		return failed("the exporter", act_ret);
	if (exporting.way == CLOSES || exporting.way == UNMAPS)
		act_ret = hear_on(exporting.ctl, 'd');
	if (act_ret)
		return failed("the exporter", act_ret);
	if (ret == RECEIVE_MORE)
		ret = receive(rx, ENDLESS);
	if (ret != RECEIVE_END)
		return failed("the stream", ret < 0 ? ret : -EPIPE);
	return rx->bytes > before ? ROUND_COUNTS : ROUND_IDLE;
}

static int receive_into(struct run *run, struct zc *zc)
{
	__u64 len = STREAM_LEN + chance(run, 2 * MIB);
	struct receiver rx = { .zc = zc, .stream = &race_stream };
	struct wire wire;
	int ret, peer;

	ret = wire_open(&wire, chance_addr(run), &race_stream, len, false);
	if (ret)
		return failed("connection", ret);
	rx.sock = wire.sock;
	ret = receive_meanwhile(run, &rx);
	run->bytes += rx.bytes;
	if (ret < 0)
		return ret;
	if (rx.bytes != len) {
		run->lost += len - rx.bytes;
		return failed("the stream's end", -EPIPE);
	}
	peer = wire_close(&wire);
	return peer ? failed("the peer", peer) : ret;
}

static int receive_in_area(struct run *run)
{
	const struct zc_config cfg = {
		.ifname = WIRE_IF,
		.rxq = WIRE_RXQ,
	};
	struct area area;
	struct zc zc;
	int ret;

	ret = take_over(&area, exporting.ctl);
	if (ret)
		return failed("the dma-buf", ret);
	ret = zc_open_area(&zc, &cfg, &area);
	if (ret)
		return failed(zc.failed, ret);
	/* from now on the kernel alone has a reference, but for the exporter */
	if (chance(run, 2)) {
		close(area.dmabuf_fd);
		zc.areas[0].dmabuf_fd = -1;
	}
	ret = receive_into(run, &zc);
	zc_close(&zc);
	return ret;
}

static int exporter_round(struct run *run)
{
	int ctl[2], ret, status, end;

	ret = talk_open(ctl);
	if (ret)
		return failed("socket", ret);
	exporting.ctl = ctl[0];
	exporting.way = chance(run, NR_WAYS);
	fflush(NULL);
	exporting.pid = fork();
	if (!exporting.pid) {
		close(ctl[0]);
		_exit(exporter(ctl[1], exporting.way));
	}
	close(ctl[1]);
	if (exporting.pid < 0)
		return -errno;
	ret = receive_in_area(run);
	if (exporting.way == CLOSES || exporting.way == UNMAPS)
		tell(ctl[0], 'q', -1);
	close(ctl[0]);
	if (waitpid(exporting.pid, &status, 0) != exporting.pid)
		return failed("waitpid", -ECHILD);
	if (ret >= 0 && status != (exporting.way == IS_KILLED ? SIGKILL : 0))
		return failed("the exporter's end", -ECHILD);
	end = nothing_left();
	return end ? end : ret;
}

const struct race race_exporter = {
	.name = "exporter",
	.rare = true,
	.round = exporter_round,
};
